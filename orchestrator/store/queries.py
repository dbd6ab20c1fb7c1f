"""Ask the store: plain selections, samples only where they are asked for."""

from __future__ import annotations

import statistics
import sys
from array import array
from collections import Counter, defaultdict
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from orchestrator.domain.artifact import Artifact
from orchestrator.domain.case import Case
from orchestrator.domain.model import Preprocess
from orchestrator.domain.result import Measurement, Scores
from orchestrator.errors import UnknownName
from orchestrator.store import schema
from orchestrator.store.rows import LaneRow, ResultRow, RunRow

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Engine, Select

LATEST = "latest"
IDENTITY = tuple(field.name for field in fields(Case))


class Queries:
    """Everything that can be asked; answers are plain values that outlive the connection."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def runs(self) -> tuple[RunRow, ...]:
        """Return every run, newest first."""
        with Session(self._engine) as session:
            rows = session.scalars(select(schema.Run).order_by(schema.Run.started_at.desc())).all()
            return tuple(_run_row(session, row) for row in rows)

    def run(self, name: str) -> RunRow:
        """Return the run with this id, its unique beginning, or ``latest``; raises `UnknownName`."""
        with Session(self._engine) as session:
            query = select(schema.Run)
            if name == LATEST:
                found = session.scalars(query.order_by(schema.Run.started_at.desc()).limit(1)).all()
            else:
                found = session.scalars(query.where(schema.Run.id.startswith(name, autoescape=True))).all()
                found = [row for row in found if row.id == name] or found
            if len(found) != 1:
                known = session.scalars(select(schema.Run.id).order_by(schema.Run.started_at.desc()).limit(20)).all()
                if len(found) > 1:
                    raise UnknownName("run", name, [row.id for row in found], hint="say more of its id: farm runs")
                raise UnknownName("run", name, known, hint="farm runs" if known else "there is none yet: farm run")
            return _run_row(session, found[0])

    def lanes(self, run: str) -> tuple[LaneRow, ...]:
        """Return the lanes of a run in the order they were started."""
        with Session(self._engine) as session:
            rows = session.scalars(select(schema.Lane).where(schema.Lane.run == run).order_by(schema.Lane.number))
            return tuple(LaneRow(id=row.id, device=row.device, offset=row.offset, ended=row.ended) for row in rows)

    def done_steps(self, run: str) -> frozenset[str]:
        """Return the ids of attempts and scorings that ended, well or badly."""
        with Session(self._engine) as session:
            attempts = session.scalars(select(schema.Attempt.id).where(schema.Attempt.run == run))
            scorings = session.scalars(select(schema.Scores.id).where(schema.Scores.run == run))
            return frozenset((*attempts, *scorings))

    def artifact(self, sha256: str) -> Artifact | None:
        """Return an artifact with its recipe."""
        with Session(self._engine) as session:
            row = session.get(schema.Artifact, sha256)
            if row is None:
                return None
            own = {field.name: getattr(row, field.name) for field in fields(Artifact)}
            own["preprocess"] = Preprocess.from_json(own["preprocess"])
            return Artifact(**own)

    def facts(self, run: str, device: str) -> Mapping[str, Any]:
        """Return what the device said of itself at the beginning of the run, last told first; empty where unknown."""
        with Session(self._engine) as session:
            query = select(schema.DeviceFacts.facts).where(
                schema.DeviceFacts.run == run, schema.DeviceFacts.device == device
            )
            return session.scalars(query.order_by(schema.DeviceFacts.id.desc()).limit(1)).first() or {}

    def measurements(self, run: str, case: Case) -> tuple[Measurement, ...]:
        """Return every attempt of a case in a run with its samples, in order."""
        with Session(self._engine) as session:
            query = _of_case(select(schema.Attempt).join(schema.Case), case).where(schema.Attempt.run == run)
            rows = session.scalars(query.order_by(schema.Attempt.number)).all()
            return tuple(_measurement(session, row, case) for row in rows)

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
            row = session.scalars(query).one_or_none()
            if row is None:
                return None
            own = {
                field.name: getattr(row, field.name)
                for field in fields(Scores)
                if field.name not in ("scoring", "shape")
            }
            own |= {key: tuple(own[key]) for key in ("classes", "device_auc", "auc")}
            return Scores(scoring=row.id, shape=(row.images, row.class_count), **own)

    def skips(self, run: str) -> tuple[tuple[Case, str], ...]:
        """Return the cases that were planned out of a run, each with its reason."""
        with Session(self._engine) as session:
            query = (
                select(schema.Case, schema.RunCase.skipped)
                .join(schema.RunCase, schema.RunCase.case_id == schema.Case.id)
                .where(schema.RunCase.run == run, schema.RunCase.skipped.is_not(None))
            )
            return tuple((_case(row), str(reason)) for row, reason in session.execute(query))

    def results(self, *, run: str | None = None, **filters: str | int | None) -> list[ResultRow]:
        """Return judged cases: those of ``run``, else the newest result of every case.

        ``filters`` are fields of a case (``device``, ``model``, ``scheme``, ``runtime``, ``threads``, ``batch``).
        """
        chosen = {name: value for name, value in filters.items() if value is not None}
        with Session(self._engine) as session:
            query = (
                select(schema.RunCase, schema.Case, schema.Run, schema.Artifact.size_bytes)
                .join(schema.Case, schema.Case.id == schema.RunCase.case_id)
                .join(schema.Run, schema.Run.id == schema.RunCase.run)
                .outerjoin(schema.Artifact, schema.Artifact.sha256 == schema.RunCase.artifact)
                .where(schema.RunCase.judged_at.is_not(None))
            )
            if run is not None:
                query = query.where(schema.RunCase.run == run)
            else:
                age = func.row_number().over(
                    partition_by=schema.RunCase.case_id, order_by=(schema.RunCase.judged_at.desc(), schema.RunCase.run)
                )
                every = select(schema.RunCase.run, schema.RunCase.case_id, age.label("age"))
                newest = every.where(schema.RunCase.judged_at.is_not(None)).subquery()
                query = query.join(
                    newest,
                    (newest.c.run == schema.RunCase.run)
                    & (newest.c.case_id == schema.RunCase.case_id)
                    & (newest.c.age == 1),
                )
            for name, value in chosen.items():
                query = query.where(getattr(schema.Case, name) == value)
            found = [tuple(row) for row in session.execute(query)]
            return _results(session, found)


def _results(session: Session, found: Sequence[tuple[Any, ...]]) -> list[ResultRow]:
    """Add figures, and the comparison with float32 of the same run, which the filters may have left out."""
    runs = {row.run for row, *_ in found}
    metrics: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)
    starts: dict[tuple[str, int], list[tuple[int | None, int | None, int | None]]] = defaultdict(list)
    baselines: dict[tuple[Any, ...], tuple[int, int | None]] = {}
    for run in runs:  # a handful: runs, not rows
        for metric in session.scalars(select(schema.Metric).where(schema.Metric.run == run)):
            metrics[run, metric.case_id][metric.name] = metric.value
        attempt = schema.Attempt
        query = select(attempt.case_id, attempt.load_ns, attempt.first_ns, attempt.peak_rss_bytes).where(
            attempt.run == run, attempt.error.is_(None)
        )
        for case_id, load_ns, first_ns, peak in session.execute(query):
            starts[run, case_id].append((load_ns, first_ns, peak))
        float32 = (
            select(schema.Case, schema.Artifact.size_bytes)
            .join(schema.RunCase, schema.RunCase.case_id == schema.Case.id)
            .outerjoin(schema.Artifact, schema.Artifact.sha256 == schema.RunCase.artifact)
            .where(schema.RunCase.run == run, schema.Case.scheme == "float32")
        )
        for case, size in session.execute(float32):
            baselines[run, *_without_scheme(case)] = case.id, size
    rows = [
        _result(
            row, case, run, size, metrics, starts[row.run, case.id], baselines.get((row.run, *_without_scheme(case)))
        )
        for row, case, run, size in found
    ]
    order = ("float32", "float16", "dynamic", "int8")
    return sorted(
        rows,
        key=lambda row: (
            *(row.device, row.model, row.runtime, row.threads, row.batch),
            order.index(row.scheme) if row.scheme in order else len(order),
            row.scheme,
        ),
    )


def _result(  # noqa: PLR0917  one call, right above
    row: schema.RunCase,
    case: schema.Case,
    run: schema.Run,
    size: int | None,
    metrics: Mapping[tuple[str, int], Mapping[str, float]],
    starts: Sequence[tuple[int | None, int | None, int | None]],
    baseline: tuple[int, int | None] | None,
) -> ResultRow:
    own = metrics.get((row.run, case.id), {})
    base = metrics.get((row.run, baseline[0]), {}) if baseline else {}
    base_size = baseline[1] if baseline else None
    loads, firsts, peaks = zip(*starts, strict=True) if starts else ((), (), ())
    assert row.judged_at is not None  # noqa: S101  the query asked for it
    return ResultRow(
        case=str(_case(case)),
        run=row.run,
        **{name: getattr(case, name) for name in IDENTITY},
        dataset=run.dataset,
        synthetic=run.synthetic,
        effort=run.effort,
        artifact=row.artifact,
        size_bytes=size,
        size_ratio=base_size / size if base_size and size else None,
        load_ns=_median(loads),
        first_ns=_median(firsts),
        p50_ns=own.get("p50_ns"),
        p90_ns=own.get("p90_ns"),
        p99_ns=own.get("p99_ns"),
        samples=row.samples,
        attempts=row.attempts,
        speedup=base["p50_ns"] / own["p50_ns"] if "p50_ns" in base and "p50_ns" in own else None,
        auc_mean=own.get("auc_mean"),
        auc_change=own["auc_mean"] - base["auc_mean"] if "auc_mean" in base and "auc_mean" in own else None,
        peak_rss_bytes=max((peak for peak in peaks if peak is not None), default=None),
        verdict=str(row.verdict),
        reasons=tuple(row.reasons),
        measured_at=row.judged_at,
    )


def _median(values: Sequence[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _without_scheme(case: schema.Case) -> tuple[Any, ...]:
    return tuple(getattr(case, name) for name in IDENTITY if name != "scheme")


def _case(row: schema.Case) -> Case:
    return Case(**{name: getattr(row, name) for name in IDENTITY})


def _of_case(query: Select[Any], case: Case) -> Select[Any]:
    for name in IDENTITY:
        query = query.where(getattr(schema.Case, name) == getattr(case, name))
    return query


def _run_row(session: Session, row: schema.Run) -> RunRow:
    cases = session.execute(
        select(schema.RunCase.verdict, schema.Case.device)
        .join(schema.Case, schema.Case.id == schema.RunCase.case_id)
        .where(schema.RunCase.run == row.id)
    ).all()
    own = {
        field.name: getattr(row, field.name)
        for field in fields(RunRow)
        if field.name not in ("devices", "cases", "verdicts")
    }
    return RunRow(
        **own,
        devices=tuple(sorted({device for _, device in cases})),
        cases=len(cases),
        verdicts=dict(Counter(verdict for verdict, _ in cases if verdict is not None)),
    )


def _measurement(session: Session, row: schema.Attempt, case: Case) -> Measurement:
    samples = {
        kind: _ints(data)
        for kind, data in session.execute(
            select(schema.Samples.kind, schema.Samples.data).where(schema.Samples.attempt == row.id)
        )
    }
    apart = ("attempt", "case", "warmup_ns", "latency_ns", "readings")
    own = {field.name: getattr(row, field.name) for field in fields(Measurement) if field.name not in apart}
    return Measurement(
        attempt=row.id,
        case=case,
        warmup_ns=samples.get("warmup", ()),
        latency_ns=samples.get("latency", ()),
        readings=tuple(row.readings),
        **own,
    )


def _ints(data: bytes) -> tuple[int, ...]:
    packed = array("q")
    packed.frombytes(data)
    if sys.byteorder == "big":
        packed.byteswap()
    return tuple(packed)
