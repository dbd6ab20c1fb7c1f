"""Read the lines of ssh_config(5) files, ``Include`` followed."""

from __future__ import annotations

import glob
import os
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.errors import InventoryError

#: OpenSSH's own limit, READCONF_MAX_DEPTH of readconf.c.
DEEPEST = 16
#: The most lines that all files together may have; a file that includes itself twice would grow to 2^16 copies.
MOST_LINES = 100_000
MOST_BYTES = 16 << 20
#: Criteria of ``Match`` that take no argument.
BARE = ("all", "canonical", "final")
#: Keywords whose value goes to a shell as it is written, quotes and ``#`` included.
COMMANDS = ("proxycommand", "localcommand", "remotecommand", "knownhostscommand")
_LINE = re.compile(r"\"?(?P<keyword>[^\s=\"]+)\"?(?:\s*=\s*|\s+)(?P<value>\S.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion of a ``Match`` line: ``!host gate,pi*`` is negated, about ``host``, with two patterns."""

    name: str
    argument: str = ""
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """A ``Host`` or ``Match`` line; ``words`` are its patterns, or criteria with their arguments."""

    keyword: str
    words: tuple[str, ...]

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """Return the criteria of a ``Match`` line, names in lower case; a missing argument is empty."""
        found, words = [], list(self.words)
        while words:
            word = words.pop(0)
            negated, (name, equals, argument) = word.startswith("!"), word.removeprefix("!").partition("=")
            if name.lower() not in BARE and not equals:
                argument = words.pop(0) if words else ""
            found.append(Criterion(name.lower(), argument, negated))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a file: ``keyword`` is lower case, ``value`` as written, ``conditions`` outermost first."""

    path: Path
    number: int
    keyword: str
    value: str
    conditions: tuple[Condition, ...]

    @property
    def where(self) -> str:
        """``file:line``, for messages."""
        return f"{self.path}:{self.number}"

    @property
    def words(self) -> list[str]:
        """Return the words of the value, quotes removed; raises `InventoryError` where a quote is not closed."""
        return split(self.value, self.where)


def lines(*paths: Path) -> tuple[Line, ...]:
    """Return every line of ``paths`` and of the files they include, in the order in which ssh reads them.

    A missing file has no lines. Relative names in ``Include`` are below the folder of the file in ``paths``. Raises
    `InventoryError` with file and line.
    """
    reader = _Reader()
    for path in paths:
        if path.exists():
            reader.read(path, path.parent, (), str(path), 0)
    return tuple(reader.lines)


def split(text: str, where: str) -> list[str]:
    """Return the words of ``text`` as OpenSSH's argv_split does: a ``#`` at the start of a word begins a comment.

    Raises `InventoryError` where a quote is not closed.
    """
    words: list[str] = []
    rest = text.lstrip()
    while rest and rest[0] != "#":
        word, quote = "", ""
        while rest and (quote or not rest[0].isspace()):
            letter, rest = rest[0], rest[1:]
            if letter == "\\" and rest and rest[0] in ("\\'\"" if quote else "\\'\" "):
                word, rest = word + rest[0], rest[1:]
            elif letter == quote:
                quote = ""
            elif not quote and letter in "'\"":
                quote = letter
            else:
                word += letter
        if quote:
            raise InventoryError(f"{where}: no closing quotation")
        words.append(word)
        rest = rest.lstrip()
    return words


def included(value: str, base: Path, where: str) -> list[Path]:
    """Return the files that the patterns of ``Include`` match, in order; one that matches nothing is no error, as for ssh.

    Raises `InventoryError` with ``where``.
    """
    files: list[Path] = []
    for pattern in split(value, where):
        with suppress(RuntimeError, ValueError):  # ~nobody, and a name with a NUL
            name = str(base / Path(os.path.expandvars(pattern) if "${" in pattern else pattern).expanduser())
            files += [Path(each) for each in sorted(glob.glob(name)) if Path(each).is_file()]  # noqa: PTH207  absolute
    return files


class _Reader:
    """Collects lines from files that include each other."""

    def __init__(self) -> None:
        self.lines: list[Line] = []

    def read(self, path: Path, base: Path, outer: tuple[Condition, ...], by: str, depth: int) -> None:
        """Collect the lines of ``path``, which ``by`` includes under the conditions ``outer``."""
        if depth > DEEPEST:
            raise InventoryError(f"{by}: files include each other more than {DEEPEST} deep")
        text = _text(path, by)
        conditions = outer
        for number, raw in enumerate(text.split("\n"), 1):
            written, where = raw.strip(), f"{path}:{number}"
            if not written or written.startswith("#"):
                continue
            match = _LINE.fullmatch(written)
            if match is None:
                raise InventoryError(f"{where}: expected a keyword and its value")
            line = Line(path, number, match["keyword"].lower(), match["value"], conditions)
            if line.keyword == "include":
                for file in included(line.value, base, where):
                    self.read(file, base, conditions, where, depth + 1)
                continue
            if line.keyword in ("host", "match"):
                conditions = (*outer, _condition(line))
                line = replace(line, conditions=conditions)
            if len(self.lines) >= MOST_LINES:
                raise InventoryError(f"{where}: more than {MOST_LINES} lines in all the files it includes")
            self.lines.append(line)


def _text(path: Path, by: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as reason:
        raise InventoryError(f"{by}: {path}: {reason.strerror}") from reason
    if len(content) > MOST_BYTES:
        raise InventoryError(f"{by}: {path}: larger than {MOST_BYTES >> 20} MiB")
    return content.decode("utf-8", errors="replace")


def _condition(line: Line) -> Condition:
    if not line.words:
        raise InventoryError(f"{line.where}: {line.keyword} without a pattern")
    return Condition(line.keyword, tuple(line.words))
