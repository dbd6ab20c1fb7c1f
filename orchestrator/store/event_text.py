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
    from collections.abc import Callable, Mapping

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
    return json.dumps(_EVENTS.encode(event), separators=(",", ":"))


def from_line(line: str) -> Event:
    """Return the event that `to_line` wrote; raises `ValueError` where it wrote nothing like ``line``."""
    try:
        value = _EVENTS.decode(json.loads(line))
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(f"no event that this farm knows: {error}") from None
    if not isinstance(value, event.Event):
        raise ValueError("no event")  # noqa: TRY004  of a file's content, whatever its type
    return value


class ValueText:
    """Values of ``classes``, by their names, as JSON values."""

    def __init__(self, classes: Mapping[str, type]) -> None:
        self._classes = classes

    def encode(self, value: Any) -> Any:
        """Return ``value`` as JSON values; raises `TypeError` for one of a class that `decode` does not know."""
        if value is None or isinstance(value, bool | int | float | str):
            return value
        if isinstance(value, list):
            return [self.encode(inner) for inner in value]
        if isinstance(value, dict) and TAG not in value and all(isinstance(key, str) for key in value):
            return {key: self.encode(inner) for key, inner in value.items()}
        tag, content = self.tagged(value)
        return {TAG: tag, "of": content}

    def tagged(self, value: Any) -> tuple[str, Any]:
        """Return how a value that JSON has no form for is written, by the name of its type."""
        kind = type(value).__name__
        if (isinstance(value, Enum) or is_dataclass(value)) and self._classes.get(kind) is not type(value):
            raise TypeError(f"a value of class {kind} can't be kept in a file")
        if isinstance(value, bytes):
            return "bytes", base64.b64encode(value).decode()
        if isinstance(value, datetime):
            return "datetime", value.isoformat()
        if isinstance(value, Enum):
            return kind, value.name
        if is_dataclass(value):
            return kind, {field.name: self.encode(getattr(value, field.name)) for field in fields(value)}
        if hasattr(value, "items"):
            return "dict", [[self.encode(key), self.encode(inner)] for key, inner in value.items()]
        return ("tuple", [self.encode(inner) for inner in value]) if isinstance(value, tuple) else ("text", str(value))

    def decode(self, value: Any) -> Any:
        """Undo `encode`; raises `ValueError`, `TypeError`, `KeyError` or `AttributeError` for what it did not make."""
        if isinstance(value, list):
            return [self.decode(inner) for inner in value]
        if not isinstance(value, dict):
            return value
        if TAG not in value:
            return {key: self.decode(inner) for key, inner in value.items()}
        return self.read(value[TAG], value["of"])

    def read(self, tag: str, content: Any) -> Any:
        """Undo `tagged`."""
        if tag in _READERS:
            return _READERS[tag](content)
        if tag == "dict":
            return {self.decode(key): self.decode(inner) for key, inner in content}
        if tag == "tuple":
            return tuple(map(self.decode, content))
        kind: Any = self._classes[tag]
        if issubclass(kind, Enum):
            return kind[content]
        return kind(**{name: self.decode(inner) for name, inner in content.items()})


_READERS: dict[str, Callable[[Any], Any]] = {
    "bytes": base64.b64decode,
    "datetime": datetime.fromisoformat,
    "text": str,
}
_EVENTS = ValueText(CLASSES)
