"""Devices tuned for steady timings, then restored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import candidates
from orchestrator.cli.context import Db, InventoryFile, Json, console, errors_console, project
from orchestrator.cli.devices.format import print_json
from orchestrator.cli.screen.terminal import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.devices.fleet import Outcome
    from orchestrator.devices.tuning import Tuned

TUNE_EPILOG = """Where you may: as root, or by sudo that asks for no password. Exit status 1 if anything is not as asked for.  Examples:

\b
  farm devices tune pi5-a
  farm devices tune lab-pc --no-turbo --for 2h
  farm devices tune tag:ward-3 --restore"""


def tune(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="DEVICE",
            help="Names, pi5-*, tag:x, group:x, arch:x, all, !name.",
            autocompletion=candidates.device_words,
        ),
    ],
    no_turbo: Annotated[
        bool, typer.Option("--no-turbo", help="x86: no frequency above the nominal one, which heat would take away.")
    ] = False,
    hold: Annotated[
        str | None,
        typer.Option("--for", metavar="DURATION", help="Hold it for 90s, 30min, 2h.", show_default="24h, the most"),
    ] = None,
    restore: Annotated[bool, typer.Option("--restore", help="Put back what was tuned.")] = False,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Set the governor to performance, or restore what it was."""
    from orchestrator.devices import tuning
    from orchestrator.errors import UsageError

    if restore and (no_turbo or hold is not None):
        raise UsageError("--restore takes neither --no-turbo nor --for: it restores everything that was tuned")
    seconds = _seconds(hold)
    files = project(db, inventory)
    devices = files.select(names)
    if restore:
        outcomes = list(tuning.restore(devices, files.connector))
    else:
        outcomes = list(tuning.tune(devices, files.connector, no_turbo=no_turbo, seconds=seconds))
    files.remember((outcome.device, outcome.value.facts) for outcome in outcomes if outcome.value is not None)
    if json:
        print_json(
            [outcome.to_json(**(outcome.value.tuning.to_json() if outcome.value else {})) for outcome in outcomes]
        )
    else:
        _show(outcomes)
    if any(outcome.value is None or outcome.value.tuning.failed for outcome in outcomes):
        raise typer.Exit(1)


def _seconds(text: str | None) -> float:
    from orchestrator.devices.tuning import LONGEST_S
    from orchestrator.domain.units import parse_seconds
    from orchestrator.errors import UsageError

    if text is None:
        return LONGEST_S
    try:
        seconds = parse_seconds(text)
    except ValueError as error:
        raise UsageError(f"--for {error}") from None
    if not 0 < seconds <= LONGEST_S:
        raise UsageError(f"--for {text}: must be more than 0 and at most {LONGEST_S / 3600:.0f}h")
    return seconds


def _show(outcomes: Sequence[Outcome[Tuned]]) -> None:
    from orchestrator.devices.tuning_text import sentences

    screen = errors_console()
    for outcome in outcomes:
        name = outcome.device.name
        if outcome.value is None:
            screen.print(f"[bold red]farm:[/] {plain(str(outcome.error))}", soft_wrap=True)
            continue
        done = outcome.value.tuning
        for sentence in sentences(done) or ("nothing was tuned",):
            console().print(f"[bold]{name}[/]  {plain(sentence)}", soft_wrap=True)
        if done.held is not None:
            until = f"{done.held.until:%Y-%m-%d %H:%M} UTC by its clock, or: farm devices tune {name} --restore"
            console().print(f"[bold]{name}[/]  held until {until}", soft_wrap=True)
