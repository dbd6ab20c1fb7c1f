"""Write to the store: one transaction for each event, once however often it arrives."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, fields
from functools import singledispatchmethod
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from orchestrator.domain import event as happened
from orchestrator.errors import StoreError, UsageError
from orchestrator.store import schema
from orchestrator.store.events import plain, row_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from sqlalchemy import Engine

    from orchestrator.domain.calibration import Calibration
    from orchestrator.domain.case import Case
    from orchestrator.domain.device import Device
    from orchestrator.domain.event import Event

#: PostgreSQL's unique_violation, serialization_failure and deadlock_detected: looking again finds what the other wrote.
#: SQLite's writers take turns from the start.
RACES = frozenset({"23505", "40001", "40P01"})
TRIES = 5


class Writer:
    """Everything that can be stored."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record(self, event: Event) -> None:
        """Store an event with everything it carries, and how far its journal was read, or nothing of it.

        Raises `StoreError` where the database refuses (disk full, server gone).
        """
        for left in reversed(range(TRIES)):
            try:
                self._record(event)
            except StoreError as error:
                if left and _raced(error):
                    continue
                message = f"the results database refused {type(event).__name__}: {error.message}"
                raise StoreError(message, hint=error.hint) from error
            return

    def record_facts(self, device: Device, facts: Mapping[str, Any], at: datetime) -> None:
        """Store the facts of a device that was probed outside any run."""
        with self._transaction() as session:
            _seen(session, device, facts, at)

    def record_calibration(self, calibration: Calibration) -> None:
        """Store a calibration; the newest of a device counts."""
        with self._transaction() as session:
            session.add(schema.Calibration(**asdict(calibration)))

    def rename_device(self, old: str, new: str) -> None:
        """Give everything stored under the device name ``old`` the name ``new``.

        Raises `StoreError` where ``new`` has results of its own.
        """
        with self._transaction() as session:
            if (
                session.get(schema.Device, new) is not None
                or session.scalars(select(schema.Case.id).where(schema.Case.device == new).limit(1)).first()
            ):
                raise StoreError(f"the database has results of a device {new!r} already", hint="choose another name")
            row = session.get(schema.Device, old)
            if row is not None:
                session.add(schema.Device(name=new, entry=row.entry, last_seen_at=row.last_seen_at, facts=row.facts))
                session.flush()
            for table in (
                *(schema.DeviceFacts, schema.Case, schema.Lane),
                *(schema.Event, schema.Scores, schema.Calibration),
            ):
                session.execute(update(table).where(table.device == old).values(device=new))
            if row is not None:
                session.delete(row)

    def name_run(self, run: str, name: str, *, take: bool = False) -> None:
        """Call the run with the id ``run`` by ``name``, and by no other one; ``take`` takes it from the run that has it.

        Raises `UsageError` where another run has the name, or an id begins with it.
        """
        with self._transaction() as session:
            if session.scalars(select(schema.Run.id).where(schema.Run.id.startswith(name, autoescape=True))).first():
                raise UsageError(f"an id of a run begins with {name!r}", hint="choose another name")
            holder = session.scalars(select(schema.Run.id).where(schema.Run.name == name)).first()
            if holder not in (None, run):
                if not take:
                    message = f"the run {holder} is called {name} already"
                    raise UsageError(message, hint=f"farm runs name {run} {name} --move")
                session.execute(update(schema.Run).where(schema.Run.id == holder).values(name=None))
            session.execute(update(schema.Run).where(schema.Run.id == run).values(name=name))

    def unname_run(self, run: str) -> None:
        """Take the name of the run with the id ``run`` away."""
        with self._transaction() as session:
            session.execute(update(schema.Run).where(schema.Run.id == run).values(name=None))

    @contextmanager
    def _transaction(self) -> Iterator[Session]:
        """Yield a session whose changes are committed together at the end, or not at all."""
        with self._engine.connect().execution_options(writes=True) as connection, connection.begin():
            session = Session(bind=connection)
            yield session
            session.flush()

    def _record(self, event: Event) -> None:
        with self._transaction() as session:
            if event.cursor is not None and not _advance(session, event.cursor):
                return
            self._store(event, session)
            session.flush()
            session.add(row_of(event))

    @singledispatchmethod
    def _store(self, event: Event, session: Session) -> None:
        """Store what an event carries beyond its own row; most carry nothing."""

    @_store.register
    def _(self, event: happened.RunStarted, session: Session) -> None:
        session.merge(
            schema.Run(
                id=event.run,
                started_at=event.at,
                ended_at=None,
                suite=plain(event.suite),
                seed=event.seed,
                effort=event.effort,
                dataset=event.dataset,
                synthetic=event.synthetic,
                farm_version=event.farm_version,
                exit_status=None,
            )
        )

    @_store.register
    def _(self, event: happened.RunResumed, session: Session) -> None:
        session.execute(update(schema.Run).where(schema.Run.id == event.run).values(ended_at=None, exit_status=None))

    @_store.register
    def _(self, event: happened.DeviceProbed, session: Session) -> None:
        _seen(session, event.entry, event.facts, event.at)
        session.add(schema.DeviceFacts(run=event.run, device=event.entry.name, at=event.at, facts=plain(event.facts)))

    @_store.register
    def _(self, event: happened.Planned, session: Session) -> None:
        for case in event.plan.cases:
            _run_case(session, event.run, case)

    @_store.register
    def _(self, event: happened.CaseSkipped, session: Session) -> None:
        _run_case(session, event.run, event.case).skipped = event.reason

    @_store.register
    def _(self, event: happened.ArtifactReady, session: Session) -> None:
        session.merge(schema.Artifact(**plain(asdict(event.artifact))))

    @_store.register
    def _(self, event: happened.LaneStarted, session: Session) -> None:
        if session.get(schema.Lane, event.lane) is None:
            known = session.scalars(select(schema.Lane.number).where(schema.Lane.run == event.run)).all()
            session.add(
                schema.Lane(
                    id=event.lane,
                    run=event.run,
                    device=event.device,
                    number=len(known) + 1,
                    offset=0,
                    ended=False,
                    error=None,
                )
            )

    @_store.register
    def _(self, event: happened.LaneEnded, session: Session) -> None:
        session.execute(update(schema.Lane).where(schema.Lane.id == event.lane).values(ended=True, error=event.error))

    @_store.register
    def _(self, event: happened.AttemptEnded, session: Session) -> None:
        measurement = event.measurement
        if session.get(schema.Attempt, measurement.attempt) is not None:
            return
        own = {field.name: getattr(measurement, field.name) for field in fields(measurement)}
        samples = {kind: own.pop(f"{kind}_ns") for kind in ("warmup", "latency")}
        case = _case(session, own.pop("case"))
        own |= {key: plain(own[key]) for key in ("readings", "requested", "effective", "versions")}
        session.add(schema.Attempt(id=own.pop("attempt"), run=event.run, case_id=case.id, **own))
        session.flush()
        for kind, values in samples.items():
            session.add(schema.Samples(attempt=measurement.attempt, kind=kind, count=len(values), data=values.data))

    @_store.register
    def _(self, event: happened.Scored, session: Session) -> None:
        scores = event.scores
        if session.get(schema.Scores, scores.scoring) is not None:
            return
        own = {field.name: getattr(scores, field.name) for field in fields(scores)}
        images, class_count = own.pop("shape")
        own |= {key: plain(own[key]) for key in ("classes", "device_auc", "auc")}
        session.add(schema.Scores(id=own.pop("scoring"), run=event.run, images=images, class_count=class_count, **own))

    @_store.register
    def _(self, event: happened.CaseJudged, session: Session) -> None:
        result = event.result
        row = _run_case(session, event.run, result.case)
        if not isinstance(event, happened.CaseJudgedAgain) or row.judged_at is None:
            row.judged_at = event.at
        row.artifact = result.artifact
        row.attempts, row.samples = result.attempts, result.samples
        row.verdict = result.verdict.value
        row.reasons = [plain(asdict(reason)) for reason in result.reasons]
        # a case that is judged again may have lost a figure
        session.execute(
            delete(schema.Metric).where(schema.Metric.run == event.run, schema.Metric.case_id == row.case_id)
        )
        for name, value in result.figures.items():
            session.add(schema.Metric(run=event.run, case_id=row.case_id, name=name, value=value))

    @_store.register
    def _(self, event: happened.RunEnded, session: Session) -> None:
        session.execute(
            update(schema.Run)
            .where(schema.Run.id == event.run)
            .values(ended_at=event.at, exit_status=event.exit_status)
        )


def _seen(session: Session, device: Device, facts: Mapping[str, Any], at: datetime) -> None:
    session.merge(schema.Device(name=device.name, entry=plain(asdict(device)), last_seen_at=at, facts=plain(facts)))
    session.flush()


def _advance(session: Session, cursor: happened.Cursor) -> bool:
    """Remember how far a journal was read; return whether the event was news."""
    lane = session.get(schema.Lane, cursor.lane)
    if lane is None:
        return True
    if cursor.offset <= lane.offset:
        return False
    lane.offset = cursor.offset
    return True


def _raced(error: StoreError) -> bool:
    """Check whether another controller wrote the same case, device or artifact between our query and our insert."""
    return getattr(error.__cause__, "sqlstate", None) in RACES


def _case(session: Session, case: Case) -> schema.Case:
    identity = asdict(case)
    row = session.scalars(select(schema.Case).filter_by(**identity)).one_or_none()
    if row is None:
        row = schema.Case(**identity)
        session.add(row)
        session.flush()
    return row


def _run_case(session: Session, run: str, case: Case) -> schema.RunCase:
    key = {"run": run, "case_id": _case(session, case).id}
    row = session.get(schema.RunCase, tuple(key.values()))
    if row is None:
        row = schema.RunCase(
            **key, skipped=None, judged_at=None, artifact=None, attempts=0, samples=0, verdict=None, reasons=[]
        )
        session.add(row)
    else:
        row.skipped = None  # planned again by --resume: what was out of reach may be back
    session.flush()
    return row
