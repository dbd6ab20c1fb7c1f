"""Ask the store: plain selections, samples only where they are asked for."""

from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from orchestrator.domain.calibration import Calibration
from orchestrator.domain.image_list import ImageList
from orchestrator.domain.readings import sanitize_readings
from orchestrator.domain.result import Measurement, Scores
from orchestrator.domain.run_name import LATEST
from orchestrator.domain.samples import Samples
from orchestrator.errors import StoreError, UnknownName, no_such_run
from orchestrator.store import device_facts, profiles, schema, sql
from orchestrator.store.attempt_times import AttemptTime, attempt_times, earlier_runs, judged_artifacts
from orchestrator.store.build_times import build_times
from orchestrator.store.case_results import IDENTITY, count_of, results_of
from orchestrator.store.disk_damage import disk_damage
from orchestrator.store.rows import DeviceRow, EventRow, LaneRow, RunRow
from orchestrator.store.run_artifacts import announcements, artifact_of
from orchestrator.store.selection import Selection
from orchestrator.store.step_times import StepTimes, step_times

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Engine, Select

    from orchestrator.domain.artifact import Artifact
    from orchestrator.domain.case import Case
    from orchestrator.domain.machine import Predecessor
    from orchestrator.domain.profile import Profile
    from orchestrator.store.rows import ResultRow
    from orchestrator.store.selection import Wanted
    from orchestrator.store.sql import Answer


class Queries:
    """Everything that can be asked; answers are plain values that outlive the connection."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def runs(self) -> tuple[RunRow, ...]:
        """Return every run, newest first."""
        with Session(self._engine) as session:
            return _run_rows(session, session.scalars(select(schema.Run).order_by(schema.Run.started_at.desc())).all())

    def devices(self) -> tuple[DeviceRow, ...]:
        """Return every device that ever answered, with its latest facts."""
        with Session(self._engine) as session:
            rows = session.scalars(select(schema.Device).order_by(schema.Device.name)).all()
            last = select(func.max(schema.Calibration.id)).group_by(schema.Calibration.device)
            calibrations = session.scalars(select(schema.Calibration).where(schema.Calibration.id.in_(last)))
            newest = {row.device: row for row in calibrations}
            damage = disk_damage(session)
            return tuple(replace(_device_row(row, newest.get(row.name)), damage=damage.get(row.name)) for row in rows)

    def noise_floor(self, device: str) -> float | None:
        """Return the relative difference that is noise on a device; ``None`` where it was never calibrated as it is."""
        calibration = schema.Calibration
        with Session(self._engine) as session:
            row = session.get(schema.Device, device)
            query = select(calibration).where(calibration.device == device).order_by(calibration.id.desc()).limit(1)
            return None if row is None else _device_row(row, session.scalars(query).first()).noise_floor

    def run(self, name: str) -> RunRow:
        """Return the run with this id, name or unique beginning of an id, or ``latest``; raises `UnknownName`."""
        with Session(self._engine) as session:
            query = select(schema.Run)
            if name == LATEST:
                found = session.scalars(query.order_by(schema.Run.started_at.desc()).limit(1)).all()
            else:
                like = schema.Run.id.startswith(name, autoescape=True) | (schema.Run.name == name)
                found = session.scalars(query.where(like)).all()
                found = [row for row in found if row.id == name] or [row for row in found if row.name == name] or found
            if len(found) != 1:
                newest = session.scalars(select(schema.Run.id).order_by(schema.Run.started_at.desc()).limit(20)).all()
                known = [*session.scalars(select(schema.Run.name).where(schema.Run.name.is_not(None))), *newest]
                if len(found) > 1:
                    raise UnknownName("run", name, [row.id for row in found], hint="give more of its id: farm runs")
                raise no_such_run(name, known)
            return _run_rows(session, found)[0]

    def events(self, run: str, after: int = 0) -> tuple[EventRow, ...]:
        """Return what happened in a run, in order: the events whose id is above ``after``."""
        with Session(self._engine) as session:
            kind = schema.Event
            query = select(kind.id, kind.at, kind.kind, kind.device, kind.detail)
            rows = session.execute(query.where(kind.run == run, kind.id > after).order_by(kind.id))
            return tuple(EventRow(**row._mapping) for row in rows)  # noqa: SLF001  SQLAlchemy's public name

    def last_event(self, run: str) -> int:
        """Return the id of the last event of a run, 0 before the first."""
        with Session(self._engine) as session:
            return session.scalars(select(func.max(schema.Event.id)).where(schema.Event.run == run)).one() or 0

    def lanes(self, run: str | None = None) -> tuple[LaneRow, ...]:
        """Return the lanes of a run, or of all of them, in the order they were started."""
        lane = schema.Lane
        query = select(lane.id, lane.run, lane.device, lane.offset, lane.ended).order_by(lane.run, lane.number)
        with Session(self._engine) as session:
            rows = session.execute(query if run is None else query.where(lane.run == run)).mappings()
            return tuple(LaneRow(**row) for row in rows)

    def done_steps(self, run: str) -> frozenset[str]:
        """Return the ids of attempts, scorings and profilings that ended, well or badly."""
        with Session(self._engine) as session:
            kinds = (schema.Attempt, schema.Scores, schema.Profile)
            return frozenset(step for kind in kinds for step in session.scalars(select(kind.id).where(kind.run == run)))

    def artifact(self, sha256: str, run: str, case: Case) -> Artifact | None:
        """Return an artifact with recipe and checks as ``run`` had it for ``case``; of an older farm's run, as any run had it."""
        with Session(self._engine) as session:
            return artifact_of(session, sha256, run, case)

    def artifacts_announced(self, run: str) -> dict[tuple[str, str, int], str]:
        """Return the sha256 that a run first announced for (model, scheme, batch): what its lanes were ordered with."""
        with Session(self._engine) as session:
            return {(row["model"], row["scheme"], row["batch"]): row["artifact"] for row in announcements(session, run)}

    def facts(self, run: str, device: str) -> Mapping[str, Any]:
        """Return the device's facts at the beginning of the run, of its latest probe there; empty where unknown."""
        with Session(self._engine) as session:
            return device_facts.facts_of(session, run, device)

    def predecessor(self, run: str, device: str) -> Predecessor | None:
        """Return the other machine that the device's name led to in the run before, or earlier in this one."""
        with Session(self._engine) as session:
            return device_facts.predecessor(session, run, device)

    def measurements(self, run: str, case: Case) -> tuple[Measurement, ...]:
        """Return every attempt of a case in a run with its samples, in order."""
        with Session(self._engine) as session:
            query = _of_case(select(schema.Attempt).join(schema.Case), case).where(schema.Attempt.run == run)
            rows = session.scalars(query.order_by(schema.Attempt.number)).all()
            of_attempts = schema.Samples.attempt.in_([row.id for row in rows])
            samples: dict[str, dict[str, Samples]] = {row.id: {} for row in rows}
            for each in session.scalars(select(schema.Samples).where(of_attempts)):
                samples[each.attempt][each.kind] = _samples(each.data)
            return tuple(_measurement(row, case, samples[row.id]) for row in rows)

    def profiles(self, run: str | None, case: Case) -> tuple[Profile, ...]:
        """Return the profiles of ``case`` in ``run``, or in every run where that is ``None``, newest first."""
        with Session(self._engine) as session:
            return profiles.read(session, run, case)

    def scores(self, run: str, case: Case) -> Scores | None:
        """Return the scoring that is the accuracy of ``case``, ``None`` where there was none."""
        with Session(self._engine) as session:
            query = select(schema.Scores).filter_by(
                run=run,
                device=case.device,
                model=case.model,
                scheme=case.scheme,
                runtime=case.runtime,
                batch=case.batch,
            )
            # a run that went on under another plan has scored twice
            newest_good = schema.Scores.error.is_not(None), schema.Scores.id.desc()
            row = session.scalars(query.order_by(*newest_good).limit(1)).first()
            if row is None:
                return None
            own = {
                field.name: getattr(row, field.name)
                for field in fields(Scores)
                if field.name not in ("scoring", "shape")
            }
            own["classes"] = tuple(map(str, own["classes"]))
            own |= {key: tuple(map(_number, own[key])) for key in ("device_auc", "auc")}
            return Scores(scoring=row.id, shape=(row.images, row.class_count), **own)

    def image_list(self, sha256: str) -> ImageList | None:
        """Return the images that scores name by ``sha256``; raises `StoreError` where the row is damaged."""
        with Session(self._engine) as session:
            row = session.get(schema.ImageList, sha256)
        if row is None:
            return None
        try:
            images = ImageList.unpack(row.data)
        except ValueError as error:
            raise StoreError(f"the database is damaged: {error}", hint="restore a copy of it") from None
        if images.sha256 != sha256:
            raise StoreError(
                f"the database is damaged: image list {sha256} is another one", hint="restore a copy of it"
            )
        return images

    def skips(self, run: str) -> tuple[tuple[Case, str], ...]:
        """Return the cases that were planned out of a run, each with its reason."""
        with Session(self._engine) as session:
            query = (
                select(schema.Case, schema.RunCase.skipped)
                .join(schema.RunCase, schema.RunCase.case_id == schema.Case.id)
                .where(schema.RunCase.run == run, schema.RunCase.skipped.is_not(None))
            )
            return tuple((row.as_value(), str(reason)) for row, reason in session.execute(query))

    def cases(self) -> tuple[Case, ...]:
        """Return every case that was judged or skipped, in any run."""
        with Session(self._engine) as session:
            return tuple(row.as_value() for row in session.scalars(select(schema.Case)))

    def results(
        self,
        *,
        run: str | None = None,
        every: bool = False,
        since: datetime | None = None,
        sort: str = "case",
        limit: int | None = None,
        **filters: Wanted,
    ) -> list[ResultRow]:
        """Return judged cases: those of ``run``, else of every case the result that counts, or all with ``every``.

        ``filters`` are fields of a case (``device``, ``model``, ``scheme``, ``runtime``, ``threads``, ``batch``,
        ``interpreters``), ``verdict``, ``effort`` or ``dataset``: one value, or several of which any may match, ``None``
        for all. ``since`` leaves out what was judged earlier. ``sort`` is a key of `SORTS`, a minus before it turns the
        order round; what lacks the figure comes last. ``limit`` leaves the first of that order.
        Raises `UnknownName` for another ``sort``.
        """
        chosen = Selection.of(filters, run=run, every=every, since=since, sort=sort, limit=limit)
        with self._engine.connect() as connection:
            return results_of(connection, chosen)

    def sql(self, statement: str, limit: int | None = None) -> Answer:
        """Return what a person's own SELECT answers, at most ``limit`` rows of it; see `orchestrator.store.sql.ask`."""
        return sql.ask(self._engine, statement, limit)

    def attempt_times(self, device: str, runs: Sequence[str]) -> list[AttemptTime]:
        """Return the successful attempts of a device in ``runs`` without their samples, by run, case and number.

        Of several runs, those of cases that are INVALID are left out.
        """
        with Session(self._engine) as session:
            return attempt_times(session, device, runs)

    def step_times(self, device: str, effort: str) -> StepTimes:
        """Return what the steps of earlier runs took on ``device``, attempts with ``effort``."""
        with Session(self._engine) as session:
            return step_times(session, device, effort)

    def build_times(self) -> dict[str, float]:
        """Return by model the seconds that building one of its artifacts took in earlier runs."""
        with Session(self._engine) as session:
            return build_times(session)

    def judged_artifacts(self, device: str, run: str) -> dict[str, str | None]:
        """Return the sha256 of what each judged case of a device in a run measured, by the case's name."""
        with Session(self._engine) as session:
            return judged_artifacts(session, device, run)

    def earlier_runs(self, device: str, run: str, most: int) -> list[str]:
        """Return at most ``most`` runs that measured ``device``, the same machine, before ``run``, the newest first."""
        with Session(self._engine) as session:
            return earlier_runs(session, device, run, most)

    def count_results(
        self, *, run: str | None = None, every: bool = False, since: datetime | None = None, **filters: Wanted
    ) -> int:
        """Return how many results `results` would return without a limit."""
        chosen = Selection.of(filters, run=run, every=every, since=since)
        with self._engine.connect() as connection:
            return count_of(connection, chosen)


def _calibration(row: schema.Calibration | None) -> Calibration | None:
    if row is None:
        return None
    return Calibration(**{field.name: getattr(row, field.name) for field in fields(Calibration)})


def _of_case(query: Select[Any], case: Case) -> Select[Any]:
    for name in IDENTITY:
        query = query.where(getattr(schema.Case, name) == getattr(case, name))
    return query


def _device_row(row: schema.Device, calibration: schema.Calibration | None) -> DeviceRow:
    facts, newest = row.facts or {}, _calibration(calibration)
    return DeviceRow(name=row.name, last_seen_at=row.last_seen_at, facts=facts, calibration=newest)


def _run_rows(session: Session, rows: Sequence[schema.Run]) -> tuple[RunRow, ...]:
    """Return runs with what became of their cases: one statement for all of them."""
    result = schema.RunCase
    query = (
        select(result.run, schema.Case.device, result.verdict, func.count())
        .join(schema.Case, schema.Case.id == result.case_id)
        .where(result.run.in_([row.id for row in rows]))
        .group_by(result.run, schema.Case.device, result.verdict)
    )
    devices: dict[str, set[str]] = {row.id: set() for row in rows}
    cases, verdicts = Counter[str](), {row.id: Counter[str]() for row in rows}
    for run, device, verdict, count in session.execute(query):
        devices[run].add(device)
        cases[run] += count
        if verdict is not None:
            verdicts[run][verdict] += count
    counted = ("devices", "cases", "verdicts")
    names = [field.name for field in fields(RunRow) if field.name not in counted]
    return tuple(
        RunRow(
            **{name: getattr(row, name) for name in names},
            devices=tuple(sorted(devices[row.id])),
            cases=cases[row.id],
            verdicts=dict(verdicts[row.id]),
        )
        for row in rows
    )


def _measurement(row: schema.Attempt, case: Case, samples: Mapping[str, Samples]) -> Measurement:
    apart = ("attempt", "case", "warmup_ns", "latency_ns", "readings", "requested", "effective", "versions")
    own = {field.name: getattr(row, field.name) for field in fields(Measurement) if field.name not in apart}
    own["preparations_ns"] = tuple(row.preparations_ns or ())
    own["invocations_per_sample"] = max(1, own["invocations_per_sample"])
    return Measurement(
        attempt=row.id,
        case=case,
        warmup_ns=samples.get("warmup", Samples()),
        latency_ns=samples.get("latency", Samples()),
        # An older farm stored whatever JSON a device sent.
        readings=sanitize_readings(row.readings),
        requested=_mapping(row.requested),
        effective=_mapping(row.effective),
        versions=_mapping(row.versions),
        **own,
    )


def _samples(data: bytes) -> Samples:
    try:
        return Samples(data)
    except ValueError as error:
        raise StoreError(f"the database is damaged: {error}", hint="restore a copy of it") from None


def _number(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _mapping(value: object) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None
