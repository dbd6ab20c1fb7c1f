"""Events as lines of JSON, from which they come back as they were."""

from __future__ import annotations

import base64
import json
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from orchestrator.domain import (
    artifact,
    case,
    dataset,
    device,
    effort,
    event,
    image_list,
    model,
    plan,
    profile,
    result,
    run_event,
    samples,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.domain.event import Event

#: Marks a JSON object that stands for a value of another type; its value is that type's name.
TAG = "$"
_MODULES = (
    artifact,
    case,
    dataset,
    device,
    effort,
    event,
    image_list,
    model,
    plan,
    profile,
    result,
    run_event,
    samples,
)
#: What a line may hold: values of these classes, and nothing else that has a name.
CLASSES: dict[str, type] = {
    name: kind
    for module in _MODULES
    for name, kind in vars(module).items()
    if isinstance(kind, type) and kind.__module__ == module.__name__ and (is_dataclass(kind) or issubclass(kind, Enum))
}


def to_line(event: Event) -> str:
    """Return ``event`` as one line of JSON; raises `TypeError` where it is of a class that `from_line` does not know."""
    if CLASSES.get(type(event).__name__) is not type(event):
        raise TypeError(f"an event of class {type(event).__name__} can't be kept in a file")
    return json.dumps(encode(event), separators=(",", ":"))


def from_line(line: str) -> Event:
    """Return the event that `to_line` wrote; raises `ValueError` where it wrote nothing like ``line``."""
    try:
        value = decode(json.loads(line))
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"no event that this farm knows: {error}") from None
    if not isinstance(value, event.Event):
        raise ValueError("no event")  # noqa: TRY004  of a file's content, whatever its type
    return value


def encode(value: Any) -> Any:
    """Return ``value`` as JSON values; raises `TypeError` for one of a class that `decode` does not know."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [encode(inner) for inner in value]
    if isinstance(value, dict) and TAG not in value and all(isinstance(key, str) for key in value):
        return {key: encode(inner) for key, inner in value.items()}
    tag, content = _tagged(value)
    return {TAG: tag, "of": content}


def _tagged(value: Any) -> tuple[str, Any]:
    """Return how a value that JSON has no form for is written, by the name of its type."""
    kind = type(value).__name__
    if (isinstance(value, Enum) or is_dataclass(value)) and CLASSES.get(kind) is not type(value):
        raise TypeError(f"a value of class {kind} can't be kept in a file")
    if isinstance(value, bytes):
        return "bytes", base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return "datetime", value.isoformat()
    if isinstance(value, Enum):
        return kind, value.name
    if is_dataclass(value):
        return kind, {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if hasattr(value, "items"):
        return "dict", [[encode(key), encode(inner)] for key, inner in value.items()]
    return ("tuple", [encode(inner) for inner in value]) if isinstance(value, tuple) else ("text", str(value))


def decode(value: Any) -> Any:
    """Undo `encode`; raises `ValueError`, `TypeError`, `KeyError` or `AttributeError` for what it did not make."""
    if isinstance(value, list):
        return [decode(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    if TAG not in value:
        return {key: decode(inner) for key, inner in value.items()}
    tag, content = value[TAG], value["of"]
    if tag in _READERS:
        return _READERS[tag](content)
    kind: Any = CLASSES[tag]
    if issubclass(kind, Enum):
        return kind[content]
    return kind(**{name: decode(inner) for name, inner in content.items()})


_READERS: dict[str, Callable[[Any], Any]] = {
    "bytes": base64.b64decode,
    "datetime": datetime.fromisoformat,
    "dict": lambda content: {decode(key): decode(inner) for key, inner in content},
    "text": str,
    "tuple": lambda content: tuple(map(decode, content)),
}
