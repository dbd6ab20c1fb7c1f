"""Write to the store: one transaction for events that arrive together, each stored once however often it arrives."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from orchestrator.errors import StoreError, UsageError
from orchestrator.store import schema
from orchestrator.store.case_ids import CaseIds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Engine

    from orchestrator.domain.calibration import Calibration
    from orchestrator.domain.device import Device
    from orchestrator.domain.event import Event

TABLES = schema.Base.metadata.tables
#: PostgreSQL's foreign_key_violation, unique_violation, serialization_failure and deadlock_detected: looking again finds what the other wrote.
#: SQLite's writers take turns from the start.
RACES = frozenset({"23503", "23505", "40001", "40P01"})
#: A case that we looked up may be pruned since.
GONE = "SQLITE_CONSTRAINT_FOREIGNKEY"
TRIES = 5


class Writer:
    """Everything that can be stored."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._cases = CaseIds()

    def record(self, *events: Event) -> None:
        """Store ``events`` with everything they carry, and how far their journals were read, or nothing of it.

        All of them are one transaction. Raises `StoreError` where the database refuses (disk full, server gone).
        """
        self._record(events, once=False)

    def record_missing(self, *events: Event) -> int:
        """Store those of ``events`` that are not stored yet, in one transaction; return how many that were."""
        return self._record(events, once=True)

    def _record(self, events: Sequence[Event], *, once: bool) -> int:
        from orchestrator.store import ingest  # a query needs no events

        left = TRIES
        while True:
            left -= 1
            try:
                with self._transaction() as connection:
                    news = ingest.missing(connection, events) if once else events
                    ingest.store(connection, self._cases, news)
                    return len(news)
            except StoreError as error:
                if left and _raced(error):
                    continue
                message = f"the results database refused {_named(events)}: {error.message}"
                raise type(error)(message, hint=error.hint) from error

    def record_facts(self, device: Device, facts: Mapping[str, Any], at: datetime) -> None:
        """Store the facts of a device that was probed outside any run."""
        from orchestrator.store import ingest

        with self._transaction() as connection:
            ingest.seen(connection, device, facts, at)

    def record_calibration(self, calibration: Calibration) -> None:
        """Store a calibration; the newest of a device counts."""
        with self._transaction() as connection:
            connection.execute(insert(TABLES["calibrations"]), asdict(calibration))

    def rename_device(self, old: str, new: str) -> None:
        """Give everything stored under the device name ``old`` the name ``new``.

        Raises `StoreError` where ``new`` has results of its own.
        """
        devices, cases = TABLES["devices"], TABLES["cases"]
        with self._transaction() as connection:
            if (
                connection.execute(select(devices.c.name).where(devices.c.name == new)).first()
                or connection.execute(select(cases.c.id).where(cases.c.device == new).limit(1)).first()
            ):
                raise StoreError(f"the database has results of a device {new!r} already", hint="choose another name")
            row = connection.execute(select(devices).where(devices.c.name == old)).first()
            if row is not None:
                connection.execute(insert(devices), {**row._mapping, "name": new})  # noqa: SLF001  SQLAlchemy's public name
            for name in ("device_facts", "cases", "lanes", "events", "scores", "calibrations"):
                table = TABLES[name]
                connection.execute(update(table).where(table.c.device == old).values(device=new))
            connection.execute(delete(devices).where(devices.c.name == old))
            self._cases.forget()

    def name_run(self, run: str, name: str, *, take: bool = False) -> None:
        """Call the run with the id ``run`` by ``name``, and by no other one; ``take`` takes it from the run that has it.

        Raises `UsageError` where another run has the name, or an id begins with it.
        """
        runs = TABLES["runs"]
        with self._transaction() as connection:
            if connection.execute(select(runs.c.id).where(runs.c.id.startswith(name, autoescape=True))).first():
                raise UsageError(f"an id of a run begins with {name!r}", hint="choose another name")
            holder = connection.execute(select(runs.c.id).where(runs.c.name == name)).scalar()
            if holder not in (None, run):
                if not take:
                    message = f"the run {holder} is called {name} already"
                    raise UsageError(message, hint=f"farm runs name {run} {name} --move")
                connection.execute(update(runs).where(runs.c.id == holder).values(name=None))
            connection.execute(update(runs).where(runs.c.id == run).values(name=name))

    def unname_run(self, run: str) -> None:
        """Take the name of the run with the id ``run`` away."""
        runs = TABLES["runs"]
        with self._transaction() as connection:
            connection.execute(update(runs).where(runs.c.id == run).values(name=None))

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        """Yield a connection whose changes are committed together at the end, or not at all."""
        try:
            with self._engine.connect().execution_options(writes=True) as connection, connection.begin():
                yield connection
        except BaseException:
            self._cases.forget()
            raise
        self._cases.commit()


def _raced(error: StoreError) -> bool:
    """Check whether another process wrote or pruned the same rows between our query and our insert."""
    cause = error.__cause__
    return getattr(cause, "sqlstate", None) in RACES or getattr(cause, "sqlite_errorname", None) == GONE


def _named(events: Sequence[Event]) -> str:
    names = dict.fromkeys(type(event).__name__ for event in events)
    return ", ".join(names)
