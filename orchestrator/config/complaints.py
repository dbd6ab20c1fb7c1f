"""Say in one sentence what pydantic refuses."""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.errors import unknown_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pydantic

_WHOLE, _NUMBER, _TEXT, _LIST = "a whole number", "a number", "text", "a list"
#: pydantic's error type -> what is expected.
_EXPECTED = {
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), _WHOLE),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number"), _NUMBER),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("string_type", "string_sub_type", "string_unicode", "path_type"), _TEXT),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), _LIST),
    **dict.fromkeys(("model_type", "model_attributes_type", "dict_type", "mapping_type"), "a mapping"),
}
#: pydantic's error type -> the rest of the sentence, which may use the error's ``ctx``.
_SENTENCES = {
    "missing": "is required",
    "invalid_key": "keys must be text",
    "greater_than": "must be greater than {gt:.15g}",
    "greater_than_equal": "must be at least {ge:.15g}",
    "less_than": "must be less than {lt:.15g}",
    "less_than_equal": "must be at most {le:.15g}",
    "too_short": "must have at least {min_length} item(s)",
    "too_long": "must have at most {max_length} item(s)",
    "string_too_long": "must have at most {max_length} characters",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What does not fit, and where it is: keys and list positions from the top of the data."""

    location: tuple[str | int, ...]
    words: str
    #: The key, where it is an unknown one.
    key: str | None = None


def first_of(
    invalid: pydantic.ValidationError, model: type[pydantic.BaseModel], data: Any, *, with_value: bool = False
) -> Complaint:
    """Return the complaint to show of all that ``model`` has about ``data``, ``with_value`` where that is no secret.

    A misspelt key makes the right one missing: the misspelling is the one to name. Where a value may be a word or a
    mapping, the complaint from deeper inside is about what was written.
    """
    errors = [(error, _location(error, data)) for error in invalid.errors(include_url=False)]
    error, location = min(errors, key=lambda pair: (pair[0]["type"] != "extra_forbidden", -len(pair[1])))
    if error["type"] == "extra_forbidden":
        key = str(location[-1])
        return Complaint(location=location, words=unknown_key(key, fields_at(model, location[:-1])), key=key)
    where = ".".join(map(str, location))
    words = _words(error, model, location)
    if with_value and error["type"] in _EXPECTED:
        words += f", not {str(error['input'])[:40]!r}" if isinstance(error["input"], str) else f", not {error['input']}"
    return Complaint(location=location, words=f"{where}: {words}" if where else words)


def _words(error: Mapping[str, Any], model: type[pydantic.BaseModel], location: tuple[str | int, ...]) -> str:
    kind = error["type"]
    if kind in _EXPECTED:
        expected = _EXPECTED[kind]
        if kind.startswith("model_"):
            expected += f" with {', '.join(fields_at(model, location))}"
        return f"must be {expected}"
    if kind in _SENTENCES:
        return _SENTENCES[kind].format(**error.get("ctx", {}))
    message = str(error["msg"]).removeprefix("Value error, ")
    return message[:1].lower() + message[1:]


def _location(error: Mapping[str, Any], data: Any) -> tuple[str | int, ...]:
    """Return where the error is in ``data``, without the names of union members that pydantic puts in between."""
    location: list[str | int] = []
    for part in error["loc"]:
        if (isinstance(data, dict) and part in data) or (
            isinstance(data, list | tuple) and isinstance(part, int) and 0 <= part < len(data)
        ):
            data = data[part]
        else:
            continue
        location.append(part)
    if error["type"] == "missing":
        location.append(error["loc"][-1])
    return tuple(location)


def fields_at(model: type[pydantic.BaseModel], location: Sequence[str | int]) -> list[str]:
    """Return the keys that ``model`` has at ``location``."""
    import pydantic

    current: Any = model
    for part in location:
        field = current.model_fields.get(part) if isinstance(part, str) else None
        candidates: list[Any] = [field.annotation] if field is not None else []
        while candidates:
            candidate = candidates.pop()
            if isinstance(candidate, type) and issubclass(candidate, pydantic.BaseModel):
                current = candidate
                break
            candidates.extend(typing.get_args(candidate))
    return [field.alias or name for name, field in current.model_fields.items()]
