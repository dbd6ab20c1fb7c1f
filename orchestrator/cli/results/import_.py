"""``farm results import``: a run of another farm, stored here."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.context import Db, InventoryFile, console, open_store

EPILOG = """Examples:

\b
  farm results import run.farm.zip
  farm results import run.farm.zip --rename local=lab2-desk
  farm results import run.farm.zip --prefix lab2-"""


def import_run(
    archive: Annotated[Path, typer.Argument(metavar="ARCHIVE", help="What farm results export wrote.")],
    rename: Annotated[
        list[str] | None, typer.Option(metavar="OLD=NEW", help="What a device of the archive is called here.")
    ] = None,
    prefix: Annotated[str, typer.Option(metavar="TEXT", help="Begins the names of all other devices.")] = "",
    *,
    db: Db = None,
    inventory: InventoryFile = None,
) -> None:
    """Import an archived run, whole or not at all.

    Every hash is verified first. A run that is there already stays as it is.
    """
    from orchestrator.exchange.bring_in import bring_in

    names = _renames(rename or [])
    with open_store(db, inventory) as store:
        done = bring_in(store, archive, rename=names, prefix=prefix)
    counts = f"{done.cases} cases, {done.attempts} attempts, {done.scorings} scorings"
    if not done.new:
        console().print(
            f"run {done.run} is there already, with the same content ({counts}); nothing changed", markup=False
        )
        return
    console().print(f"run {done.run} imported: {counts}", markup=False)
    for old, new in done.devices.items():
        if old != new:
            console().print(f"  device {old} is called {new} here", markup=False)
    if done.name_taken:
        console().print(f"  its name {done.name_taken} is that of another run here; it has none now", markup=False)


def _renames(words: list[str]) -> dict[str, str]:
    from orchestrator.errors import UsageError

    names = {}
    for word in words:
        old, equals, new = word.partition("=")
        if not (old and equals and new):
            raise UsageError(f"--rename {word}: must be OLD=NEW", hint="--rename local=lab2-desk")
        if old in names:
            raise UsageError(f"--rename gives {old} two names", hint="give one")
        names[old] = new
    return names
