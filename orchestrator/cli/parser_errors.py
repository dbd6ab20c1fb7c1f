"""What Typer's parser refuses, in farm's words."""

from __future__ import annotations

import re
from contextlib import contextmanager
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.errors import UsageError

#: The base of all that the parser raises, which Typer does not name itself.
ParserError: Any = typer.BadParameter.__base__
#: Kind of pydantic's complaint -> what is expected, with the complaint's own figures.
_EXPECTED = {
    "greater_than_equal": "{ge:g} or more",
    "greater_than": "more than {gt:g}",
    "less_than_equal": "{le:g} or less",
    "less_than": "less than {lt:g}",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_parsing": "a number",
}
#: What the parser says -> what it is, with the parts in brackets; ``{subject}`` is the option with its value.
_SENTENCES = (
    (re.compile(r"(?:dir|directory|file|path) '(.*)' does not exist", re.IGNORECASE), "{subject}: no such {kind}"),
    (
        re.compile(r"(?:dir|directory|file|path) '(.*)' is a file", re.IGNORECASE),
        "{subject}: a file, expected a folder",
    ),
    (
        re.compile(r"(?:dir|directory|file|path) '(.*)' is a directory", re.IGNORECASE),
        "{subject}: a folder, expected a file",
    ),
    (re.compile(r"(?:Value error, )?'(.*?)' is not one of (.*?)\.?$"), "{subject}: expected one of {rest}"),
)
_NO_COMMAND = re.compile(r"No such command '(.*?)'")
_WITHOUT_VALUE = re.compile(r"Option '(-[^']*)' requires an argument")
_TOO_MANY = re.compile(r"Got unexpected extra argument(?:s|\(s\))? \((.*)\)", re.DOTALL)


@contextmanager
def in_our_words() -> Iterator[None]:
    """Raise what the parser refuses as a `UsageError` that names command, option, value and what is expected."""
    try:
        yield
    except ParserError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # a group alone prints its help
            raise
        raise _translated(error) from error


def _translated(error: Any) -> UsageError:
    from orchestrator.errors import UsageError

    message = error.format_message()
    context = error.ctx
    command = context.command_path if context else "farm"
    usage = f"{command} --help" if context else None
    subject = "" if command == "farm" else f"{command}: "  # every message begins with farm
    if (match := _NO_COMMAND.match(message)) is not None:
        return UsageError(f"{subject}no such command: {match[1]}", hint=_meant(context, match[1]) or usage)
    if (match := _WITHOUT_VALUE.match(message)) is not None:
        return UsageError(f"{subject}{match[1]} requires a value", hint=usage)
    if (match := _TOO_MANY.match(message)) is not None:
        return UsageError(f"{subject}unexpected argument: {match[1]}", hint=usage)
    parameter = getattr(error, "param", None)
    if parameter is None:
        return UsageError(f"{subject}{message[:1].lower()}{message[1:].rstrip('.')}", hint=usage)
    name = parameter.opts[0] if parameter.param_type_name == "option" else parameter.metavar or parameter.name.upper()
    if message.startswith("Missing "):
        return UsageError(f"{subject}{name} is required", hint=usage)
    source = context.get_parameter_source(parameter.name)
    if source is not None and source.name == "ENVIRONMENT":
        name = str(parameter.envvar)
    return UsageError(f"{subject}{_sentence(error, name)}", hint=usage)


def _sentence(error: Any, name: str) -> str:
    """Return ``--seed x: expected a whole number``."""
    for complaint in getattr(error.__cause__, "errors", list)():
        if (expected := _EXPECTED.get(complaint["type"])) is not None:
            value = str(complaint["input"])[:40]
            return f"{name} {value}: expected {expected.format(**complaint.get('ctx', {}))}"
    for pattern, sentence in _SENTENCES:
        if (match := pattern.match(error.message)) is not None:
            kind = "folder" if error.message.startswith("dir") else "file"
            rest = match[2].replace("'", "") if pattern.groups > 1 else ""
            subject = f"{name} {match[1]}" if name.startswith("-") or name.isidentifier() else match[1]
            return sentence.format(subject=subject, kind=kind, rest=rest)
    return f"{name}: {error.message.removeprefix('Value error, ').rstrip('.')}"


def _meant(context: Any, word: str) -> str:
    """Return the command that ``word`` resembles, else those of groups that are called so."""
    commands = context.command.commands
    near = [f"{context.command_path} {name}" for name in get_close_matches(word, commands, 1, cutoff=0.6)]
    below = [
        f"{context.command_path} {group} {word}"
        for group, command in commands.items()
        if word in getattr(command, "commands", ())
    ]
    named = below or near
    return f"did you mean {' or '.join(named)}?" if named else ""
