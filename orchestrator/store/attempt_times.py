"""How long each attempt of a device took: what comparisons need of the many attempts of many cases."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from orchestrator.domain.case import Case
from orchestrator.domain.readings import sanitize_readings
from orchestrator.store import schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

IDENTITY = tuple(field.name for field in fields(Case))


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptTime:
    """A successful attempt without its samples."""

    run: str
    case: str
    number: int
    artifact: str
    #: Median of an invocation, of throughput the time per image; ``None`` where nothing was timed.
    time_ns: float | None
    #: Below it lies a tenth of the invocations: what the program can do where the machine lets it; ``None`` for throughput.
    p10_ns: float | None
    governors: tuple[str, ...]
    versions: Mapping[str, Any]


def attempt_times(session: Session, device: str, runs: Sequence[str]) -> list[AttemptTime]:
    """Return the successful attempts of judged cases that are not INVALID or, of one run alone, of all its cases."""
    attempt, case = schema.Attempt, schema.Case
    columns = [
        attempt.run,
        attempt.case_id,
        attempt.number,
        attempt.artifact,
        attempt.readings,
        attempt.versions,
        attempt.span_ns,
    ]
    columns += [attempt.p10_ns, attempt.p50_ns, attempt.count, attempt.invocations_per_sample]
    query = (
        select(*columns)
        .where(attempt.run.in_(runs), attempt.case_id.in_(_cases_of(device)), attempt.error.is_(None))
        .order_by(attempt.run, attempt.case_id, attempt.number)
    )
    if len(runs) > 1:
        judged = schema.RunCase
        query = query.join(judged, (judged.run == attempt.run) & (judged.case_id == attempt.case_id))
        query = query.where(judged.verdict != "INVALID")
    cases = {row.id: row.as_value() for row in session.scalars(select(case).where(case.device == device))}
    names = {number: str(value) for number, value in cases.items()}
    return [_time(row, cases[row.case_id], names[row.case_id]) for row in session.connection().execute(query).all()]


def judged_artifacts(session: Session, device: str, run: str) -> dict[str, str | None]:
    """Return the sha256 of what each judged case of ``device`` in ``run`` measured, by the case's name."""
    case, judged = schema.Case, schema.RunCase
    query = (
        select(judged.artifact, *(getattr(case, name) for name in IDENTITY))
        .join(case, case.id == judged.case_id)
        .where(judged.run == run, judged.case_id.in_(_cases_of(device)), judged.judged_at.is_not(None))
        .order_by(case.id)
    )
    rows = session.connection().execute(query)
    return {str(Case(**dict(zip(IDENTITY, identity, strict=True)))): artifact for artifact, *identity in rows}


def earlier_runs(session: Session, device: str, run: str, most: int) -> list[str]:
    """Return the ids of at most ``most`` runs that measured ``device`` before ``run``, the newest first.

    Those in which the device was another machine are left out.
    """
    began = select(schema.Run.started_at).where(schema.Run.id == run).scalar_subquery()
    facts = schema.DeviceFacts
    query = (
        select(facts.run, facts.facts)
        .join(schema.Run, schema.Run.id == facts.run)
        .where(facts.device == device, schema.Run.started_at <= began)
        .order_by(schema.Run.started_at.desc(), facts.id.desc())
    )
    found: dict[str, Any] = {}
    for earlier, row in session.execute(query.limit(4 * most)):
        found.setdefault(earlier, (row or {}).get("hardware_key"))
    hardware = found.pop(run, None)
    return [earlier for earlier, key in found.items() if key == hardware][:most]


def _cases_of(device: str) -> Select[int]:
    """Return the ids of a device's cases; joined instead, SQLite would read all that every device measured in a run."""
    return select(schema.Case.id).where(schema.Case.device == device)


def _time(row: Any, case: Case, name: str) -> AttemptTime:
    time_ns, p10_ns = row.p50_ns, row.p10_ns
    if case.interpreters:
        images = row._mapping["count"] * max(1, row.invocations_per_sample) * case.batch  # noqa: SLF001  a tuple has `count`
        time_ns, p10_ns = (row.span_ns / images if row.span_ns and images else None), None
    return AttemptTime(
        run=row.run,
        case=name,
        number=row.number,
        artifact=row.artifact,
        time_ns=time_ns,
        p10_ns=p10_ns,
        governors=_governors(row.readings),
        versions=row.versions if isinstance(row.versions, dict) else {},
    )


def _governors(readings: object) -> tuple[str, ...]:
    """Return the governors that readings name, in order, each once; nothing else of the readings is looked at."""
    each = readings if isinstance(readings, list) else ()
    named = dict.fromkeys(
        name
        for reading in each
        if isinstance(reading, dict) and isinstance(name := reading.get("governor"), str) and name
    )
    return tuple(dict.fromkeys(map(_printable, named)))


@cache
def _printable(governor: str) -> str:
    return sanitize_readings([{"governor": governor}])[0]["governor"]
