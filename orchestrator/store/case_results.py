"""Judged cases as rows, each compared with float32 of the same run."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from sqlalchemy import case, func, or_, select

from orchestrator.domain.case import Case
from orchestrator.domain.result import figure_names
from orchestrator.store import schema
from orchestrator.store.case_links import IS_CURRENT
from orchestrator.store.rows import ResultRow
from orchestrator.store.selection import SORTS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, Connection, Row, Select

    from orchestrator.store.selection import Selection

IDENTITY = tuple(field.name for field in fields(Case))
FIGURES = figure_names()
#: The order in which people compare; other schemes follow by name.
SCHEMES = ("float32", "float16", "dynamic", "int8", "int8-io")
#: The figures that are compared with those of float32.
COMPARED = ("p50_ns", "images_per_s", "auc_mean")

_TABLES = schema.Base.metadata.tables
_RESULTS, _CASES, _RUNS, _METRICS = (_TABLES[name] for name in ("run_cases", "cases", "runs", "metrics"))
_SCORES = _TABLES["scores"]
_ARTIFACT, _BASE_ARTIFACT = _TABLES["artifacts"].alias("artifact"), _TABLES["artifacts"].alias("base_artifact")
_BASE = _RESULTS.alias("base")
_KEYS = _RESULTS.c.run, _RESULTS.c.case_id, _RESULTS.c.baseline_case_id
#: Of the same scoring as `Store.scores`: a run that went on under another plan has scored twice.
_SCORED_IN = (
    select(_SCORES.c.scored_in)
    .where(
        _SCORES.c.run == _RESULTS.c.run,
        *(_SCORES.c[name] == _CASES.c[name] for name in ("device", "model", "scheme", "runtime", "batch")),
    )
    .order_by(_SCORES.c.error.is_not(None), _SCORES.c.id.desc())
    .limit(1)
    .correlate(_RESULTS, _CASES)
    .scalar_subquery()
)
_COLUMNS = (
    *_KEYS,
    *(_CASES.c[name] for name in IDENTITY),
    *(_RESULTS.c[name] for name in ("artifact", "samples", "attempts", "verdict", "reasons")),
    *(_RUNS.c[name] for name in ("dataset", "synthetic", "effort")),
    _RESULTS.c.judged_at.label("measured_at"),
    _ARTIFACT.c.size_bytes.label("size_bytes"),
    _BASE_ARTIFACT.c.size_bytes.label("base_size_bytes"),
    _SCORED_IN.label("scored_in"),
)
#: Results in so many runs are named one by one where their figures are asked for; more are selected again.
FEW, FEW_RUNS = 500, 20
#: By (run, id of the case), then by name.
Figures = dict[tuple[str, int], dict[str, float]]


def results_of(connection: Connection, chosen: Selection) -> list[ResultRow]:
    """Return the judged cases that ``chosen`` asks for, in its order: two or three statements, however many there are."""
    rows = connection.execute(_chosen(connection, chosen, *_COLUMNS)).all()
    if not rows:
        return []
    by_run: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        by_run[row.run] |= {row.case_id} if row.baseline_case_id is None else {row.case_id, row.baseline_case_id}
    if len(rows) <= FEW and len(by_run) <= FEW_RUNS:
        of_rows = or_(*((_METRICS.c.run == run) & _METRICS.c.case_id.in_(ids) for run, ids in by_run.items()))
        figures = _figures(connection, select(_METRICS).where(of_rows))
    else:
        figures = _figures(connection, *_queries_of_many(connection, chosen))
    return [_result(row, figures) for row in rows]


def count_of(connection: Connection, chosen: Selection) -> int:
    """Return how many results `results_of` has without a limit."""
    return int(connection.execute(_narrowed(chosen, func.count())).scalar_one())


def _chosen(connection: Connection, chosen: Selection, *columns: ColumnElement[Any]) -> Select[*tuple[Any, ...]]:
    return _narrowed(chosen, *columns).order_by(*_order(connection, chosen)).limit(chosen.limit)


def _narrowed(chosen: Selection, *columns: ColumnElement[Any]) -> Select[*tuple[Any, ...]]:
    base = (_BASE.c.run == _RESULTS.c.run) & (_BASE.c.case_id == _RESULTS.c.baseline_case_id)
    query = (
        select(*columns)
        .select_from(_RESULTS)
        .join(_CASES, _CASES.c.id == _RESULTS.c.case_id)
        .join(_RUNS, _RUNS.c.id == _RESULTS.c.run)
        .outerjoin(_ARTIFACT, _ARTIFACT.c.sha256 == _RESULTS.c.artifact)
        .outerjoin(_BASE, base)
        .outerjoin(_BASE_ARTIFACT, _BASE_ARTIFACT.c.sha256 == _BASE.c.artifact)
    )
    if chosen.run is None and not chosen.every:
        query = query.where(IS_CURRENT)  # which is judged
    else:
        query = query.where(_RESULTS.c.judged_at.is_not(None))
    if chosen.run is not None:
        query = query.where(_RESULTS.c.run == chosen.run)
    if chosen.since is not None:
        query = query.where(_RESULTS.c.judged_at >= chosen.since)
    tables = {"verdict": _RESULTS, "effort": _RUNS, "dataset": _RUNS}
    for name, values in chosen.filters.items():
        query = query.where(tables.get(name, _CASES).c[name].in_(values))
    return query


def _order(connection: Connection, chosen: Selection) -> list[ColumnElement[Any]]:
    """Return what the results are ordered by, the same on every database."""

    def text(column: ColumnElement[Any]) -> ColumnElement[Any]:
        # PostgreSQL sorts text as people of the server's language do
        return column.collate("C") if connection.dialect.name == "postgresql" else column

    case_order: list[ColumnElement[Any]] = [
        *(text(_CASES.c[name]) for name in ("device", "model", "runtime")),
        *(_CASES.c[name] for name in ("threads", "batch", "interpreters")),
        case({name: place for place, name in enumerate(SCHEMES)}, value=_CASES.c.scheme, else_=len(SCHEMES)),
        text(_CASES.c.scheme),
        text(_RESULTS.c.run),
    ]
    if chosen.sort == "case":
        return [key.desc() for key in case_order] if chosen.reverse else case_order
    name, largest_first = SORTS[chosen.sort]
    key = _sortable(name)
    first = key.desc() if largest_first is not chosen.reverse else key.asc()
    return [first.nulls_last(), *case_order]


def _sortable(name: str) -> ColumnElement[Any]:
    if name == "size_bytes":
        return _ARTIFACT.c.size_bytes
    if name == "measured_at":
        return _RESULTS.c.judged_at
    if name == "auc_change":
        return _figure("auc_mean") - _figure("auc_mean", _RESULTS.c.baseline_case_id)
    if name == "speedup":
        (times, rates) = (
            [func.nullif(_figure(figure, of), 0) for of in (_RESULTS.c.case_id, _RESULTS.c.baseline_case_id)]
            for figure in ("p50_ns", "images_per_s")
        )
        return func.coalesce(rates[0] / rates[1], times[1] / times[0])
    return _figure(name)


def _figure(name: str, case_id: ColumnElement[Any] = _RESULTS.c.case_id) -> ColumnElement[Any]:
    of_case = (_METRICS.c.run == _RESULTS.c.run) & (_METRICS.c.case_id == case_id)
    return select(_METRICS.c.value).where(of_case, _METRICS.c.name == name).scalar_subquery()


def _queries_of_many(connection: Connection, chosen: Selection) -> tuple[Select[*tuple[Any, ...]], ...]:
    """Return queries of the figures of everything chosen, and of those that it is compared with."""
    keys = _narrowed(chosen, *_KEYS) if chosen.limit is None else _chosen(connection, chosen, *_KEYS)
    asked = keys.subquery("asked")
    of_run = _METRICS.c.run == asked.c.run
    return (
        select(_METRICS).join(asked, of_run & (_METRICS.c.case_id == asked.c.case_id)),
        select(_METRICS)
        .join(asked, of_run & (_METRICS.c.case_id == asked.c.baseline_case_id))
        .where(_METRICS.c.name.in_(COMPARED)),
    )


def _figures(connection: Connection, *queries: Select[*tuple[Any, ...]]) -> Figures:
    found: Figures = defaultdict(dict)
    for query in queries:
        for run, number, name, value in connection.execute(query).all():
            found[run, number][name] = value
    return found


def _result(row: Row[Any], figures: Figures) -> ResultRow:
    values = dict(row._mapping)  # noqa: SLF001  SQLAlchemy's public name
    key, base_key = (row.run, values.pop("case_id")), (row.run, values.pop("baseline_case_id"))
    own, base, base_size = figures.get(key, {}), figures.get(base_key, {}), values.pop("base_size_bytes")
    found: dict[str, Any] = {name: own.get(name) for name in FIGURES}
    if found["peak_rss_bytes"] is not None:
        found["peak_rss_bytes"] = round(found["peak_rss_bytes"])
    return ResultRow(
        case=str(Case(**{name: values[name] for name in IDENTITY})),
        size_ratio=base_size / row.size_bytes if base_size and row.size_bytes else None,
        speedup=_speedup(base, own),
        auc_change=own["auc_mean"] - base["auc_mean"] if "auc_mean" in base and "auc_mean" in own else None,
        **found,
        **values | {"verdict": str(row.verdict), "reasons": tuple(row.reasons)},
    )


def _speedup(base: Mapping[str, float], own: Mapping[str, float]) -> float | None:
    """Return how many times as fast it is: images per second where that was measured, else p50."""
    if own.get("images_per_s") and base.get("images_per_s"):
        return own["images_per_s"] / base["images_per_s"]
    if base.get("p50_ns") and own.get("p50_ns"):  # a clock too coarse for the null runtime says 0
        return base["p50_ns"] / own["p50_ns"]
    return None
