"""Find devices on the local network."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from orchestrator.cli.context import Json, console, errors_console
from orchestrator.cli.devices.format import print_json, table
from orchestrator.cli.screen.terminal import plain
from orchestrator.reports.whole_table import print_whole

DISCOVER_EPILOG = """Examples:

\b
  farm devices discover
  farm devices discover --seconds 10 --json"""


def discover(
    seconds: Annotated[float, typer.Option(min=0.1, max=120, help="How long to listen.")] = 3.0,
    json: Json = False,
) -> None:
    """Find SSH servers on the local network by mDNS.

    Adds nothing by itself.
    """
    from orchestrator.devices.discovery import discover as listen
    from orchestrator.devices.discovery import suggestion

    screen = errors_console()
    with screen.status(f"listening for {seconds:g} s"):
        services = tuple(listen(seconds))
    if json:
        print_json([asdict(service) | {"command": suggestion(service)} for service in services])
        return
    if not services:
        screen.print("no SSH server announced itself here; add devices without mDNS by their address")
        return
    rows = table("name", "addresses", "port", "add it by")
    for service in services:
        rows.add_row(
            plain(service.name), plain(", ".join(service.addresses)), str(service.port), plain(suggestion(service))
        )
    print_whole(rows, console())
