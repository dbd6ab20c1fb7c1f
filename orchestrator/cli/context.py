"""The project that a command works on."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import ansible_inventory
from orchestrator.config import foreign_inventory

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console

    from orchestrator.devices.outages import Outages
    from orchestrator.devices.remote.push_limits import PushLimits
    from orchestrator.domain.device import Device
    from orchestrator.models.build_processes import BuildLimits
    from orchestrator.runs.cluster.cluster import Cluster
    from orchestrator.runs.farm import Farm
    from orchestrator.store.rows import DeviceRow
    from orchestrator.store.store import Store
    from orchestrator.transports.connector import Connector

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
        "--inventory",
        envvar="FARM_INVENTORY",
        metavar="FILE",
        callback=ansible_inventory.read,
        help="The devices (default: ./inventory.yaml): farm's own file, an Ansible inventory, or - for ansible-inventory --list.",
    ),
]
Wheelhouse = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        envvar="FARM_WHEELHOUSE",
        exists=True,
        file_okay=False,
        help="Wheels for devices, where there is no internet.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs instead of tables for people.")]


@dataclass(frozen=True, kw_only=True)  # without slots: a command that connects makes its connector once
class Project:
    """The files of one project: all of them lie beside its inventory."""

    #: The default one may not exist: then the only device is ``local``.
    inventory: Path
    #: Farm's own: artifacts, wheels, known_hosts.
    state: Path
    db: str

    @cached_property
    def connector(self) -> Connector:
        """What this command connects with: trusted host keys, keys that a person unlocked."""
        from orchestrator.transports.connector import Connector
        from orchestrator.transports.ssh_lookup import SshLookup

        return Connector(known_hosts=self.state / "known_hosts", ssh=SshLookup(_warn))

    @cached_property
    def outages(self) -> Outages:
        """Devices that are out of runs."""
        from orchestrator.devices.outages import FOLDER, Outages

        return Outages(self.state / FOLDER)

    def has_no_database(self) -> bool:
        """Return whether the database is a file of SQLite's that is not there, without what asking one takes."""
        file = self.db.removeprefix("sqlite:///")
        return file != self.db and bool(re.fullmatch(r"[^?:]+", file)) and not Path(file).exists()

    def open_store(self, *, create: bool = True) -> Store:
        """Open the results database; without ``create``, one in memory where there is none."""
        from orchestrator.store.store import Store

        return Store.open(self.db, create=create)

    def known(self) -> Mapping[str, DeviceRow]:
        """Return the facts of devices as they last answered, by name; a question creates no database."""
        if self.has_no_database():
            return {}
        with self.open_store(create=False) as store:
            return {row.name: row for row in store.devices()}

    def select(self, selectors: Sequence[str] | None, *, unlock: bool = True) -> tuple[Device, ...]:
        """Return the devices of the inventory that match ``selectors``, all where there are none.

        ``unlock`` asks for the passphrases that reaching them takes. Raises `UnknownName` or `UsageError`.
        """
        from orchestrator.config.inventory import Inventory
        from orchestrator.config.selectors import needs_facts, select

        words = selectors or ["all"]
        facts = {name: row.facts for name, row in self.known().items()} if needs_facts(words) else {}
        devices = select(Inventory.load(self.inventory).devices, words, facts)
        if unlock:
            self.unlock(devices)
        return devices

    def device(self, name: str) -> Device:
        """Return the device called ``name``; raises `UnknownName`."""
        from orchestrator.config.inventory import Inventory

        return Inventory.load(self.inventory).device(name)

    def remember(self, facts: Iterable[tuple[Device, Mapping[str, Any]]]) -> None:
        """Store the facts of devices, for `list`, `show` and selectors."""
        now = datetime.now(UTC)
        with self.open_store() as store:
            for device, answered in facts:
                store.record_facts(device, answered, now)

    def unlock(self, devices: Iterable[Device]) -> None:
        """Ask the person at the terminal for the passphrases that reaching ``devices`` takes, before anything begins."""
        if interactive():
            self.connector.keys.unlock(devices, lambda question: str(typer.prompt(question, hide_input=True, err=True)))

    def farm(
        self,
        *,
        patience_s: float = 60.0,
        wheelhouse: Path | None = None,
        build_limits: BuildLimits | None = None,
        rescore: bool = False,
        push_limits: PushLimits | None = None,
        detaches: bool = False,
        keeps_lanes: bool = False,
        cluster: Cluster | None = None,
    ) -> Farm:
        """Return what carries out suites in this project."""
        from orchestrator.runs.farm import Farm

        return Farm(
            self.state,
            connector=self.connector,
            patience_s=patience_s,
            wheelhouse=wheelhouse,
            build_limits=build_limits,
            rescore=rescore,
            push_limits=push_limits,
            detaches=detaches,
            keeps_lanes=keeps_lanes,
            cluster=cluster,
        )


def project(db: str | None = None, inventory: Path | None = None, *, creates_inventory: bool = False) -> Project:
    """Return where things are, from the options of a command.

    With an Ansible inventory, or one from a pipe, farm's own files are in the current folder. Raises `UsageError` where ``inventory`` is named and no such
    file exists, unless the command ``creates_inventory``.
    """
    if inventory is not None and not creates_inventory and not inventory.exists():
        from orchestrator.errors import UsageError

        raise UsageError(
            f"{inventory}: no such inventory",
            hint="name the file of --inventory or FARM_INVENTORY rightly, or make it: farm devices add NAME --inventory FILE",
        )
    path = inventory or ansible_inventory.DEFAULT
    is_beside = foreign_inventory.notation(path) is None and not ansible_inventory.is_kept(path)
    folder = path.absolute().parent if is_beside else Path.cwd()
    state = folder / ".farm"
    return Project(inventory=path, state=state, db=db or f"sqlite:///{folder / 'farm.db'}")


def _warn(text: str) -> None:
    errors_console().print(f"warning: {text}", style="yellow", markup=False, soft_wrap=True)


def open_store(db: str | None = None, inventory: Path | None = None) -> Store:
    """Open the results database, creating it when it is new."""
    return project(db, inventory).open_store()


def existing_store(db: str | None = None, inventory: Path | None = None) -> Store:
    """Open the results database to ask it, or an empty one in memory, as `has_no_database`: a question creates none."""
    has_no_database(db, inventory)
    return project(db, inventory).open_store(create=False)


def has_no_database(db: str | None = None, inventory: Path | None = None) -> bool:
    """Return whether there is none yet in this project. Raises `UsageError` where ``db`` names a file that is not there."""
    is_none = project(db, inventory).has_no_database()
    if is_none and db is not None:
        from orchestrator.errors import UsageError

        raise UsageError(f"{db}: no such database", hint="name another: --db or FARM_DB; farm run makes a new one")
    return is_none


def console() -> Console:
    """Return where results go: standard output."""
    from orchestrator.cli.screen.safe_console import SafeConsole

    return SafeConsole(highlight=False, soft_wrap=not sys.stdout.isatty())


def errors_console() -> Console:
    """Return where errors go: standard error."""
    from orchestrator.cli.screen.output import output

    return output().console


def interactive() -> bool:
    """Say whether a person sits at both ends."""
    return sys.stdin.isatty() and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
