"""How much a command prints beside its answer."""

from __future__ import annotations

import logging
import os
import sys
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from typer.core import TyperGroup

if TYPE_CHECKING:
    import typer
    from rich.console import Console

#: Options that every command takes, before its name or after it.
EVERYWHERE = ("--quiet", "--verbose", "--plain")
#: What turns ``--plain`` on by itself; ``CI`` is what services that run checks set.
PLAIN_VARIABLES = ("FARM_PLAIN", "CI")


class Loudness(IntEnum):
    """How much is printed."""

    #: The answer, and what went wrong.
    QUIET = 0
    NORMAL = 1
    #: Each attempt, and each question to a device.
    VERBOSE = 2


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "").lower() not in ("", "0", "false", "no")


def _console() -> Console:
    from orchestrator.cli.screen.safe_console import SafeConsole

    return SafeConsole(stderr=True, highlight=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Where a command prints what is no answer: standard error, as much of it as the person wants."""

    loudness: Loudness = Loudness.NORMAL
    #: Whether lines are only ever appended: for pipes, screen readers, terminals that can't move their cursor.
    is_plain: bool = False
    console: Console = field(default_factory=_console)

    @property
    def is_live(self) -> bool:
        """Whether a block may be drawn anew in place."""
        return (
            self.loudness > Loudness.QUIET
            and not self.is_plain
            and not any(map(_is_set, PLAIN_VARIABLES))
            and sys.stderr.isatty()
            and not self.console.is_dumb_terminal
        )

    def note(self, markup: str) -> None:
        """Print what is neither an answer nor an error; nothing where ``--quiet`` is given."""
        if self.loudness > Loudness.QUIET:
            self.console.print(markup, soft_wrap=True)


#: What the running command's options ask for; set for as long as its context lasts.
_CHOSEN: ContextVar[Output | None] = ContextVar("output", default=None)


def output() -> Output:
    """Return what the options of the running command ask for; the usual output outside of a command."""
    return _CHOSEN.get() or Output()


class OutputGroup(TyperGroup):
    """A group of commands with options that stand before a command or after it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Bring those options to the front, where the group itself reads them."""
        end = args.index("--") if "--" in args else len(args)
        ours = [word for word in args[:end] if word in EVERYWHERE]
        return super().parse_args(ctx, [*ours, *(word for word in args[:end] if word not in EVERYWHERE), *args[end:]])


def choose(context: typer.Context, *, quiet: bool, verbose: bool, plain: bool) -> None:
    """Make the options of ``context`` what `output` returns. Raises `UsageError` where they contradict each other."""
    from orchestrator.errors import UsageError

    if quiet and verbose:
        raise UsageError("--quiet and --verbose contradict each other", hint="give one of them")
    loudness = Loudness.QUIET if quiet else Loudness.VERBOSE if verbose else Loudness.NORMAL
    chosen = Output(loudness=loudness, is_plain=plain)
    before = _CHOSEN.set(chosen)
    context.call_on_close(lambda: _CHOSEN.reset(before))
    if verbose:
        _show_exchanges(context, chosen.console)


def _show_exchanges(context: typer.Context, console: Console) -> None:
    """Print what farm logs until ``context`` ends: which device was asked what, and what that took."""
    log, handler = logging.getLogger("orchestrator"), _Lines(console)
    before = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)

    def end() -> None:
        log.removeHandler(handler)
        log.setLevel(before)

    context.call_on_close(end)


class _Lines(logging.Handler):
    """Prints records on the console that the live block is on, so that they stand above it."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        """Print one line."""
        self._console.print(record.getMessage(), style="dim", markup=False, soft_wrap=True)
