"""How long each attempt of a device took: what comparisons need of the many attempts of many cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from orchestrator.domain.readings import sanitize_readings
from orchestrator.store import schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from orchestrator.domain.case import Case


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
        .join(case, case.id == attempt.case_id)
        .where(case.device == device, attempt.run.in_(runs), attempt.error.is_(None))
        .order_by(attempt.run, attempt.case_id, attempt.number)
    )
    if len(runs) > 1:
        judged = schema.RunCase
        query = query.join(judged, (judged.run == attempt.run) & (judged.case_id == attempt.case_id))
        query = query.where(judged.verdict != "INVALID")
    cases = {row.id: row.as_value() for row in session.scalars(select(case).where(case.device == device))}
    names = {number: str(value) for number, value in cases.items()}
    return [_time(row, cases[row.case_id], names[row.case_id]) for row in session.connection().execute(query).all()]


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
    named = [
        {"governor": reading["governor"]} for reading in each if isinstance(reading, dict) and "governor" in reading
    ]
    distinct = [reading for place, reading in enumerate(named) if reading not in named[:place]]
    return tuple(
        dict.fromkeys(reading["governor"] for reading in sanitize_readings(distinct) if reading.get("governor"))
    )
