"""Devices set up to measure."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.context import Db, InventoryFile, Json, Wheelhouse, console, errors_console, project
from orchestrator.cli.devices.format import Names, print_json, table
from orchestrator.cli.push_options import SITE_PUSHES, PushLimit, SitePushes, push_limits
from orchestrator.cli.screen.output import output
from orchestrator.cli.screen.terminal import plain
from orchestrator.reports.whole_table import print_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.devices.fleet import Outcome

SETUP_EPILOG = """Exit status 1 if any device fails.  Examples:

\b
  farm devices setup
  farm devices setup tag:ward-3 --wheelhouse /media/usb/wheels"""
WHEELS_EPILOG = """Run it where there is internet, then name the folder by --wheelhouse.  Examples:

\b
  farm devices wheels /media/usb/wheels --machine aarch64 --python 3.11
  farm devices wheels wheels --machine armv7l --python 3.9 --runtime tflite"""


def setup(
    names: Names = None,
    wheelhouse: Wheelhouse = None,
    push_limit: PushLimit = "",
    site_pushes: SitePushes = SITE_PUSHES,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Install agent and runtime on devices, and try the runtime."""
    from orchestrator.devices.setup import set_up
    from orchestrator.domain.units import format_bytes

    files = project(db, inventory)
    devices = files.select(names)
    chosen = output()
    outcomes = list(
        set_up(
            devices,
            files.connector,
            cache=files.state / "wheels",
            wheelhouse=wheelhouse,
            report=lambda words: chosen.note(f"[dim]{plain(words)}[/]"),
            limits=push_limits(push_limit, site_pushes),
        )
    )
    if json:
        print_json([outcome.to_json(**(outcome.value.to_json() if outcome.value else {})) for outcome in outcomes])
    else:
        rows = table("device", "runtime", "", "sent")
        for outcome in outcomes:
            made = outcome.value
            if made is None:
                rows.add_row(outcome.device.name, f"[red]{type(outcome.error).__name__}[/]", "", "")
            else:
                how = "installed" if made.environment else "its own"
                rows.add_row(
                    outcome.device.name, plain(f"{made.runtime} {made.version}"), how, format_bytes(made.sent_bytes)
                )
        print_whole(rows, console())
    show_failures(outcomes)


def wheels(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to put them; it is made.")],
    machine: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="x86_64, aarch64, armv7l; may be repeated (default: all).")
    ] = None,
    python: Annotated[
        list[str] | None, typer.Option(metavar="3.N", help="Python on the devices; may be repeated (default: all).")
    ] = None,
    runtime: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Such as litert, tflite, litert==1.4.0; may be repeated (default: litert)."),
    ] = None,
) -> None:
    """Fetch wheels for use where there is no internet."""
    from orchestrator.devices.provisioning.wheelhouse import fill_wheelhouse, wanted
    from orchestrator.domain.units import format_bytes
    from orchestrator.errors import UsageError
    from orchestrator.runtimes.names import misfit

    for word in runtime or ():
        wrong = misfit(word)
        if wrong is not None:
            raise UsageError(f"--runtime: {wrong}")
    chosen = wanted(runtime or ["litert"], machine or (), [_version(text) for text in python or ()])
    screen = errors_console()
    for number, (pin, present) in enumerate(fill_wheelhouse(folder, chosen), 1):
        size = format_bytes((folder / pin.filename).stat().st_size)
        how = "there already" if present else "fetched"
        screen.print(f"{number} of {len(chosen)}  {pin.filename}, {size}, {how}", soft_wrap=True)
    screen.print(f"Use them by:  farm devices setup --wheelhouse {folder}", soft_wrap=True)


def _version(text: str) -> tuple[int, int]:
    from orchestrator.errors import UsageError

    major, _, minor = text.partition(".")
    if not (major.isdigit() and minor.isdigit()):
        raise UsageError(f"--python {text}: write it as 3.11")
    return int(major), int(minor)


def show_failures(outcomes: Sequence[Outcome[Any]]) -> None:
    """Print why devices failed, and end with status 1 if any did."""
    failed = [outcome.error for outcome in outcomes if outcome.error is not None]
    for error in failed:
        errors_console().print(f"[bold red]farm:[/] {plain(error.message)}", soft_wrap=True)
        if error.hint:
            errors_console().print(f"      {plain(error.hint)}", soft_wrap=True)
    if failed:
        raise typer.Exit(1)
