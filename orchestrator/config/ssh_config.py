"""Read ssh_config(5), its ``Include`` lines followed, for the values of a host."""

from __future__ import annotations

import fnmatch
import glob
import re
import shlex
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import InventoryError

#: OpenSSH's own limit, READCONF_MAX_DEPTH of readconf.c.
DEEPEST = 16
#: The most lines that all files together may have; a file that includes itself twice would grow to 2^16 copies.
MOST_LINES = 100_000
_LINE = re.compile(r"(?P<keyword>[A-Za-z]+)(?:\s*=\s*|\s+)(?P<value>.*)")


@dataclass(frozen=True, slots=True)
class Condition:
    """A ``Host`` or ``Match`` line; ``words`` are its patterns, or criteria and what they ask for."""

    keyword: str
    words: tuple[str, ...]

    @property
    def always(self) -> bool:
        """Whether it holds for every host."""
        return self.words == (("*",) if self.keyword == "host" else ("all",))

    @property
    def criteria(self) -> tuple[str, ...]:
        """The words of the ``Match`` line that means the same."""
        return ("originalhost", ",".join(self.words)) if self.keyword == "host" else self.words

    def holds(self, alias: str) -> bool | None:
        """Return whether it holds for the host ``alias``; ``None`` where only ssh itself could tell."""
        if self.always:
            return True
        criteria = self.criteria
        # `Match host` is about the name that HostName says, which other lines decide.
        if len(criteria) % 2 or any(word.lower() != "originalhost" for word in criteria[::2]):
            return None
        return all(_matches(alias, patterns.split(",")) for patterns in criteria[1::2])


@dataclass(frozen=True, slots=True)
class Line:
    """A line that says something: ``keyword`` is lower case, ``value`` as written, ``conditions`` outermost first."""

    path: Path
    number: int
    keyword: str
    value: str
    conditions: tuple[Condition, ...]

    @property
    def where(self) -> str:
        """``file:line``, for messages."""
        return f"{self.path}:{self.number}"


def expanded(path: Path) -> str:
    """Return the text of ``path`` with every ``Include`` replaced by what it includes; a missing file is empty.

    A ``Host`` line of a file that is included below another ``Host`` line becomes the ``Match`` line that asks for both,
    as ssh reads it. Raises `InventoryError` with file and line where a file can't be read or includes itself.
    """
    text: list[str] = []
    current: tuple[Condition, ...] = ()
    for line in lines(path):
        if line.conditions != current:
            current = line.conditions
            text.append(_header(current))
        if line.keyword not in ("host", "match"):
            text.append(f"{line.keyword} {line.value}")
    return "".join(f"{line}\n" for line in text)


def lines(path: Path) -> tuple[Line, ...]:
    """Return every line of ``path`` and of the files it includes, in the order in which ssh reads them.

    Relative names in ``Include`` are below the folder of ``path``. Raises `InventoryError` with file and line.
    """
    reader = _Reader(path.parent)
    if path.exists():
        reader.read(path, (), str(path), 0)
    return tuple(reader.found)


def split(line: Line) -> list[str]:
    """Return the words of a line's value, quotes taken off; raises `InventoryError` where a quote has no end."""
    return _words(line.value, line.where)


class _Reader:
    """One file on its way to lines, and all it includes."""

    def __init__(self, base: Path) -> None:
        self.found: list[Line] = []
        self._base = base

    def read(self, path: Path, outer: tuple[Condition, ...], by: str, depth: int) -> None:
        """Collect the lines of ``path``, which ``by`` includes; what it says holds under the conditions ``outer``."""
        if depth > DEEPEST:
            raise InventoryError(f"{by}: files include each other more than {DEEPEST} deep")
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as reason:
            raise InventoryError(f"{by}: {path}: {reason.strerror}") from reason
        conditions = outer
        for number, raw in enumerate(text.split("\n"), 1):
            written, where = raw.strip(), f"{path}:{number}"
            if not written or written.startswith("#"):
                continue
            match = _LINE.fullmatch(written)
            if match is None:
                raise InventoryError(f"{where}: expected a keyword and what it is set to")
            keyword, value = match["keyword"].lower(), match["value"].strip()
            if keyword == "include":
                for file in _files(_words(value, where), self._base):
                    self.read(file, conditions, where, depth + 1)
                continue
            if keyword in ("host", "match"):
                conditions = (*outer, _condition(keyword, value, where))
            if len(self.found) >= MOST_LINES:
                raise InventoryError(f"{where}: more than {MOST_LINES} lines in all the files it includes")
            self.found.append(Line(path, number, keyword, value, conditions))


def _condition(keyword: str, value: str, where: str) -> Condition:
    words = tuple(_words(value, where))
    if not words:
        raise InventoryError(f"{where}: {keyword} without a pattern")
    return Condition(keyword, words)


def _files(patterns: list[str], base: Path) -> list[Path]:
    """Return the files that the words of ``Include`` mean, in order; none is no error for ssh, either."""
    files: list[Path] = []
    for pattern in patterns:
        with suppress(RuntimeError, ValueError):  # ~nobody, and a name with a NUL
            names = glob.glob(str(base / Path(pattern).expanduser()))  # noqa: PTH207  Path.glob takes no absolute pattern
            files += [Path(name) for name in sorted(names) if Path(name).is_file()]
    return files


def _words(value: str, where: str) -> list[str]:
    try:
        return shlex.split(value, comments=True)
    except ValueError as reason:
        raise InventoryError(f"{where}: {str(reason).lower()}") from reason


def _matches(alias: str, patterns: list[str]) -> bool:
    if any(fnmatch.fnmatchcase(alias, pattern[1:]) for pattern in patterns if pattern.startswith("!")):
        return False
    return any(fnmatch.fnmatchcase(alias, pattern) for pattern in patterns if not pattern.startswith("!"))


def _header(conditions: tuple[Condition, ...]) -> str:
    """Return the one line that asks for all of ``conditions``."""
    asked = [condition for condition in conditions if not condition.always]
    if not asked:
        return "Host *"
    if len(asked) == 1:
        return f"{asked[0].keyword} {shlex.join(asked[0].words) if asked[0].keyword == 'match' else _quoted(asked[0].words)}"
    return "match " + shlex.join(word for condition in asked for word in condition.criteria)


def _quoted(words: tuple[str, ...]) -> str:
    return " ".join(f'"{word}"' if re.search(r"\s", word) else word for word in words)
