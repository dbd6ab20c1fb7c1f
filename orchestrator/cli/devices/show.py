"""Devices as the inventory lists them, with what they answered when last asked."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import candidates
from orchestrator.cli.context import Db, InventoryFile, Json, console, project
from orchestrator.cli.devices.format import (
    Names,
    calibrated,
    print_json,
    runtimes_of,
    table,
    where,
    working_runtimes,
)
from orchestrator.cli.screen.terminal import plain
from orchestrator.domain.device import Limits
from orchestrator.reports.whole_table import print_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from orchestrator.devices.outages import Outages
    from orchestrator.domain.device import Device
    from orchestrator.store.rows import DeviceRow

#: Columns of a terminal in which everything fits; in less, the three that people ask for least are left out.
WIDE = 110
#: In less than this, two more are left out.
USUAL_WIDTH = 80

USUAL = asdict(Limits())
#: What `farm devices show` has below its first table, or says in other words there.
SAID_BELOW = frozenset(
    {"name", "health", "last_seen_at", "tuned", "noise_floor", "disk_damage", "outage", "last_failure"}
)

LIST_EPILOG = """Examples:

\b
  farm devices list
  farm devices list tag:ward-3 --json
  farm devices list 'memory<2GB' arch:aarch64"""
SHOW_EPILOG = """Examples:

\b
  farm devices show pi5-a
  farm devices show pi5-a --json"""


def list_devices(names: Names = None, db: Db = None, inventory: InventoryFile = None, json: Json = False) -> None:
    """List devices with their last known facts; connects to none."""
    files = project(db, inventory)
    devices, known = files.select(names, unlock=False), files.known()
    if json:
        print_json([_entry(device, known.get(device.name), files.outages) for device in devices])
        return
    screen = console()
    cells = [_cells(device, known.get(device.name), files.outages) for device in devices]
    shown = [column for column in cells[0] if any(row[column] for row in cells)] if cells else []
    left_out = ("governor", "runtimes", "tags") if screen.width < WIDE else ()
    if screen.width < USUAL_WIDTH:
        left_out = (*left_out, "arch", "memory")
    shown = [column for column in shown if column not in left_out]
    rows = table(*shown, narrow=("device", "seen", "arch", "memory", "governor"))
    for row in cells:
        rows.add_row(*(plain(row[column]) for column in shown))
    print_whole(rows, screen)


def _cells(device: Device, row: DeviceRow | None, outages: Outages) -> dict[str, str]:
    """Return what `farm devices list` says of a device, by column; what is not known is empty."""
    from orchestrator.domain.units import format_bytes

    outage, failure = outages.of(device.name), outages.last_failure(device.name)
    problems = ["out"] if outage else [f"failed {_ago(failure.at)}"] if failure else []
    facts: Mapping[str, Any] = row.facts if row else {}
    memory = facts.get("memory_bytes")
    return {
        "device": device.name,
        "seen": _ago(row.last_seen_at) if row else "never" if failure else "never asked",
        "arch": str(facts.get("machine") or ""),
        "processor": str(facts.get("board") or facts.get("cpu_model") or ""),
        "memory": format_bytes(memory) if isinstance(memory, int) else "",
        "governor": str(facts.get("governor") or ""),
        "runtimes": runtimes_of(facts, "-") if row else "",
        "health": ", ".join([*problems, *(short for short, _ in _health(row))]) or ("ok" if row else ""),
        "address": where(device),
        "tags": ", ".join(device.tags),
    }


def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A device of the inventory.", autocompletion=candidates.device)
    ],
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Show what is known of a device, without connecting."""
    files = project(db, inventory)
    device, row = files.device(name), files.known().get(name)
    entry = _entry(device, row, files.outages)
    if json:
        known = row.calibration.to_json() if row and row.calibration else None
        print_json(entry | {"calibration": known, "facts": row.facts if row else None})
        return
    screen = console()
    screen.print(f"[bold]{device.name}[/]  {plain(where(device))}")
    rows = table("", "")
    rows.show_header = False
    for key, value in (entry | {"relay": _relay(device)}).items():
        if value is not None and _words(value) and key not in SAID_BELOW and value != USUAL:
            rows.add_row(_label(key, value), plain(_words(value, key)))
    print_whole(rows, screen)
    _show_failure(name, files.outages, screen)
    if row is not None:
        _show_answer(row, screen)
    else:
        asked = "never seen" if entry["last_failure"] else "never asked"
        screen.print(f"{asked}; next:  farm devices check {name}")


def _show_failure(name: str, outages: Outages, screen: Console) -> None:
    outage, failure = outages.of(name), outages.last_failure(name)
    if outage is not None:
        screen.print(f"[red]![/] {plain(outage.sentence)}; {outage.command} brings it back", soft_wrap=True)
    elif failure is not None:
        screen.print(f"[red]![/] {plain(failure.sentence)}", soft_wrap=True)


def _show_answer(row: DeviceRow, screen: Console) -> None:
    screen.print(f"[bold]last seen[/] {row.last_seen_at:%Y-%m-%d %H:%M} UTC ({_ago(row.last_seen_at)})")
    if row.calibration is not None:
        screen.print(f"[bold]noise floor[/] {plain(calibrated(row.calibration))}", soft_wrap=True)
        if row.noise_floor is None:
            screen.print(f"  that was another machine; this one:  farm devices calibrate {row.name}")
    rows = table("fact", "value")
    for key, value in sorted(row.facts.items()):
        rows.add_row(plain(_label(key, value)), plain(_words(value, key)))
    print_whole(rows, screen)
    for _, advice in _health(row):
        screen.print(f"[yellow]![/] {plain(advice)}", soft_wrap=True)


def _entry(device: Device, row: DeviceRow | None, outages: Outages) -> dict[str, Any]:
    """Return a device as programs get it; nothing is left out, what is not known is ``None``."""
    outage, failure = outages.of(device.name), outages.last_failure(device.name)
    facts: Mapping[str, Any] = row.facts if row else {}
    entry = asdict(device) | {"via": device.via.name if device.via else None, "tags": list(device.tags)}
    return entry | {
        "last_seen_at": row.last_seen_at.isoformat() if row else None,
        "arch": facts.get("machine"),
        "processor": facts.get("board") or facts.get("cpu_model"),
        "memory_bytes": facts.get("memory_bytes"),
        "works": working_runtimes(facts) if row else None,
        "governor": facts.get("governor"),
        "tuned": facts.get("tuned"),
        "health": [advice for _, advice in _health(row)] if row else None,
        "noise_floor": row.noise_floor if row else None,
        "outage": {"since": outage.since.isoformat(), "reason": outage.reason} if outage else None,
        "last_failure": failure.to_json() if failure else None,
        "disk_damage": asdict(row.damage) if row and row.damage else None,
    }


def _relay(device: Device) -> str | None:
    """Return who keeps files for whom; ``None`` for the usual device without a jump host."""
    if device.via is None:
        return None if device.relay else "off: it keeps no files for devices behind it"
    if device.relay and device.via.relay:
        return f"{device.via.name} keeps its files, so that each takes the line there once"
    return f"off: {device.via.name} keeps no files for it"


def _health(row: DeviceRow | None) -> tuple[tuple[str, str], ...]:
    """Return what speaks against a device, as far as it is known: a keyword with a sentence for each problem."""
    from orchestrator.devices.health import complaints, disk

    return () if row is None else (*complaints(row.facts), *disk(row.damage))


def _ago(at: datetime) -> str:
    seconds = (datetime.now(UTC) - at).total_seconds()
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return "just now"


def _label(key: str, value: Any) -> str:
    """Return ``memory`` for ``memory_bytes`` where `_words` names the unit."""
    return key.removesuffix("_bytes") if isinstance(value, int) else key


def _words(value: Any, key: str = "") -> str:
    """Return a value for people; ``key`` ends with its unit, as names of farm do."""
    from orchestrator.domain.units import format_bytes

    if isinstance(value, dict):
        return ", ".join(
            f"{name} {_words(each, name)}" for name, each in value.items() if each not in (None, "", [], {})
        )
    if isinstance(value, list | tuple):
        return ", ".join(_words(inner) for inner in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return format_bytes(value) if isinstance(value, int) and key.endswith("_bytes") else str(value)
