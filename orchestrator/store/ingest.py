"""The rows that events become, written many at a time."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, fields, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.store import case_links, profiles, schema
from orchestrator.store.events import plain, row_of
from orchestrator.store.statements import insert_new, insert_or_update

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from orchestrator.domain.case import Case
    from orchestrator.domain.device import Device
    from orchestrator.domain.event import Event
    from orchestrator.domain.result import Measurement, Scores
    from orchestrator.store.case_ids import CaseIds

    #: Stores what events of one kind carry beyond their own rows.
    Handler = Callable[[Connection, CaseIds, Sequence[Any]], None]

TABLES = schema.Base.metadata.tables
_LANES, _RUN_CASES, _METRICS = TABLES["lanes"], TABLES["run_cases"], TABLES["metrics"]
#: What a run may say of a device: not how it is reached, so that who steals the database finds no way to it.
_ENTRY = frozenset({"name", "transport", "tags", "groups", "python", "runtimes", "limits"})
_NOT_JUDGED = {"skipped": None, "judged_at": None, "artifact": None, "attempts": 0, "samples": 0, "verdict": None}
_ADVANCE = (
    update(_LANES)
    .where(_LANES.c.id == bindparam("lane"))
    .values(offset=bindparam("read"))  #: how far a journal was read
)
_FORGET_FIGURES = delete(_METRICS).where(
    _METRICS.c.run == bindparam("the_run"), _METRICS.c.case_id == bindparam("the_case")
)


def store(connection: Connection, cases: CaseIds, events: Sequence[Event]) -> None:
    """Store ``events`` with everything they carry, but for those that came out of what was read of a journal before."""
    offsets = _offsets(connection, events)
    news = [event for event in events if event.cursor is None or _is_news(offsets, event.cursor)]
    for handler, group in groupby((event for event in news if _handler(event)), _handler):
        if handler is not None:
            handler(connection, cases, list(group))
    if offsets:
        connection.execute(_ADVANCE, [{"lane": lane, "read": offset} for lane, offset in sorted(offsets.items())])
    if news:
        connection.execute(insert(TABLES["events"]), [row_of(event) for event in news])


def missing(connection: Connection, events: Sequence[Event]) -> list[Event]:
    """Return those of ``events``, all of one run, that are not stored: no row has their moment, kind, device and detail."""
    if not events:
        return []
    table = TABLES["events"]
    moments = [event.at for event in events]
    columns = table.c.at, table.c.kind, table.c.device, table.c.detail
    where = table.c.run == events[0].run, table.c.at.between(min(moments), max(moments))
    stored = Counter(_identity(row._asdict()) for row in connection.execute(select(*columns).where(*where)))
    absent = []
    for event in events:
        identity = _identity(row_of(event))
        if stored[identity]:
            stored[identity] -= 1
        else:
            absent.append(event)
    return absent


def _identity(row: dict[str, Any]) -> tuple[object, ...]:
    return row["at"], row["kind"], row["device"], json.dumps(row["detail"], sort_keys=True)


def seen(connection: Connection, device: Device, facts: Mapping[str, Any], at: datetime) -> None:
    """Store the facts with which a device answered."""
    entry = {key: value for key, value in asdict(device).items() if key in _ENTRY}
    row = {"name": device.name, "entry": plain(entry), "last_seen_at": at, "facts": plain(facts)}
    insert_or_update(connection, TABLES["devices"], [row])


def _offsets(connection: Connection, events: Sequence[Event]) -> dict[str, int]:
    """Return how far the journals that ``events`` came out of were read; the rows are ours until we commit."""
    lanes = sorted({event.cursor.lane for event in events if event.cursor is not None})
    if not lanes:
        return {}
    query = select(_LANES.c.id, _LANES.c.offset).where(_LANES.c.id.in_(lanes)).with_for_update()
    return {row.id: row.offset for row in connection.execute(query)}


def _is_news(offsets: dict[str, int], cursor: happened.Cursor) -> bool:
    if cursor.offset <= offsets.get(cursor.lane, -1):
        return False
    offsets[cursor.lane] = cursor.offset
    return True


def _handler(event: Event) -> Handler | None:
    return next((HANDLERS[kind] for kind in type(event).__mro__ if kind in HANDLERS), None)


def _run_started(connection: Connection, _: CaseIds, events: Sequence[run_event.RunStarted]) -> None:
    for event in events:
        own = {name: getattr(event, name) for name in ("seed", "effort", "dataset", "synthetic", "farm_version")}
        row = own | {"id": event.run, "started_at": event.at, "suite": plain(event.suite)}
        insert_or_update(connection, TABLES["runs"], [row | {"ended_at": None, "exit_status": None}])


def _run_resumed(connection: Connection, _: CaseIds, events: Sequence[run_event.RunResumed]) -> None:
    for event in events:
        _end_run(connection, event.run, None, None)


def _run_ended(connection: Connection, _: CaseIds, events: Sequence[run_event.RunEnded]) -> None:
    for event in events:
        _end_run(connection, event.run, event.at, event.exit_status)


def _end_run(connection: Connection, run: str, at: datetime | None, exit_status: int | None) -> None:
    runs = TABLES["runs"]
    connection.execute(update(runs).where(runs.c.id == run).values(ended_at=at, exit_status=exit_status))


def _device_probed(connection: Connection, _: CaseIds, events: Sequence[happened.DeviceProbed]) -> None:
    for event in events:
        seen(connection, event.entry, event.facts, event.at)
        row = {"run": event.run, "device": event.entry.name, "at": event.at, "facts": plain(event.facts)}
        connection.execute(insert(TABLES["device_facts"]), row)


def _planned(connection: Connection, cases: CaseIds, events: Sequence[run_event.Planned]) -> None:
    for event in events:
        _keep_run_cases(connection, cases, [(event.run, case, None) for case in event.plan.cases])


def _case_skipped(connection: Connection, cases: CaseIds, events: Sequence[happened.CaseSkipped]) -> None:
    _keep_run_cases(connection, cases, [(event.run, event.case, event.reason) for event in events])


def _keep_run_cases(connection: Connection, cases: CaseIds, wanted: Sequence[tuple[str, Case, str | None]]) -> None:
    """Store why cases are skipped in a run, or that they are not (``None``); what was judged of them stays."""
    if not wanted:
        return
    ids = cases.of(connection, (case for _, case, _ in wanted))
    rows: list[dict[str, Any]] = [
        _NOT_JUDGED | {"reasons": [], "run": run, "case_id": ids[case], "skipped": reason}
        for run, case, reason in wanted
    ]
    rows.sort(key=lambda row: (row["run"], row["case_id"]))
    insert_or_update(connection, _RUN_CASES, rows, "skipped")


def _artifact_ready(connection: Connection, _: CaseIds, events: Sequence[run_event.ArtifactReady]) -> None:
    rows = [plain(asdict(event.artifact)) for event in events]
    insert_or_update(connection, TABLES["artifacts"], rows)


def _images_listed(connection: Connection, _: CaseIds, events: Sequence[run_event.ImagesListed]) -> None:
    for images in (event.image_list for event in events):
        row = {"sha256": images.sha256, "dataset": images.dataset, "task": images.task, "images": len(images.names)}
        row |= {"patients": images.patient_count, "classes": plain(images.classes), "data": images.packed()}
        connection.execute(insert_new(connection, TABLES["image_lists"]), row)


def _lane_started(connection: Connection, _: CaseIds, events: Sequence[happened.LaneStarted]) -> None:
    for event in events:
        number = connection.execute(select(func.count() + 1).where(_LANES.c.run == event.run)).scalar_one()
        row = {"id": event.lane, "run": event.run, "device": event.device, "number": number}
        connection.execute(insert_new(connection, _LANES), row | {"offset": 0, "ended": False, "error": None})


def _lane_ended(connection: Connection, _: CaseIds, events: Sequence[happened.LaneEnded]) -> None:
    for event in events:
        connection.execute(update(_LANES).where(_LANES.c.id == event.lane).values(ended=True, error=event.error))


def _attempt_ended(connection: Connection, cases: CaseIds, events: Sequence[happened.AttemptEnded]) -> None:
    ids = cases.of(connection, (event.measurement.case for event in events))
    rows = [_attempt_row(event.run, event.measurement, ids) for event in events]
    connection.execute(insert_new(connection, TABLES["attempts"]), rows)
    samples = [
        {"attempt": event.measurement.attempt, "kind": kind, "count": len(values), "data": values.data}
        for event in events
        for kind, values in (("warmup", event.measurement.warmup_ns), ("latency", event.measurement.latency_ns))
    ]
    connection.execute(insert_new(connection, TABLES["samples"]), samples)


def _attempt_row(run: str, measurement: Measurement, ids: Mapping[Case, int]) -> dict[str, Any]:
    apart = ("attempt", "case", "warmup_ns", "latency_ns")
    row = {name: getattr(measurement, name) for name in _names(type(measurement)) if name not in apart}
    row |= {key: plain(row[key]) for key in ("readings", "requested", "effective", "versions", "preparations_ns")}
    row |= {"p10_ns": measurement.quantile_ns(0.1), "p50_ns": measurement.quantile_ns(0.5)}
    row["count"] = len(measurement.latency_ns)
    return row | {"id": measurement.attempt, "run": run, "case_id": ids[measurement.case]}


def _scored(connection: Connection, _: CaseIds, events: Sequence[happened.Scored]) -> None:
    rows = [_scores_row(event.run, event.scores) for event in events]
    connection.execute(insert_new(connection, TABLES["scores"]), rows)


def _scores_row(run: str, scores: Scores) -> dict[str, Any]:
    row = {name: getattr(scores, name) for name in _names(type(scores)) if name not in ("scoring", "shape")}
    row |= {key: plain(row[key]) for key in ("classes", "device_auc", "auc")}
    images, class_count = scores.shape
    return row | {"id": scores.scoring, "run": run, "images": images, "class_count": class_count}


def _profiled(connection: Connection, cases: CaseIds, events: Sequence[happened.Profiled]) -> None:
    ids = cases.of(connection, (event.profile.case for event in events))
    rows = [profiles.row_of(event.run, ids[event.profile.case], event.profile) for event in events]
    connection.execute(insert_new(connection, TABLES["profiles"]), rows)
    operators = [row for event in events for row in profiles.operator_rows(event.profile)]
    if operators:
        connection.execute(insert_new(connection, TABLES["operators"]), operators)


def _names(kind: type[Measurement | Scores]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _case_judged(connection: Connection, cases: CaseIds, events: Sequence[happened.CaseJudged]) -> None:
    ids = cases.of(connection, (event.result.case for event in events))
    # a case may be judged twice here: its last judgement counts
    last = {(event.run, ids[event.result.case]): event for event in events}
    ordered = sorted(last.items(), key=lambda item: item[0])
    rows = [
        {
            "run": run,
            "case_id": case_id,
            "skipped": None,
            "judged_at": event.at,
            "artifact": event.result.artifact,
            "attempts": event.result.attempts,
            "samples": event.result.samples,
            "verdict": event.result.verdict.value,
            "reasons": [plain(asdict(reason)) for reason in event.result.reasons],
        }
        for (run, case_id), event in ordered
    ]
    insert_or_update(connection, _RUN_CASES, rows)
    # a case that is judged again may have lost a figure
    connection.execute(_FORGET_FIGURES, [{"the_run": row["run"], "the_case": row["case_id"]} for row in rows])
    figures = [
        {"run": run, "case_id": case_id, "name": name, "value": value}
        for (run, case_id), event in ordered
        for name, value in event.result.figures.items()
    ]
    if figures:
        connection.execute(insert(_METRICS), figures)
    case_links.refresh(connection, list(last))


def _case_judged_again(connection: Connection, cases: CaseIds, events: Sequence[happened.CaseJudgedAgain]) -> None:
    """Store judgements, but when a case was measured stays."""
    ids = cases.of(connection, (event.result.case for event in events))
    columns = _RUN_CASES.c.run, _RUN_CASES.c.case_id, _RUN_CASES.c.judged_at
    query = select(*columns).where(columns[0].in_({event.run for event in events}), columns[1].in_(set(ids.values())))
    before = {(row.run, row.case_id): row.judged_at for row in connection.execute(query)}
    moments = [before.get((event.run, ids[event.result.case])) or event.at for event in events]
    _case_judged(connection, cases, [replace(event, at=at) for event, at in zip(events, moments, strict=True)])


#: What each kind of event carries beyond its own row; most carry nothing.
HANDLERS: Mapping[type[Event], Handler] = {
    run_event.RunStarted: _run_started,
    run_event.RunResumed: _run_resumed,
    run_event.RunEnded: _run_ended,
    happened.DeviceProbed: _device_probed,
    run_event.Planned: _planned,
    happened.CaseSkipped: _case_skipped,
    run_event.ArtifactReady: _artifact_ready,
    run_event.ImagesListed: _images_listed,
    happened.LaneStarted: _lane_started,
    happened.LaneEnded: _lane_ended,
    happened.AttemptEnded: _attempt_ended,
    happened.Scored: _scored,
    happened.Profiled: _profiled,
    happened.CaseJudged: _case_judged,
    happened.CaseJudgedAgain: _case_judged_again,
}
