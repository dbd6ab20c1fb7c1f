"""Take many devices over from where others know them: files of other tools, the local network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.context import InventoryFile, Json, console, errors_console, home
from orchestrator.cli.devices.format import plain, print_json, table

IMPORT_EPILOG = """Host keys are confirmed afterwards, by `farm devices trust`.  Examples:

\b
  farm devices import hosts.ini --dry-run
  farm devices import ~/.ssh/config
  farm devices import site.yaml --tag ansible"""
DISCOVER_EPILOG = """Examples:

\b
  farm devices discover
  farm devices discover --seconds 10 --json"""


def import_devices(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="An Ansible inventory, or an ssh_config file.")],
    tag: Annotated[list[str] | None, typer.Option(metavar="TAG", help="A tag for all of them.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be added, and stop.")] = False,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Take over the devices of an Ansible inventory (INI, YAML) or of an ssh_config file."""
    from dataclasses import replace

    from orchestrator.config import inventory_edit as inventory_file
    from orchestrator.config.importers import read
    from orchestrator.config.inventory import Inventory

    files = home(inventory=inventory)
    found = read(source)
    present = {device.name for device in Inventory.load(files.inventory).devices}
    rows = table("device", "address", "tags", "")
    taken = []
    for device in found.devices:
        new = device.name not in present
        tagged = replace(device, tags=tuple(dict.fromkeys([*device.tags, *(tag or ())])))
        if new:
            taken.append(tagged)
        rows.add_row(tagged.name, plain(tagged.destination), ", ".join(tagged.tags), "" if new else "is there already")
    if not dry_run:
        inventory_file.add(files.inventory, *taken)
    if json:
        print_json({"added": [] if dry_run else [device.name for device in taken], "notes": list(found.notes)})
        return
    console().print(rows)
    screen = errors_console()
    for note in found.notes:
        screen.print(f"[yellow]note:[/] {plain(note)}", soft_wrap=True)
    verb = "would be added" if dry_run else "added"
    screen.print(f"{len(taken)} of {len(found.devices)} devices {verb}", soft_wrap=True)
    if taken and not dry_run:
        screen.print(f"Next, for each of them:  farm devices trust {taken[0].name}", soft_wrap=True)


def discover(
    seconds: Annotated[float, typer.Option(min=0.1, max=120, help="How long to listen.")] = 3.0,
    json: Json = False,
) -> None:
    """Find SSH servers on the local network by mDNS; nothing is added by itself."""
    from dataclasses import asdict

    from orchestrator.devices.discovery import discover as listen
    from orchestrator.devices.discovery import suggestion

    screen = errors_console()
    with screen.status(f"listening for {seconds:g} s"):
        services = tuple(listen(seconds))
    if json:
        print_json([asdict(service) | {"command": suggestion(service)} for service in services])
        return
    if not services:
        screen.print("nobody announced an SSH server here; devices that do not speak mDNS are added by their address")
        return
    rows = table("name", "addresses", "port", "take it in by")
    for service in services:
        rows.add_row(
            plain(service.name), plain(", ".join(service.addresses)), str(service.port), plain(suggestion(service))
        )
    console().print(rows)
