"""``farm devices tune``: steady timings until they are restored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.context import Db, InventoryFile, Json, console, errors_console, home, known_devices, unlock_keys
from orchestrator.cli.devices.format import plain, print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.devices.tuning import Outcome

TUNE_EPILOG = """Where you may: as root, or by sudo that asks for no password. Exit status 1 if anything is not as asked for.  Examples:

\b
  farm devices tune pi5-a
  farm devices tune lab-pc --no-turbo --for 2h
  farm devices tune tag:ward-3 --restore"""


def tune(
    names: Annotated[
        list[str], typer.Argument(metavar="DEVICE", help="Names, pi5-*, tag:x, group:x, arch:x, all, !name.")
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
    """Set the governor to performance until you restore it; what it was is kept on the device."""
    from orchestrator.config.inventory import Inventory
    from orchestrator.config.selectors import select
    from orchestrator.devices import tuning
    from orchestrator.errors import UsageError

    if restore and (no_turbo or hold is not None):
        raise UsageError("--restore puts back all that was tuned; leave --no-turbo and --for out")
    seconds = _seconds(hold)
    files = home(db, inventory)
    known = {name: row.facts for name, row in known_devices(files).items()}
    devices = select(Inventory.load(files.inventory).devices, names, known)
    unlock_keys(files, devices)
    if restore:
        outcomes = list(tuning.restore(devices, files.connector))
    else:
        outcomes = list(tuning.tune(devices, files.connector, no_turbo=no_turbo, seconds=seconds))
    _remember(outcomes, files.db)
    if json:
        print_json([outcome.to_json() for outcome in outcomes])
    else:
        _show(outcomes)
    if not all(outcome.is_well for outcome in outcomes):
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
        raise UsageError(f"--for {text}: more than nothing, and {LONGEST_S / 3600:.0f}h at most")
    return seconds


def _remember(outcomes: Sequence[Outcome], db: str) -> None:
    """Keep what the devices say of themselves now, for `list` and `show`."""
    from datetime import UTC, datetime

    from orchestrator.store.store import Store

    with Store.open(db) as store:
        for outcome in outcomes:
            if outcome.facts is not None:
                store.record_facts(outcome.device, outcome.facts, datetime.now(UTC))


def _show(outcomes: Sequence[Outcome]) -> None:
    screen = errors_console()
    for outcome in outcomes:
        name, done = outcome.device.name, outcome.tuning
        if outcome.error is not None:
            screen.print(f"[bold red]farm:[/] {plain(str(outcome.error))}", soft_wrap=True)
            continue
        assert done is not None  # noqa: S101  an outcome has one of the two
        for sentence in done.sentences() or ("nothing was tuned",):
            console().print(f"[bold]{name}[/]  {plain(sentence)}", soft_wrap=True)
        if done.held is not None:
            until = f"{done.held.until:%Y-%m-%d %H:%M} UTC by its clock, or: farm devices tune {name} --restore"
            console().print(f"[bold]{name}[/]  held until {until}", soft_wrap=True)
