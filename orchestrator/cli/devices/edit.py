"""``farm devices edit``, ``rename``, ``remove``: change the inventory, whose comments stay."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import candidates
from orchestrator.cli.context import Db, InventoryFile, console, errors_console, interactive, project
from orchestrator.cli.screen.terminal import plain
from orchestrator.config.child_environment import child_environment
from orchestrator.errors import InventoryError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.cli.context import Project


EDIT_EPILOG = """No value takes a key away; without KEY=VALUE the file opens in $EDITOR.  Examples:

\b
  farm devices edit pi5-a user=pi port=2222
  farm devices edit pi5-a tags+=ward-3 tags-=lab
  farm devices edit pi5-a via=gate limits.disk=2GB notes=
  farm devices edit"""
RENAME_EPILOG = """Results, groups and jump hosts follow.  Example:

\b
  farm devices rename pi5-a ward-3-pi"""
REMOVE_EPILOG = """Results stay in the database.  Examples:

\b
  farm devices remove pi5-a
  farm devices remove tag:broken --yes"""


def edit(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A device of the inventory.", autocompletion=candidates.device)
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE", help="What to set; KEY+=VALUE and KEY-=VALUE for lists."),
    ] = None,
    inventory: InventoryFile = None,
) -> None:
    """Change an entry, or open the inventory in your editor."""
    from orchestrator.config import inventory_edit as inventory_file

    path = project(inventory=inventory).inventory
    if not assignments:
        if not interactive():
            raise UsageError("nothing to change", hint=f"farm devices edit {name or 'NAME'} KEY=VALUE")
        _in_editor(path)
        return
    assert name is not None  # noqa: S101  typer fills arguments in their order
    inventory_file.change(path, name, assignments)
    console().print(f"[green]changed[/] [bold]{name}[/] in {path}", soft_wrap=True)


def rename(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A device of the inventory.", autocompletion=candidates.device)
    ],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.")],
    db: Db = None,
    inventory: InventoryFile = None,
) -> None:
    """Rename a device, in the inventory and in the results."""
    from orchestrator.devices.registration import rename as rename_device

    files = project(db, inventory)
    rename_device(name, new, files.inventory, files.db if files.known() else None)
    files.outages.rename(name, new)
    console().print(f"[green]renamed[/] {name} to [bold]{new}[/]", soft_wrap=True)


def remove(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="DEVICE",
            help="Names, globs such as pi5-*, tag:x and other selectors.",
            autocompletion=candidates.device_words,
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    db: Db = None,
    inventory: InventoryFile = None,
) -> None:
    """Remove devices from the inventory, with their host keys."""
    from orchestrator.devices.registration import remove as remove_devices

    files = project(db, inventory)
    devices = _removable(files, names)
    listed = ", ".join(devices)
    if not yes:
        if not interactive():
            raise UsageError(f"cannot confirm removing {listed} without a terminal", hint="add --yes")
        typer.confirm(f"Remove {listed} from {files.inventory}?", err=True, abort=True)
    remove_devices(devices, files.inventory, files.connector)
    for device in devices:
        files.outages.clear(device)
    console().print(f"[green]removed[/] {listed}; results stay", soft_wrap=True)


def _removable(files: Project, names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the devices that match; plain names need no inventory that is right."""
    if all(re.fullmatch(r"[\w.-]+", name) and name != "all" for name in names):
        return tuple(dict.fromkeys(names))
    devices = tuple(device.name for device in files.select(names, unlock=False))
    if not devices:
        raise UsageError("the selectors match no device", hint="farm devices list")
    return devices


def _edited(text: str) -> str:
    """Return what a person's editor makes of ``text``."""
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "inventory.yaml"
        draft.write_text(text, encoding="utf-8")
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
        try:
            status = subprocess.run([*shlex.split(editor), str(draft)], env=child_environment(), check=False).returncode
        except OSError as reason:
            raise UsageError(f"the editor {editor!r} can't be started: {reason.strerror}", hint="set $EDITOR") from None
        return draft.read_text(encoding="utf-8") if status == 0 else text


def _in_editor(path: Path) -> None:
    """Let a person edit the file until it is right, or given up; what is wrong never replaces what was right."""
    from orchestrator.config import inventory_edit as inventory_file

    inventory_file.check_own(path)
    before = path.read_text(encoding="utf-8") if path.exists() else inventory_file.HEADER
    text = before
    while True:
        edited = _edited(text)
        if edited in (text, before):
            errors_console().print("nothing changed")
            return
        text = edited
        try:
            inventory_file.replace(path, before if path.exists() else "", text)
        except InventoryError as wrong:
            errors_console().print(f"[bold red]farm:[/] {plain(str(wrong))}", soft_wrap=True)
            typer.confirm("Edit again? (no: everything stays as it was)", err=True, abort=True, default=True)
            continue
        console().print(f"[green]changed[/] {path}", soft_wrap=True)
        return
