"""What the pages of the documentation hold: text, blocks, commands."""

from __future__ import annotations

import importlib.util
import re
import shlex
import sys
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
TOP = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY", "CHANGELOG")]
PAGES = [
    *TOP,
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "examples").glob("*/README.md")),
    *sorted((ROOT / "benchmarks").glob("README.md")),
]
BLOCK = re.compile(r"^```(?P<language>\w*)[^\n]*\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A line of a page that begins with ``$``, with what the page shows below it."""

    page: str
    line: int
    text: str
    shown: tuple[str, ...] = ()

    @property
    def words(self) -> list[str]:
        """The words that a shell would pass on, without a comment; redirections are words of their own."""
        lexer = shlex.shlex(self.text, posix=True, punctuation_chars=">|&;()")
        lexer.whitespace_split = True
        return list(lexer)

    @property
    def farm(self) -> list[str] | None:
        """The words behind ``farm``, without a redirection; ``None`` where another program is called."""
        words = [word.removeprefix("./") for word in self.words]
        if not words or words[0] != "farm":
            return None
        return words[1 : words.index(">")] if ">" in words else words[1:]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block; a console has commands."""

    language: str
    body: str
    start: int
    commands: tuple[Command, ...] = field(default=())


def blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page in their order."""
    text = page.read_text(encoding="utf-8")
    name = str(page.relative_to(ROOT))
    return [
        Block(
            language=match["language"],
            body=match["body"],
            start=match.start("body"),
            commands=tuple(_commands(name, text[: match.start("body")].count("\n") + 1, match["body"]))
            if match["language"] == "console"
            else (),
        )
        for match in BLOCK.finditer(text)
    ]


def _commands(page: str, first: int, body: str):
    text, line, shown = "", 0, []
    for number, each in enumerate(body.splitlines(), first):
        if each.startswith("$ "):
            if text:
                yield Command(page=page, line=line, text=text, shown=tuple(shown))
            text, line, shown = each[2:], number, []
        elif text.endswith("\\"):
            text = text[:-1] + each.strip()
        else:
            shown.append(each)
    if text:
        yield Command(page=page, line=line, text=text, shown=tuple(shown))


def commands() -> list[Command]:
    """Return the commands of all pages."""
    return [command for page in PAGES for block in blocks(page) for command in block.commands]


def spans(page: Path) -> list[str]:
    """Return what stands between single backticks in the prose and the tables of a page."""
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", BLOCK.sub("", page.read_text(encoding="utf-8")))


def script(name: str) -> ModuleType:
    """Import a script, whose name has no ending."""
    loader = SourceFileLoader(f"scripts_{name}", str(ROOT / "scripts" / name))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = sys.modules[loader.name] = importlib.util.module_from_spec(spec)  # where dataclasses look
    loader.exec_module(module)
    return module
