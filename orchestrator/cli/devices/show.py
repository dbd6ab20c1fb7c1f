"""``farm devices list``, ``show``, ``check``: the inventory beside the facts of the last probe."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.context import Db, InventoryFile, Json, console, errors_console, home, known_devices, unlock_keys
from orchestrator.cli.devices.format import (
    Names,
    calibrated,
    describe,
    plain,
    print_json,
    runtimes_of,
    table,
    where,
    working_runtimes,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.devices.check import Answer
    from orchestrator.domain.device import Device
    from orchestrator.store.rows import DeviceRow

#: Columns of a terminal in which everything fits; in less, the three that people ask for least are left out.
WIDE = 110

LIST_EPILOG = """Examples:

\b
  farm devices list
  farm devices list tag:ward-3 --json
  farm devices list 'memory<2GB' arch:aarch64"""
SHOW_EPILOG = """Examples:

\b
  farm devices show pi5-a
  farm devices show pi5-a --json"""
CHECK_EPILOG = """Exit status 1 if any device fails.  Examples:

\b
  farm devices check
  farm devices check pi5-a 'jetson-*'"""


def list_devices(names: Names = None, db: Db = None, inventory: InventoryFile = None, json: Json = False) -> None:
    """List the devices with what is known of them, asking them nothing."""
    devices, known = _selected(names, db, inventory)
    if json:
        print_json([_entry(device, known.get(device.name)) for device in devices])
        return
    screen = console()
    cells = [_cells(device, known.get(device.name)) for device in devices]
    shown = [column for column in cells[0] if any(row[column] for row in cells)] if cells else []
    if screen.width < WIDE:
        shown = [column for column in shown if column not in ("governor", "runtimes", "tags")]
    rows = table(*shown, narrow=("device", "seen", "arch", "memory", "governor"))
    for row in cells:
        rows.add_row(*(plain(row[column]) for column in shown))
    screen.print(rows)


def _cells(device: Device, row: DeviceRow | None) -> dict[str, str]:
    """Return what `farm devices list` says of a device, by column; what is not known is empty."""
    from orchestrator.devices.health import complaints
    from orchestrator.domain.units import format_bytes

    facts: Mapping[str, Any] = row.facts if row else {}
    memory = facts.get("memory_bytes")
    return {
        "device": device.name,
        "seen": _ago(row.last_seen_at) if row else "never",
        "arch": str(facts.get("machine") or ""),
        "processor": str(facts.get("board") or facts.get("cpu_model") or ""),
        "memory": format_bytes(memory) if isinstance(memory, int) else "",
        "governor": str(facts.get("governor") or ""),
        "runtimes": runtimes_of(facts, "-") if row else "",
        "health": ", ".join(short for short, _ in complaints(facts)) or ("ok" if row else ""),
        "address": where(device),
        "tags": ", ".join(device.tags),
    }


def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A device of the inventory.")],
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Show everything that is known of a device, asking it nothing."""
    from orchestrator.config.inventory import Inventory
    from orchestrator.devices.health import complaints

    files = home(db, inventory)
    device = Inventory.load(files.inventory).device(name)
    row = known_devices(files).get(name)
    if json:
        known = row.calibration.to_json() if row and row.calibration else None
        print_json(_entry(device, row) | {"calibration": known, "facts": row.facts if row else None})
        return
    screen = console()
    screen.print(f"[bold]{device.name}[/]  {plain(where(device))}")
    rows = table("", "")
    rows.show_header = False
    for key, value in _entry(device, row).items():
        if (
            value is not None
            and _words(value)
            and key not in ("name", "health", "last_seen_at", "tuned", "noise_floor")
        ):
            rows.add_row(key, plain(_words(value)))
    screen.print(rows)
    if row is None:
        screen.print(f"never seen; ask it:  farm devices check {name}")
        return
    screen.print(f"[bold]last seen[/] {row.last_seen_at:%Y-%m-%d %H:%M} UTC ({_ago(row.last_seen_at)})")
    if row.calibration is not None:
        screen.print(f"[bold]noise floor[/] {plain(calibrated(row.calibration))}", soft_wrap=True)
        if row.noise_floor is None:
            screen.print(f"  that was another machine; this one:  farm devices calibrate {name}")
    rows = table("fact", "value")
    for key, value in sorted(row.facts.items()):
        rows.add_row(plain(key), plain(_words(value)))
    screen.print(rows)
    for _, advice in complaints(row.facts):
        screen.print(f"[yellow]![/] {plain(advice)}", soft_wrap=True)


def check(names: Names = None, db: Db = None, inventory: InventoryFile = None, json: Json = False) -> None:
    """Ask devices whether they answer, and what they are."""
    from orchestrator.devices.check import ask

    devices, known = _selected(names, db, inventory)
    files = home(db, inventory)
    unlock_keys(files, devices)
    answers = list(ask(devices, files.connector, {name: row.facts for name, row in known.items()}))
    _remember(answers, db, inventory)
    if json:
        print_json([_answer(answer) for answer in answers])
    else:
        _show_answers(answers)
    if any(answer.error for answer in answers):
        raise typer.Exit(1)


def _selected(names: Sequence[str] | None, db: str | None, inventory: Any) -> tuple[tuple[Device, ...], Any]:
    from orchestrator.config.inventory import Inventory
    from orchestrator.config.selectors import select

    files = home(db, inventory)
    devices = Inventory.load(files.inventory).devices
    known = known_devices(files)
    return select(devices, names or ["all"], {name: row.facts for name, row in known.items()}), known


def _remember(answers: Sequence[Answer], db: str | None, inventory: Any) -> None:
    """Keep what the devices said, for `list`, `show` and selectors."""
    from orchestrator.cli.context import open_store

    with open_store(db, inventory) as store:
        for answer in answers:
            if answer.facts is not None:
                store.record_facts(answer.device, answer.facts, datetime.now(UTC))


def _show_answers(answers: Sequence[Answer]) -> None:
    rows = table("device", "address", "answer", "runtimes")
    for answer in answers:
        device = answer.device
        if answer.facts is not None:
            rows.add_row(
                device.name, plain(where(device)), plain(describe(answer.facts)), plain(runtimes_of(answer.facts))
            )
        else:
            rows.add_row(device.name, plain(where(device)), f"[red]{type(answer.error).__name__}[/]", "")
    console().print(rows)
    screen = errors_console()
    for answer in answers:
        for advice in answer.advice:
            screen.print(f"[yellow]{answer.device.name}:[/] {plain(advice)}", soft_wrap=True)
        if answer.error is not None:
            screen.print(f"[bold red]farm:[/] {plain(str(answer.error))}", soft_wrap=True)


def _entry(device: Device, row: DeviceRow | None) -> dict[str, Any]:
    """Return a device as programs get it; nothing is left out, what is not known is ``None``."""
    from orchestrator.devices.health import complaints

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
        "health": [advice for _, advice in complaints(facts)] if row else None,
        "noise_floor": row.noise_floor if row else None,
    }


def _answer(answer: Answer) -> dict[str, Any]:
    error = answer.error
    return {
        "device": answer.device.name,
        "address": answer.device.destination,
        "reached": error is None,
        "facts": answer.facts,
        "advice": list(answer.advice),
        "error": type(error).__name__ if error else None,
        "message": error.message if error else None,
        "hint": error.hint if error else None,
    }


def _ago(at: datetime) -> str:
    seconds = (datetime.now(UTC) - at).total_seconds()
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return "just now"


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_words(inner)}" for key, inner in value.items() if inner not in (None, "", [], {}))
    if isinstance(value, list | tuple):
        return ", ".join(_words(inner) for inner in value)
    return str(value)
