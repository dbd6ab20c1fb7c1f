"""An Ansible inventory as ``--inventory``, shown once a command."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import typer

from orchestrator.cli.screen.terminal import plain
from orchestrator.config import foreign_inventory

DEFAULT = Path("inventory.yaml")
STANDARD_INPUT = Path("-")
#: Tags that a line names.
_NAMED = 8


def read(context: typer.Context, value: Path | None) -> Path | None:
    """Return the file that ``--inventory`` names; ``-`` becomes a file that lasts as long as the command.

    Of an Ansible inventory it is printed on standard error what farm reads in it. Raises `InventoryError` where it can't be used as it is.
    """
    if context.resilient_parsing:
        return value
    path = _kept(context) if value == STANDARD_INPUT else value
    notation = foreign_inventory.notation(path or DEFAULT)
    if notation is not None:
        _show(path or DEFAULT, notation, "standard input" if value == STANDARD_INPUT else str(path or DEFAULT))
    return path


def _kept(context: typer.Context) -> Path:
    """Write what standard input holds into a file of the command's own."""
    folder = Path(tempfile.mkdtemp(prefix="farm-inventory-"))
    context.call_on_close(lambda: shutil.rmtree(folder, ignore_errors=True))
    path = folder / "standard-input"
    path.write_bytes(sys.stdin.buffer.read(foreign_inventory.MOST_BYTES))
    return path


def _show(path: Path, notation: str, name: str) -> None:
    from orchestrator.cli.context import errors_console
    from orchestrator.config import importers

    found = importers.as_inventory(path)
    tags = list(dict.fromkeys(tag for device in found.devices for tag in device.tags))
    more = ", …" if len(tags) > _NAMED else ""
    groups = f", tags from its groups: {', '.join(tags[:_NAMED])}{more}" if tags else ""
    count = len(found.devices)
    screen = errors_console()
    screen.print(
        f"[bold]inventory[/]  {plain(name)}: {notation}, {count} device{'s' if count != 1 else ''}{plain(groups)}; read only",
        soft_wrap=True,
    )
    for note in found.notes:
        screen.print(f"[yellow]note:[/] {plain(note)}", soft_wrap=True)
