"""Add the devices that another tool's file lists."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.context import InventoryFile, Json, console, errors_console, project
from orchestrator.cli.devices.format import print_json, table
from orchestrator.cli.screen.terminal import plain
from orchestrator.reports.whole_table import print_whole

IMPORT_EPILOG = """Host keys are confirmed afterwards, by `farm devices trust NAME`.  Examples:

\b
  farm devices import hosts.ini --dry-run
  farm devices import ~/.ssh/config
  farm devices import site.yaml --tag ansible"""


def import_devices(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="An Ansible inventory, or an ssh_config file.")],
    tag: Annotated[list[str] | None, typer.Option(metavar="TAG", help="A tag for all of them.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be added, and stop.")] = False,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Add the devices of an Ansible inventory or an ssh_config.

    Ansible inventories may be INI or YAML files.
    """
    from dataclasses import replace

    from orchestrator.config import inventory_edit as inventory_file
    from orchestrator.config.importers import read
    from orchestrator.config.inventory import Inventory

    files = project(inventory=inventory, creates_inventory=True)
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
    print_whole(rows, console())
    screen = errors_console()
    for note in found.notes:
        screen.print(f"[yellow]note:[/] {plain(note)}", soft_wrap=True)
    verb = "would be added" if dry_run else "added"
    screen.print(f"{len(taken)} of {len(found.devices)} devices {verb}", soft_wrap=True)
    if taken and not dry_run:
        screen.print(f"Next, for each of them:  farm devices trust {taken[0].name}", soft_wrap=True)
