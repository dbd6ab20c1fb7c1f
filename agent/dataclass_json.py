"""Dataclasses from parsed JSON, without a library."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def parse(content: bytes) -> Any:
    """Return what JSON holds; raises `ValueError` for another text, and for one that is nested too deep for Python."""
    try:
        return json.loads(content)
    except RecursionError as error:
        raise ValueError("JSON is nested too deep") from error


def build(kind: Any, body: dict[str, Any], nested: Mapping[tuple[type, str], type]) -> Any:
    """Return a ``kind`` with the fields of ``body``; ``nested`` says which of them are dataclasses themselves.

    Lists become tuples. Raises `ValueError` for unknown or missing fields.
    """
    if not isinstance(body, dict):
        raise ValueError("a %s is a JSON object" % kind.__name__)  # noqa: TRY004  one kind of error for every bad request
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = set(body) - set(fields)
    if unknown:
        raise ValueError("%s has no field %s" % (kind.__name__, ", ".join(sorted(unknown))))
    values = {}
    for name, value in body.items():
        inner = nested.get((kind, name))
        if inner is not None and value is not None:
            read = (
                tuple(build(inner, item, nested) for item in value)
                if isinstance(value, list)
                else build(inner, value, nested)
            )
        else:
            read = tuple(value) if isinstance(value, list) else value
        values[name] = read
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(str(error)) from error
