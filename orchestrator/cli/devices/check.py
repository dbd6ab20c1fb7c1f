"""Devices asked how they are, each shown as it answers."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from orchestrator.cli.context import Db, InventoryFile, Json, console, errors_console, project
from orchestrator.cli.devices.format import Names, describe, print_json, runtimes_of, where
from orchestrator.cli.screen.output import output
from orchestrator.cli.screen.terminal import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.devices.check import Answer
    from orchestrator.devices.fleet import Outcome
    from orchestrator.domain.device import Device

EPILOG = """Each device is shown as it answers; a device that is out of runs is back when it does.
Exit status 1 if any device fails.  Examples:

\b
  farm devices check
  farm devices check pi5-a 'jetson-*'"""
#: Names that the last line of a terminal has room for.
_NAMED = 5


def check(names: Names = None, db: Db = None, inventory: InventoryFile = None, json: Json = False) -> None:
    """Probe devices: whether they answer, and what they are."""
    from orchestrator.devices.check import check as check_devices

    files = project(db, inventory)
    devices = files.select(names)
    screen = _Rows(devices)
    outcomes = {}
    answers = iter(check_devices(devices, files.connector, files.known(), outages=files.outages))
    try:
        while True:
            with _waiting([device.name for device in devices if device.name not in outcomes]):
                outcome = next(answers, None)
            if outcome is None:
                break
            outcomes[outcome.device.name] = outcome
            if not json:
                screen.show(outcome)
    finally:
        files.remember((each.device, each.value.facts) for each in outcomes.values() if each.value is not None)
    if json:
        print_json([_fields(outcomes[device.name]) for device in devices])
    if any(outcome.error for outcome in outcomes.values()):
        raise typer.Exit(1)


class _Rows:
    """Prints a line for each device, in columns as wide as the names and addresses of all."""

    def __init__(self, devices: Sequence[Device]) -> None:
        self._widths = tuple(
            max(map(len, texts), default=0)
            for texts in ([device.name for device in devices], [where(device) for device in devices])
        )

    def show(self, outcome: Outcome[Answer]) -> None:
        """Print what a device answered, then what may be wrong with it."""
        device, answer = outcome.device, outcome.value
        name, address = self._widths
        words = f"[red]{type(outcome.error).__name__}[/]"
        if answer is not None:
            words = plain(f"{describe(answer.facts)}; runtimes: {runtimes_of(answer.facts)}")
        console().print(
            f"[bold]{device.name:<{name}}[/]  {plain(f'{where(device):<{address}}')}  {words}", soft_wrap=True
        )
        screen = errors_console()
        if answer is not None and answer.outage is not None:
            screen.print(
                f"[green]{device.name}:[/] it is back in runs; it was out since {plain(answer.outage.words)}",
                soft_wrap=True,
            )
        for warning in answer.warnings if answer else ():
            screen.print(f"[yellow]{device.name}:[/] {plain(warning)}", soft_wrap=True)
        if outcome.error is not None:
            screen.print(f"[bold red]farm:[/] {plain(str(outcome.error))}", soft_wrap=True)


@contextmanager
def _waiting(names: Sequence[str]) -> Iterator[None]:
    """Show on a terminal which devices have not answered yet."""
    chosen = output()
    if not names or not chosen.is_live:
        yield
        return
    from rich.live import Live

    more = f" … ({len(names)} in all)" if len(names) > _NAMED else ""
    line = f"[dim]waits for {', '.join(names[:_NAMED])}{more}[/]"
    with Live(line, console=chosen.console, transient=True, auto_refresh=False, redirect_stdout=False):
        yield


def _fields(outcome: Outcome[Answer]) -> dict[str, Any]:
    answer = outcome.value
    outage = answer.outage if answer else None
    return outcome.to_json(
        address=outcome.device.destination,
        reached=answer is not None,
        facts=answer.facts if answer else None,
        advice=list(answer.warnings) if answer else [],
        was_out=outage.sentence if outage else None,
    )
