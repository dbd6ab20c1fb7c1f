"""Whether the command line understands words, without carrying out anything."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import typer
from typer._click.exceptions import ClickException

from orchestrator.cli.main import app
from orchestrator.errors import FarmError


@cache
def _root() -> Any:
    return typer.main.get_command(app)


def complaint(words: Sequence[str]) -> str:
    """Return why ``farm`` followed by these words is refused before it begins, or nothing."""
    command = _root()
    name, left, context = "farm", list(words), None
    try:
        while True:
            context = command.make_context(name, left, parent=context)
            left = [*context._protected_args, *context.args] if hasattr(command, "resolve_command") else []
            if not left:
                return ""
            name, command, left = command.resolve_command(context, left)
    except (typer.Exit, typer.Abort):
        return ""
    except ClickException as error:
        return error.format_message()
    except FarmError as error:
        return error.message


def unknown(words: Sequence[str]) -> str:
    """Return the first word that names no command or option; values may be placeholders and arguments may be missing."""
    command = _root()
    for word in words:
        if hasattr(command, "commands") and re.fullmatch(r"[a-z-]+", word):
            if word not in command.commands and not command.params:
                return f"no command {word}"
            command = command.commands.get(word, command)
        elif word.startswith("--"):
            options = {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
            option = word.partition("=")[0].rstrip(",.;:)")
            if option not in options | {"--help", "--version"}:
                return f"no option {option}"
    return ""
