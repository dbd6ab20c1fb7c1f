"""Judged cases as rows, each compared with float32 of the same run."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from orchestrator.domain.case import Case
from orchestrator.domain.result import figure_names
from orchestrator.runtimes.catalogue import BASELINES
from orchestrator.store import schema
from orchestrator.store.rows import ResultRow
from orchestrator.store.selection import SORTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from orchestrator.store.selection import Selection

IDENTITY = tuple(field.name for field in fields(Case))
FIGURES = figure_names()
#: The order in which people compare; other schemes follow by name.
SCHEMES = ("float32", "float16", "dynamic", "int8")


def results_of(session: Session, chosen: Selection) -> list[ResultRow]:
    """Return the judged cases of a run, else one result of every case, as far as ``chosen`` asks for them."""
    query: Select[*tuple[Any, ...]] = (
        select(schema.RunCase, schema.Case, schema.Run, schema.Artifact.size_bytes)
        .join(schema.Case, schema.Case.id == schema.RunCase.case_id)
        .join(schema.Run, schema.Run.id == schema.RunCase.run)
        .outerjoin(schema.Artifact, schema.Artifact.sha256 == schema.RunCase.artifact)
    )
    rows = _compared(session, [tuple(row) for row in session.execute(_narrowed(query, chosen))])
    field, largest_first = SORTS[chosen.sort]
    if chosen.sort != "case":
        having = [row for row in rows if getattr(row, field) is not None]
        having.sort(key=lambda row: getattr(row, field), reverse=largest_first is not chosen.reverse)
        rows = having + [row for row in rows if getattr(row, field) is None]
    elif chosen.reverse:
        rows.reverse()
    return rows if chosen.limit is None else rows[: chosen.limit]


def count_of(session: Session, chosen: Selection) -> int:
    """Return how many results `results_of` has without a limit."""
    query = (
        select(func.count())
        .select_from(schema.RunCase)
        .join(schema.Case, schema.Case.id == schema.RunCase.case_id)
        .join(schema.Run, schema.Run.id == schema.RunCase.run)
    )
    return int(session.execute(_narrowed(query, chosen)).scalar_one())


def _narrowed(query: Select[*tuple[Any, ...]], chosen: Selection) -> Select[*tuple[Any, ...]]:
    query = query.where(schema.RunCase.judged_at.is_not(None))
    if chosen.run is not None:
        query = query.where(schema.RunCase.run == chosen.run)
    else:
        age = func.row_number().over(
            partition_by=schema.RunCase.case_id, order_by=(schema.RunCase.judged_at.desc(), schema.RunCase.run)
        )
        every = select(schema.RunCase.run, schema.RunCase.case_id, age.label("age"))
        newest = every.where(schema.RunCase.judged_at.is_not(None)).subquery()
        query = query.join(
            newest,
            (newest.c.run == schema.RunCase.run) & (newest.c.case_id == schema.RunCase.case_id) & (newest.c.age == 1),
        )
    if chosen.since is not None:
        query = query.where(schema.RunCase.judged_at >= chosen.since)
    for name, values in chosen.filters.items():
        query = query.where(_column(name).in_(values))
    return query


def _column(name: str) -> Any:
    tables = {"verdict": schema.RunCase, "effort": schema.Run, "dataset": schema.Run}
    return getattr(tables.get(name, schema.Case), name)


def _compared(session: Session, found: Sequence[tuple[Any, ...]]) -> list[ResultRow]:
    """Add figures, and the comparison with float32 of the same run, which the filters may have left out."""
    runs = {row.run for row, *_ in found}
    metrics: dict[tuple[str, int], dict[str, float]] = defaultdict(dict)
    starts: dict[tuple[str, int], list[tuple[int | None, ...]]] = defaultdict(list)
    baselines: dict[tuple[Any, ...], tuple[int, int | None]] = {}
    for run in runs:  # a handful: runs, not rows
        for metric in session.scalars(select(schema.Metric).where(schema.Metric.run == run)):
            metrics[run, metric.case_id][metric.name] = metric.value
        attempt = schema.Attempt
        columns = attempt.import_ns, attempt.load_ns, attempt.first_ns, attempt.peak_rss_bytes
        query = select(attempt.case_id, *columns).where(attempt.run == run, attempt.error.is_(None))
        for case_id, *own in session.execute(query):
            starts[run, case_id].append(tuple(own))
        # no runtime takes two of them: of two such cases, one is planned as a skip and never judged
        float32 = (
            select(schema.Case, schema.Artifact.size_bytes)
            .join(schema.RunCase, schema.RunCase.case_id == schema.Case.id)
            .outerjoin(schema.Artifact, schema.Artifact.sha256 == schema.RunCase.artifact)
            .where(schema.RunCase.run == run, schema.Case.scheme.in_(BASELINES))
            .where(schema.RunCase.judged_at.is_not(None))
        )
        for case, size in session.execute(float32):
            baselines[run, *_without_scheme(case)] = case.id, size
    rows = [
        _result(
            row, case, run, size, metrics, starts[row.run, case.id], baselines.get((row.run, *_without_scheme(case)))
        )
        for row, case, run, size in found
    ]
    return sorted(
        rows,
        key=lambda row: (
            *(row.device, row.model, row.runtime, row.threads, row.batch),
            SCHEMES.index(row.scheme) if row.scheme in SCHEMES else len(SCHEMES),
            row.scheme,
        ),
    )


def _result(  # noqa: PLR0917  one call, right above
    row: schema.RunCase,
    case: schema.Case,
    run: schema.Run,
    size: int | None,
    metrics: Mapping[tuple[str, int], Mapping[str, float]],
    starts: Sequence[tuple[int | None, ...]],
    baseline: tuple[int, int | None] | None,
) -> ResultRow:
    own = metrics.get((row.run, case.id), {})
    base = metrics.get((row.run, baseline[0]), {}) if baseline else {}
    base_size = baseline[1] if baseline else None
    imports, loads, firsts, peaks = zip(*starts, strict=True) if starts else ((), (), (), ())
    figures: dict[str, Any] = {name: own.get(name) for name in FIGURES}
    assert row.judged_at is not None  # noqa: S101  the query asked for it
    return ResultRow(
        case=str(case.as_value()),
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
        import_ns=_median(imports),
        **figures,
        samples=row.samples,
        attempts=row.attempts,
        speedup=_speedup(base, own),
        auc_change=own["auc_mean"] - base["auc_mean"] if "auc_mean" in base and "auc_mean" in own else None,
        peak_rss_bytes=max((peak for peak in peaks if peak is not None), default=None),
        verdict=str(row.verdict),
        reasons=tuple(row.reasons),
        measured_at=row.judged_at,
    )


def _speedup(base: Mapping[str, float], own: Mapping[str, float]) -> float | None:
    """Return how many times as fast it is: images per second where that was measured, else p50."""
    if own.get("images_per_s") and base.get("images_per_s"):
        return own["images_per_s"] / base["images_per_s"]
    if base.get("p50_ns") and own.get("p50_ns"):  # a clock too coarse for the null runtime says 0
        return base["p50_ns"] / own["p50_ns"]
    return None


def _median(values: Sequence[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _without_scheme(case: schema.Case) -> tuple[Any, ...]:
    return tuple(getattr(case, name) for name in IDENTITY if name != "scheme")
