"""YAML files that people write: a complaint names file, line, key, nearest right key."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.config import complaints, yaml_parse
from orchestrator.config.read_bytes import read_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pydantic import BaseModel

    from orchestrator.errors import UsageError

    Parsed = TypeVar("Parsed", bound=BaseModel)

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
#: No number that farm reads, stores or shows needs more than 64 bits.
_TOO_LARGE = 1 << 63


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A parsed file whose values remember their lines; ``data`` keeps comments and order for writing it back."""

    path: Path
    data: Any
    #: Raised for every complaint about this file.
    error: type[UsageError]

    def complain(self, location: Sequence[str | int], message: str, *, hint: str | None = None) -> UsageError:
        """Return the error for the value at ``location`` (keys and list positions from the top), to be raised."""
        return self.error(f"{self.place(location)}: {message}", hint=hint)

    def place(self, location: Sequence[str | int]) -> str:
        """Return where the value at ``location`` is: ``suite.yaml:3``."""
        return f"{self.path}:{_line(self.data, location)}"

    def plain(self) -> Any:
        """Return ``data`` as Python's own values; raises ``error`` for text or a number that nothing can use."""
        return self._plain(self.data, ())

    def check(
        self, model: type[Parsed], data: Any = None, *, at: tuple[str | int, ...] = (), subject: str | None = None
    ) -> Parsed:
        """Return ``data``, `plain` or a part of it, as ``model``; raises ``error`` for the first misfit.

        ``at`` is where the part is in the document, ``subject`` what it is: ``device pi5``.
        """
        import pydantic

        if data is None:
            data = self.plain()
        try:
            return model.model_validate(data)
        except pydantic.ValidationError as invalid:
            complaint = complaints.first_of(invalid, model, data)
            words = f"{subject}: {complaint.words}" if subject else complaint.words
            raise self.complain((*at, *complaint.location), words) from None

    def _plain(self, value: Any, location: tuple[str | int, ...]) -> Any:
        if isinstance(value, dict):
            return {self._plain(key, location): self._plain(inner, (*location, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._plain(inner, (*location, number)) for number, inner in enumerate(value)]
        try:
            return _scalar(value)
        except ValueError as wrong:
            raise self.complain(location, str(wrong)) from None


def _scalar(value: Any) -> Any:
    """Return a value that is neither a mapping nor a list as Python's own; raises `ValueError` for a useless one."""
    if isinstance(value, str):
        if "\0" in value or re.search(r"[\ud800-\udfff]", value):
            raise ValueError("this text has a character that neither files nor databases take")
        return str(value)
    if type(value).__name__ == "ScalarBoolean":
        return bool(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) >= _TOO_LARGE:
            raise ValueError("this number is too large")
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("this number is not finite")
        return float(value)
    return value


def read(path: Path, error: type[UsageError]) -> Document:
    """Read and parse ``path``; raises ``error`` where it can't be read or is no YAML mapping."""
    try:
        content = read_bytes(path, yaml_parse.MAX_BYTES + 1)
        text = content.decode("utf-8")
    except OSError as reason:
        raise error(f"{path}: {reason.strerror}") from reason
    except UnicodeDecodeError as reason:
        raise error(f"{path}: not UTF-8 at byte {reason.start}", hint="save it as UTF-8") from reason
    if len(content) > yaml_parse.MAX_BYTES:
        raise error(f"{path}: larger than {yaml_parse.MAX_BYTES // 1_000_000} MB")
    return parse(text, path, error)


def parse(text: str, path: Path, error: type[UsageError]) -> Document:
    """Parse ``text``, which is or will be in ``path``; raises ``error`` where it is no YAML mapping."""
    from ruamel.yaml.comments import CommentedMap

    try:
        data = yaml_parse.parse(text)
    except yaml_parse.NotYaml as reason:
        raise error(f"{path}:{reason.line}: {reason.words}") from reason
    if data is None:
        data = CommentedMap()
    if not isinstance(data, dict):
        raise error(f"{path}:1: expected `key: value` lines, not {'a list' if isinstance(data, list) else 'one value'}")
    return Document(path=path, data=data, error=error)


def expand(document: Document, location: Sequence[str | int], text: str) -> str:
    """Replace ``${NAME}`` by the environment's value; a name that is not set is an error with its line."""

    def value(match: re.Match[str]) -> str:
        setting = os.environ.get(match[1])
        if setting is None:
            raise document.complain(
                location, f"environment variable {match[1]} is not set", hint=f"export {match[1]}=… and try again"
            )
        return setting

    return _REFERENCE.sub(value, text)


def _line(data: Any, location: Sequence[str | int]) -> int:
    """Return the line of the deepest part of ``location`` that the file has."""
    line = 1
    for part in location:
        position = getattr(data, "lc", None)
        try:
            line = 1 + (position.key(part) if isinstance(data, dict) else position.item(part))[0]  # type: ignore[union-attr]
            data = data[part]
        except (KeyError, IndexError, TypeError, AttributeError):
            break
    return line
