"""What every command needs: the inventory, the database, the folder of farm's own files."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.transports.connector import Connector
from orchestrator.transports.ssh_lookup import SshLookup

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.console import Console

    from orchestrator.domain.device import Device
    from orchestrator.store.rows import DeviceRow
    from orchestrator.store.store import Store

# Options that mean the same on every command that takes them.
Db = Annotated[
    str | None,
    typer.Option(
        "--db",
        envvar="FARM_DB",
        metavar="URL",
        help="Results database: sqlite:///FILE or postgresql+psycopg://… (default: farm.db beside the inventory).",
    ),
]
InventoryFile = Annotated[
    Path | None,
    typer.Option(
        "--inventory", envvar="FARM_INVENTORY", metavar="FILE", help="The devices (default: ./inventory.yaml)."
    ),
]
Wheelhouse = Annotated[
    Path | None,
    typer.Option(metavar="DIR", envvar="FARM_WHEELHOUSE", help="Wheels for devices, where there is no internet."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of tables for people.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The files of one project: all of them lie beside its inventory."""

    #: May not exist: then there is the device ``local`` only.
    inventory: Path
    #: Farm's own: artifacts, wheels, known_hosts.
    state: Path
    db: str
    #: What this command connects with: trusted host keys, keys that a person unlocked.
    connector: Connector


def home(db: str | None = None, inventory: Path | None = None) -> Home:
    """Say where things are, from the options of a command."""
    path = inventory or Path("inventory.yaml")
    folder = path.absolute().parent
    state = folder / ".farm"
    connector = Connector(known_hosts=state / "known_hosts", ssh=SshLookup(_warn))
    return Home(inventory=path, state=state, db=db or f"sqlite:///{folder / 'farm.db'}", connector=connector)


def _warn(text: str) -> None:
    errors_console().print(f"warning: {text}", style="yellow", markup=False, soft_wrap=True)


def open_store(db: str | None = None, inventory: Path | None = None) -> Store:
    """Open the results database, creating it when it is new."""
    from orchestrator.store.store import Store

    return Store.open(home(db, inventory).db)


def existing_store(db: str | None = None, inventory: Path | None = None) -> Store:
    """Open the results database to ask it, or an empty one in memory: a question creates none."""
    from orchestrator.store.store import Store

    return Store.open(home(db, inventory).db, create=False)


def known_devices(files: Home) -> Mapping[str, DeviceRow]:
    """Return the facts of devices as they last answered, by name; a question creates no database."""
    from orchestrator.store.store import Store

    with Store.open(files.db, create=False) as store:
        return {row.name: row for row in store.devices()}


def unlock_keys(files: Home, devices: Iterable[Device]) -> None:
    """Ask the person at the terminal for the passphrases that reaching ``devices`` takes, before anything begins."""
    if interactive():
        files.connector.keys.unlock(devices, lambda question: str(typer.prompt(question, hide_input=True, err=True)))


def console() -> Console:
    """Return where results go: standard output."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty())


def errors_console() -> Console:
    """Return where progress and errors go: standard error."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def interactive() -> bool:
    """Say whether a person sits at both ends."""
    return sys.stdin.isatty() and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
