"""Check the options of a plug-in against its signature."""

from __future__ import annotations

import inspect
import json
import sys
import types
import typing
from functools import cache
from typing import TYPE_CHECKING, Any

from orchestrator.config import complaints

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pydantic

    from orchestrator.config.complaints import Complaint

#: Given by farm, not by an option.
GIVEN = frozenset({"preprocess"})


@cache
def names(plug_in: Callable[..., Any]) -> tuple[str, ...]:
    """Return the options that a plug-in takes."""
    parameters = inspect.signature(plug_in).parameters.values()
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return tuple(each.name for each in parameters if each.kind not in variable and each.name not in GIVEN)


def complaint(plug_in: Callable[..., Any], options: Mapping[str, Any]) -> Complaint | None:
    """Return the first of ``options`` (JSON values) that the plug-in does not take, ``None`` where it takes all.

    Numbers, texts, lists and mappings are held against the annotations of the plug-in's parameters, strictly: ``true`` is no
    number. An annotation that names what is imported for type checkers alone is not checked.
    """
    import pydantic

    model = _model(plug_in)
    plain = json.loads(json.dumps(dict(options), default=str))
    try:
        model.model_validate_json(json.dumps(plain))
    except pydantic.ValidationError as invalid:
        return complaints.first_of(invalid, model, plain, with_value=True)
    return None


@cache  # once for all models of a suite: a signature leaves 100 kB of garbage
def _model(plug_in: Callable[..., Any]) -> type[pydantic.BaseModel]:
    import pydantic

    fields: dict[str, Any] = {}
    extra: typing.Literal["allow", "forbid"] = "forbid"
    for number, parameter in enumerate(inspect.signature(plug_in).parameters.values()):
        if parameter.kind is parameter.VAR_KEYWORD:
            extra = "allow"
        elif parameter.name in names(plug_in):
            default = ... if parameter.default is parameter.empty else parameter.default
            # by an alias, because a model has no place for fields called `copy`, `json` or `_x`
            fields[f"option_{number}"] = _type(plug_in, parameter), pydantic.Field(default, alias=parameter.name)
    config = pydantic.ConfigDict(extra=extra, strict=True, allow_inf_nan=False, arbitrary_types_allowed=True)
    return pydantic.create_model("Options", __config__=config, **fields)


def _type(plug_in: Callable[..., Any], parameter: inspect.Parameter) -> Any:
    if parameter.annotation is parameter.empty:
        return Any
    alone = types.SimpleNamespace(__annotations__={parameter.name: parameter.annotation})
    try:
        return typing.get_type_hints(alone, vars(sys.modules[plug_in.__module__]), include_extras=True)[parameter.name]
    except (NameError, AttributeError, TypeError, SyntaxError):
        return Any
