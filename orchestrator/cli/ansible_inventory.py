"""An Ansible inventory as ``--inventory``, shown once a command."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import typer

from orchestrator.cli.screen.terminal import plain
from orchestrator.config import foreign_inventory
from orchestrator.config.read_bytes import is_lasting, read_bytes

DEFAULT = Path("inventory.yaml")
STANDARD_INPUT = Path("-")
_PREFIX = "farm-inventory-"
#: Tags that a line names.
_NAMED = 8


def read(context: typer.Context, value: Path | None) -> Path | None:
    """Return the file that ``--inventory`` names; ``-`` or a pipe becomes a file that lasts as long as the command.

    Of an Ansible inventory it is printed on standard error what farm reads in it. Raises `InventoryError` where it can't be used as it is.
    """
    if context.resilient_parsing:
        return value
    path = value
    if value == STANDARD_INPUT:
        path = _kept(context, sys.stdin.buffer.read(foreign_inventory.MOST_BYTES))
    elif value is not None and not is_lasting(value):  # a pipe is read once
        path = _kept(context, _content(value))
    notation = foreign_inventory.notation(path or DEFAULT)
    if notation is not None:
        _show(path or DEFAULT, notation, "standard input" if value == STANDARD_INPUT else str(path or DEFAULT))
    return path


def is_kept(path: Path) -> bool:
    """Return whether ``path`` lasts as long as its command, so that no project is beside it."""
    return path.parent.name.startswith(_PREFIX)


def _kept(context: typer.Context, content: bytes) -> Path:
    """Write what a pipe holds into a file of the command's own."""
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    context.call_on_close(lambda: shutil.rmtree(folder, ignore_errors=True))
    path = folder / "inventory.yaml"
    path.write_bytes(content)
    return path


def _content(path: Path) -> bytes:
    from orchestrator.errors import InventoryError

    try:
        return read_bytes(path, foreign_inventory.MOST_BYTES)
    except OSError as reason:
        raise InventoryError(f"{path}: {reason.strerror}") from reason


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
