"""What of the database can go, by run, age or number of newer results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, cast, delete, exists, func, select

from orchestrator.store import case_links, schema

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Table
    from sqlalchemy.orm import Session

_TABLES = schema.Base.metadata.tables
#: Ids in one statement.
_MOST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Doomed:
    """A run that would go, or whose samples would."""

    run: str
    name: str | None
    started_at: datetime
    cases: int
    attempts: int
    #: Samples; of a whole run with scores, sensor readings, events: what takes the space, without indices.
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A run that was chosen, but stays, with the reason."""

    run: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """What would be deleted: whole runs, or their samples alone."""

    samples_only: bool
    doomed: tuple[Doomed, ...]
    kept: tuple[Kept, ...]

    @property
    def size_bytes(self) -> int:
        """Bytes of all that would go."""
        return sum(each.size_bytes for each in self.doomed)


def plan(
    session: Session,
    *,
    runs: Sequence[str] = (),
    before: datetime | None = None,
    keep: int | None = None,
    samples_only: bool = False,
) -> Pruning:
    """Return what would go: of ``runs`` (ids), else of all, those that began before ``before`` and beyond the newest ``keep``.

    A run is beyond them where each of its cases has ``keep`` later judged runs. Unless ``runs`` names it, one with a name
    stays, one that has not ended, and one that holds the newest calibration of a device.
    """
    query = select(schema.Run).order_by(schema.Run.started_at, schema.Run.id)
    if runs:
        query = query.where(schema.Run.id.in_(runs))
    if before is not None:
        query = query.where(schema.Run.started_at < before)
    chosen = list(session.scalars(query))
    if keep is not None:
        needed = _newest(session, keep)
        chosen = [run for run in chosen if run.id not in needed]
    reasons = {} if runs else _protected(session, chosen, samples_only=samples_only)
    doomed = [run for run in chosen if run.id not in reasons]
    return Pruning(
        samples_only=samples_only,
        doomed=tuple(
            each
            for run in doomed
            if (each := _measure(session, run, samples_only=samples_only)).size_bytes or not samples_only
        ),
        kept=tuple(Kept(run=run.id, why=reasons[run.id]) for run in chosen if run.id in reasons),
    )


def carry_out(session: Session, pruning: Pruning) -> None:
    """Delete what ``pruning`` lists, all of it or nothing; what is left stays consistent."""
    ids = [each.run for each in pruning.doomed]
    for some in _parts(ids):
        _delete_children(session, "attempts", some, only=frozenset({"samples"}) if pruning.samples_only else None)
    if pruning.samples_only:
        return
    cases: set[int] = set()
    for some in _parts(ids):
        cases |= set(session.scalars(select(schema.RunCase.case_id).where(schema.RunCase.run.in_(some))))
        cases |= set(session.scalars(select(schema.Attempt.case_id).where(schema.Attempt.run.in_(some))))
        _delete_children(session, "profiles", some)
        for table in reversed(schema.Base.metadata.sorted_tables):
            if "run" in table.columns:
                session.execute(delete(table).where(table.c.run.in_(some)))
        session.execute(delete(schema.Run).where(schema.Run.id.in_(some)))
    for some in _parts(sorted(cases)):
        case_links.choose_current(session.connection(), _TABLES["run_cases"].c.case_id.in_(some))
    _delete_unused(session, _TABLES["cases"], "id")
    _delete_unused(session, _TABLES["artifacts"], "sha256")
    listed = select(schema.Scores.image_list).where(schema.Scores.image_list.is_not(None)).distinct()
    session.execute(delete(schema.ImageList).where(schema.ImageList.sha256.not_in(listed)))


def are_pruned(session: Session, run: str) -> bool:
    """Return whether some attempt of the run has lost its samples: one that failed has samples too, none of them."""
    attempt, samples = schema.Attempt, schema.Samples
    there = exists().where(samples.attempt == attempt.id, samples.kind == "latency")
    return session.scalars(select(attempt.id).where(attempt.run == run, ~there).limit(1)).first() is not None


def _newest(session: Session, keep: int) -> set[str]:
    """Return the runs that hold one of the newest ``keep`` results of some case."""
    row = schema.RunCase
    place = func.row_number().over(partition_by=row.case_id, order_by=(row.judged_at.desc(), row.run))
    ranked = select(row.run, place.label("place")).where(row.judged_at.is_not(None)).subquery()
    return set(session.scalars(select(ranked.c.run).where(ranked.c.place <= keep).distinct()))


def _protected(session: Session, runs: Sequence[schema.Run], *, samples_only: bool) -> dict[str, str]:
    reasons: dict[str, str] = {}
    if not samples_only:
        newest = select(func.max(schema.Calibration.id)).group_by(schema.Calibration.device)
        query = select(schema.Calibration.run, schema.Calibration.device).where(schema.Calibration.id.in_(newest))
        reasons = {run: f"it holds the calibration of {device}" for run, device in session.execute(query)}
    for run in runs:
        if run.ended_at is None:
            reasons[run.id] = "it has not ended"
        if run.name is not None:
            reasons[run.id] = f"it has a name: {run.name}"
    return reasons


def _measure(session: Session, run: schema.Run, *, samples_only: bool) -> Doomed:
    def total(size: Any, *tables: Any) -> int:
        query = select(func.coalesce(func.sum(size), 0)).select_from(tables[0])
        for other in tables[1:]:
            query = query.join(other)
        return int(session.execute(query.where(tables[-1].run == run.id)).scalar_one())

    def count(table: Any) -> int:
        return int(session.execute(select(func.count()).select_from(table).where(table.run == run.id)).scalar_one())

    size = total(func.length(schema.Samples.data), schema.Samples, schema.Attempt)
    if not samples_only:
        size += total(func.length(cast(schema.Attempt.readings, Text)), schema.Attempt)
        size += total(func.length(schema.Scores.scores), schema.Scores)
        size += total(func.length(cast(schema.Event.detail, Text)), schema.Event)
    return Doomed(
        run=run.id,
        name=run.name,
        started_at=run.started_at,
        cases=count(schema.RunCase),
        attempts=count(schema.Attempt),
        size_bytes=size,
    )


def _delete_children(session: Session, parent: str, runs: Sequence[str], *, only: frozenset[str] | None = None) -> None:
    """Delete the rows that hang on the ``parent`` rows of ``runs``."""
    owner = _TABLES[parent]
    ids = select(owner.c.id).where(owner.c.run.in_(runs))
    for table, column in _references(owner):
        if only is None or table.name in only:
            session.execute(delete(table).where(table.c[column].in_(ids)))


def _delete_unused(session: Session, table: Table, key: str) -> None:
    """Delete the rows of ``table`` that no other row names."""
    statement = delete(table)
    for other, column in _references(table):
        used = select(other.c[column]).where(other.c[column].is_not(None)).distinct()
        statement = statement.where(table.c[key].not_in(used))
    session.execute(statement)


def _references(table: Table) -> Iterator[tuple[Table, str]]:
    """Yield each (table, column) whose rows name one of ``table``."""
    for other in schema.Base.metadata.sorted_tables:
        for key in other.foreign_keys:
            if key.column.table is table:
                yield other, key.parent.name


def _parts(ids: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (ids[start : start + _MOST] for start in range(0, len(ids), _MOST))
