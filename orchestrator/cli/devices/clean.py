"""``farm devices clean``: what farm put on devices, removed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.context import Db, InventoryFile, Json, console, project
from orchestrator.cli.devices.format import Names, print_json, table
from orchestrator.cli.devices.setup import show_failures
from orchestrator.cli.screen.terminal import plain
from orchestrator.reports.whole_table import print_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.cli.context import Project
    from orchestrator.devices.fleet import Outcome
    from orchestrator.devices.remote.answers import Removed
    from orchestrator.domain.device import Device

CLEAN_EPILOG = """Exit status 1 if any device fails.  Examples:

\b
  farm devices clean --dry-run
  farm devices clean pi5-a --unused-days 7 --max-size 2GB
  farm devices clean pi5-a --all                 before it is given away"""


def clean(
    names: Names = None,
    unused_days: Annotated[
        float | None,
        typer.Option(min=0, metavar="N", help="Remove what was not used for N days; 0 for everything (default: 30)."),
    ] = None,
    max_size: Annotated[
        str,
        typer.Option(
            metavar="SIZE", help="Remove artifacts, images and wheels, those used longest ago first, down to SIZE: 2GB."
        ),
    ] = "",
    everything: Annotated[
        bool, typer.Option("--all", help="Remove the agent's whole directory, and nothing outside it.")
    ] = False,
    uncollected: Annotated[
        bool,
        typer.Option("--uncollected", help="Remove journals too that were never collected: their results are lost."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go, and remove nothing.")] = False,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Remove from devices what farm put there.

    Agents, environments, blobs (artifacts, images, wheels) and journals that were not used for a while. A device whose lane runs is
    left alone, and a journal that was never collected stays.
    """
    from agent.clean_request import CleanRequest
    from orchestrator.devices.clean import clean as clean_devices
    from orchestrator.domain.units import parse_bytes
    from orchestrator.errors import UsageError

    if everything and (max_size or unused_days is not None):
        raise UsageError("--all removes everything: leave --unused-days and --max-size out")
    try:
        most_bytes = parse_bytes(max_size) if max_size else None
    except ValueError as error:
        raise UsageError(f"--max-size: {error}") from None
    files = project(db, inventory)
    devices = _chosen(files, names)
    lanes: dict[str, dict[str, bool]] = {}
    with files.open_store(create=False) as store:
        for row in store.lanes():
            lanes.setdefault(row.device, {})[row.id] = row.ended
    request = CleanRequest(
        unused_days=30.0 if unused_days is None else unused_days,
        most_blob_bytes=most_bytes,
        everything=everything,
        dry=dry_run,
        uncollected=uncollected,
    )
    outcomes = list(clean_devices(devices, files.connector, request, lanes))
    _show(outcomes, dry_run=dry_run, as_json=json)


def _chosen(files: Project, names: Sequence[str] | None) -> tuple[Device, ...]:
    """Return the devices that ``names`` select, and jump hosts that the inventory names by an address alone, as it does."""
    from orchestrator.config.inventory import Inventory

    hops = [hop for device in Inventory.load(files.inventory).devices for hop in device.hops]
    asked = {hop.name: hop for hop in hops if hop.name in (names or ()) and re.search(r"[@:]", hop.name)}
    files.unlock(asked.values())
    selectors = [name for name in names or () if name not in asked]
    return (*asked.values(), *(files.select(selectors) if selectors or not asked else ()))


def _show(outcomes: Sequence[Outcome[Removed]], *, dry_run: bool, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        values = [(outcome, asdict(outcome.value) if outcome.value else {}) for outcome in outcomes]
        print_json([outcome.to_json(dry_run=dry_run, **value) for outcome, value in values])
    else:
        rows = table("device", "would remove" if dry_run else "removed", "what", "kept")
        for outcome in outcomes:
            if outcome.value is None:
                rows.add_row(outcome.device.name, f"[red]{type(outcome.error).__name__}[/]", "", "")
            else:
                rows.add_row(outcome.device.name, *map(plain, _words(outcome.value)))
        print_whole(rows, console())
    show_failures(outcomes)


def _words(removed: Removed) -> tuple[str, str, str]:
    """Return how much of a device goes, what that is, and what stays."""
    from orchestrator.domain.units import format_bytes

    kinds = [
        f"{count} {kind if count > 1 else kind[:-1]} {format_bytes(removed.bytes.get(kind, 0))}"
        for kind, count in removed.removed.items()
        if count
    ]
    kept = [format_bytes(removed.kept_bytes)]
    if removed.wanted:
        plural = "s" if removed.wanted > 1 else ""
        kept.append(f"{removed.wanted} journal{plural} not collected yet (farm collect)")
    if removed.left:
        kept.append(f"not farm's: {', '.join(removed.left)}")
    return format_bytes(removed.removed_bytes), ", ".join(kinds) or "nothing", ", ".join(kept)
