"""Every command that a message, hint or help can print is one that the command line takes."""

from __future__ import annotations

import ast
import difflib
import re
import shlex
from pathlib import Path

import pytest
import typer

from orchestrator.cli.main import app

ROOT = Path(__file__).parents[2]
GROUP = typer.main.get_command(app)
#: A command stops where its sentence goes on.
COMMAND = re.compile(r"(?<![\w/.-])farm ([a-z][^\n;`<>]*)")
STOPS = re.compile(r"(?:[,.:)'”]+(?:\s|$)|\s\(|\s{2,}|\s—|\s·)")
#: Names of commands: a page's title, the subject of a message, the comment at the head of an inventory.
NAMES = {"results gate", "results check", "results plot", "results accuracy", "devices add"}
PLACEHOLDER = re.compile(r"…|\.\.\.|\b[A-Z][A-Z_]*\b|\x00")


def strings(path: Path):
    """Yield the texts of a module with a NUL for each value that is filled in; docstrings are left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    within = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else "\0" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings | within:
            yield node.value


def texts():
    for folder in ("orchestrator", "agent"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            for text in strings(path):
                yield path, text
    for path in sorted((ROOT / "orchestrator").rglob("*.html*")):
        for code in re.findall(r"<code>(.*?)</code>", path.read_text(encoding="utf-8"), re.DOTALL):
            yield path, re.sub(r"\{\{.*?\}\}", "\0", code)


def printed():
    """Return every command as it is printed, with the file that prints it; what follows in its sentence may still be there."""
    found = {}
    for path, text in texts():
        for match in COMMAND.finditer(re.sub(r"\\\n\s*", "", text)):
            words = match[1].split("  #")[0]
            end = STOPS.search(words)
            found.setdefault(words[: end.start()] if end else words, str(path.relative_to(ROOT)))
    return found


def is_command(words: list[str]) -> bool:
    """Check whether the command line's own parser takes ``words``, which it does not run."""
    command, context, left = GROUP, None, list(words)
    try:
        while True:
            # a group keeps what its subcommand takes
            context = command.make_context("farm", list(left), parent=context)
            if not hasattr(command, "commands"):
                return True
            left = [*getattr(context, "_protected_args", ()), *context.args]
            if not left:
                return command.invoke_without_command
            _, command, left = command.resolve_command(context, left)
    except typer.Exit:
        return True
    except Exception as error:  # noqa: BLE001  Typer's own kinds of it are private
        return "does not exist" in str(error)


def filled(text: str) -> list[str]:
    try:
        words = shlex.split(text, comments=True)
    except ValueError:
        words = text.split()
    return [PLACEHOLDER.sub("1", word).strip("()") for word in words]


def fault(text: str) -> str | None:
    """Return why what is printed is no command, ``None`` where it is one, or where a sentence begins with the word farm."""
    words = filled(text)
    first = words[0]
    if text.strip() in NAMES:
        return None
    if first not in GROUP.commands:
        near = difflib.get_close_matches(first, GROUP.commands, n=1, cutoff=0.8)
        return f"no command {first}; is it {near[0]}?" if near else None
    of_command = GROUP.commands[first]
    path = 2 if len(words) > 1 and words[1] in getattr(of_command, "commands", ()) else 1
    needed = max([path, *(place + 1 for place, word in enumerate(words) if word.startswith("-"))])
    # words after the last option may be the rest of a sentence
    if any(is_command(words[:count]) for count in range(len(words), needed - 1, -1)):
        return None
    return "the command line refuses it"


COMMANDS = printed()


def test_every_command_that_a_message_can_print_is_taken_by_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    faults = {f"farm {text!r} in {path}": why for text, path in COMMANDS.items() if (why := fault(text))}

    assert len(COMMANDS) > 150
    assert faults == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("run --resume", None),
        ("results show CASE", None),
        ("results show", "the command line refuses it"),
        ("result list", "no command result; is it results?"),
        ("devices list --nope", "the command line refuses it"),
        ("knows jump hosts only", None),
        ("devices show has its load when it is idle", None),
    ],
)
def test_the_test_knows_a_command_from_a_sentence(text, why):
    assert fault(text) == why
