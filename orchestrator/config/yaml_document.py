"""YAML files that people write: a complaint names file, line, key, nearest right key."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from orchestrator.errors import UsageError, unknown_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pydantic import BaseModel

    Parsed = TypeVar("Parsed", bound=BaseModel)

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A parsed file whose values remember their lines; ``data`` keeps comments and order for writing it back."""

    path: Path
    data: Any
    #: Raised for every complaint about this file.
    error: type[UsageError]

    def complain(self, location: Sequence[str | int], message: str, *, hint: str | None = None) -> UsageError:
        """Return the error for the value at ``location`` (keys and list positions from the top), to be raised."""
        return self.error(f"{self.path}:{_line(self.data, location)}: {message}", hint=hint)

    def check(self, model: type[Parsed], data: Any | None = None) -> Parsed:
        """Return the document as ``model``; raises ``error`` for the first thing that does not fit."""
        import pydantic

        try:
            return model.model_validate(self.data if data is None else data)
        except pydantic.ValidationError as invalid:
            # A misspelt key makes the right one missing: the misspelling is the one to name. Where a value may be a word
            # or a mapping, the complaint from deeper inside is about what was meant.
            first = min(invalid.errors(), key=lambda found: (found["type"] != "extra_forbidden", -len(_path(found))))
            location = _path(first)
            where = ".".join(str(part) for part in location)
            if first["type"] == "extra_forbidden":
                known = fields_at(model, location[:-1])
                raise self.complain(location, unknown_key(location[-1], known)) from None
            message = first["msg"].removeprefix("Value error, ")
            if first["type"] == "model_type":  # its own words name our classes
                message = f"this is a mapping, with {', '.join(fields_at(model, location))}"
            raise self.complain(location, f"{where}: {message[:1].lower()}{message[1:]}") from None


def read(path: Path, error: type[UsageError]) -> Document:
    """Read and parse ``path``; raises ``error`` where it can't be read or is no YAML mapping."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as reason:
        raise error(f"{path}: {reason.strerror}") from reason
    except UnicodeDecodeError as reason:
        raise error(f"{path}: not UTF-8 at byte {reason.start}") from reason
    return parse(text, path, error)


def parse(text: str, path: Path, error: type[UsageError]) -> Document:
    """Parse ``text``, which is or will be in ``path``; raises ``error`` where it is no YAML mapping."""
    import ruamel.yaml
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        data = ruamel.yaml.YAML(typ="rt").load(text)
    except MarkedYAMLError as reason:
        line = reason.problem_mark.line + 1 if reason.problem_mark else 1
        problem = (reason.problem or reason.context or "not YAML").strip().splitlines()[0]
        # the words that follow are values of the file, and may be secrets
        problem = re.sub(r"(found duplicate key \S+|found undefined alias).*", r"\1", problem)
        raise error(f"{path}:{line}: {problem}") from reason
    except YAMLError as reason:
        raise error(f"{path}: {str(reason).splitlines()[0]}") from reason
    except RecursionError as reason:
        raise error(f"{path}: nested deeper than anybody means") from reason
    if data is None:
        data = CommentedMap()
    if not isinstance(data, dict):
        raise error(f"{path}:1: expected `key: value` lines, found a {type(data).__name__}")
    return Document(path=path, data=data, error=error)


def expand(document: Document, location: Sequence[str | int], text: str) -> str:
    """Replace ``${NAME}`` by the environment's value; a name that is not set is an error with its line."""

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if found is None:
            raise document.complain(
                location, f"environment variable {match[1]} is not set", hint=f"export {match[1]}=… and try again"
            )
        return found

    return _REFERENCE.sub(value, text)


def _path(found: Mapping[str, Any]) -> tuple[str | int, ...]:
    return tuple(part for part in found["loc"] if _is_path(part))


def _is_path(part: str | int) -> bool:
    # pydantic puts the names of union members ("str", "function-…", "Model") between the keys of the document
    return isinstance(part, int) or not re.match(r"((str|int|float|bool)$|list\[|tuple\[|function-|_?[A-Z]\w*$)", part)


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


def fields_at(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """Return the keys that ``model`` knows at ``location``."""
    import typing

    import pydantic

    current: Any = model
    for part in location:
        annotation: Any = (
            current.model_fields[part].annotation
            if isinstance(part, str) and part in getattr(current, "model_fields", {})
            else None
        )
        candidates = [annotation] if annotation is not None else []
        found = None
        while candidates and found is None:
            candidate = candidates.pop()
            if isinstance(candidate, type) and issubclass(candidate, pydantic.BaseModel):
                found = candidate
            candidates.extend(typing.get_args(candidate))
        current = found or current
    return [field.alias or name for name, field in current.model_fields.items()]
