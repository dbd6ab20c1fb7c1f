"""``farm completion``: the script by which a shell completes commands, options, devices, runs, cases."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer

VARIABLE = "_FARM_COMPLETE"
EPILOG = """Examples:

\b
  farm completion bash >> ~/.bashrc
  farm completion zsh >> ~/.zshrc            behind autoload -Uz compinit; compinit
  farm completion fish > ~/.config/fish/completions/farm.fish"""


class Shell(StrEnum):
    """Shells that have a script; zsh reads it after its own `compinit`."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def answer_shells() -> None:
    """Let this process answer those scripts, which ask by the variable ``_FARM_COMPLETE``."""
    if VARIABLE in os.environ:
        _register()


def _register() -> None:
    from typer.completion import get_completion_inspect_parameters

    get_completion_inspect_parameters()  # the public function by which Typer registers what it knows of shells


def completion(
    context: typer.Context, shell: Annotated[Shell, typer.Argument(metavar="bash|zsh|fish", help="Which shell.")]
) -> None:
    """Print the completion script of a shell.

    A new shell that reads it completes commands, options, devices, runs, cases and schemes with the Tab key.
    """
    from typer.completion import shell_complete

    _register()
    shell_complete(context.find_root().command, {}, "farm", VARIABLE, f"source_{shell.value}")
