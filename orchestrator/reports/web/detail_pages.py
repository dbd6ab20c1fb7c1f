"""The pages of one device or one case."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from orchestrator.analysis import best, explain, history
from orchestrator.analysis.compare import compare, float32_of
from orchestrator.domain.case import Case
from orchestrator.domain.units import format_bytes, format_ns
from orchestrator.errors import UnknownName, UsageError
from orchestrator.reports.charts import course, ecdf
from orchestrator.reports.charts import history as history_chart
from orchestrator.reports.difference_words import auc_change_words, percent, smaller_words, time_words
from orchestrator.reports.page import view
from orchestrator.reports.web.run_pages import linked
from orchestrator.reports.web.site import Page

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.analysis.compare import Comparison
    from orchestrator.domain.result import Measurement
    from orchestrator.reports.web.site import Site
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow

#: Runs in the history of a case.
RUNS = 12
ATTEMPTS = ("attempt", "began (UTC)", "p10", "p50", "p90", "samples", "import", "load", "first", "peak memory", "error")


def device_list(store: Queries) -> Page:
    """Return the page of all devices that ever answered, or have a result."""
    results = store.results()
    seen = {row.name: row for row in store.devices()}
    counts = {name: sum(row.device == name for row in results) for name in {row.device for row in results}}
    devices = [(name, seen.get(name), counts.get(name, 0)) for name in sorted({*seen, *counts})]
    return Page(template="devices.html.j2", values={"devices": devices})


def device_page(site: Site, store: Queries, name: str) -> Page:
    """Return what a device is, and what is deployed there best; raises `UnknownName`."""
    rows = store.results(device=name)
    known = {row.name: row for row in store.devices()}
    if name not in known and not rows:
        raise UnknownName("device", name, {*known, *(row.device for row in store.results())}, hint="farm devices list")
    pairs = [(base, row) for row in rows if (base := float32_of(store, row)) is not None]
    against = {pair.b.case: pair for pair in compare(store, pairs, site.labels)} if pairs else {}
    device = known.get(name)
    calibration = device.calibration if device else None
    values = {
        "name": name,
        "device": device,
        "noise_floor": percent(device.noise_floor) if device and device.noise_floor is not None else "",
        "calibrated_at": calibration.at if calibration else None,
        "facts": view.facts(device.facts) if device else [],
        "cards": view.cards(best.choose(rows, against, best.Limits())),
        "result_columns": view.RESULTS,
        "results": linked(view.results(rows, against), rows),
    }
    return Page(template="device.html.j2", values=values)


def case_page(site: Site, store: Queries, name: str, run: str) -> Page:
    """Return everything of a case in ``run``, else of its newest result; raises `UnknownName` or `UsageError`."""
    try:
        case = Case.parse(name)
    except ValueError as error:
        raise UsageError(str(error)) from None
    of_run = store.run(run).id if run else None
    found = store.results(run=of_run, **asdict(case))
    if not found:
        raise UnknownName("case with a result", name, [row.case for row in store.results(run=of_run)])
    row = found[0]
    base = float32_of(store, row)
    pair = compare(store, [(base, row)], site.labels)[0] if base is not None else None
    attempts = store.measurements(row.run, case)
    of_float32 = store.measurements(row.run, replace(case, scheme="float32"))
    points = history.history(store, case, site.labels, RUNS)
    cores = store.facts(row.run, row.device).get("cores")
    drawn = [
        history_chart.history(points),
        ecdf.ecdf("ecdf", row.case, {row.scheme: attempts}, device=row.device),
        *course.course("course", [row], {row.case: attempts}, cores if isinstance(cores, int) else 0),
    ]
    values = {
        "row": row,
        "run": store.run(row.run),
        "figures": list(_figures(row, pair)),
        "why": explain.than_float32(row, attempts, of_float32),
        "charts": [chart for chart in drawn if chart is not None],
        "points": [(point, time_words(point.change) if point.change else "the first run") for point in points],
        "columns": ATTEMPTS,
        "attempts": [_attempt(row, attempt) for attempt in attempts],
        "settings": _settings(attempts),
    }
    return Page(template="case.html.j2", values=values)


def _figures(row: ResultRow, pair: Comparison | None) -> Iterator[tuple[str, str]]:
    if row.interpreters:
        yield "throughput", view.short(row)
    else:
        yield "p50 (95 %)", view.p50_words(row)
    for name, value in (("p90", row.p90_ns), ("p99", row.p99_ns), ("load", row.load_ns), ("first", row.first_ns)):
        if value is not None:
            yield name, format_ns(value)
    if pair is not None:
        yield "against float32", time_words(pair)
    if row.size_bytes:
        smaller = f" ({smaller_words(row.size_ratio)})" if row.size_ratio and row.size_ratio != 1 else ""
        yield "file", format_bytes(row.size_bytes) + smaller
    if row.auc_mean is not None:
        change = f" ({auc_change_words(pair)})" if pair is not None and pair.auc_change is not None else ""
        yield "mean AUC", f"{row.auc_mean:.4f}{change}"
    if row.peak_rss_bytes:
        yield "peak memory", format_bytes(row.peak_rss_bytes)
    if row.energy_j is not None:
        yield "energy", f"{row.energy_j:.3g} J an invocation"
    yield "measured", f"{row.samples} samples, {row.attempts} attempts"


def _attempt(row: ResultRow, attempt: Measurement) -> view.Line:
    import numpy as np

    times = attempt.per_invocation_ns
    quantiles = [float(value) for value in np.quantile(times, (0.1, 0.5, 0.9))] if len(times) else [None] * 3
    durations = (attempt.import_ns, attempt.load_ns, attempt.first_ns)
    error = (attempt.error or "").strip().splitlines()
    cells = (
        view.Cell(text=str(attempt.number), sort=attempt.number),
        view.Cell(text=f"{attempt.started_at:%Y-%m-%d %H:%M:%S}", sort=attempt.started_at.isoformat()),
        *(_time(value) for value in quantiles),
        view.Cell(text=str(len(times)), sort=len(times)),
        *(_time(value) for value in durations),
        view.Cell(
            text=format_bytes(attempt.peak_rss_bytes) if attempt.peak_rss_bytes else view.MISSING,
            sort=attempt.peak_rss_bytes,
        ),
        view.Cell(text=error[-1] if error else "", sort=len(error), tone="invalid wide" if error else ""),
    )
    return view.Line(device=row.device, scheme=row.scheme, cells=cells)


def _time(value: float | None) -> view.Cell:
    return view.Cell(text=format_ns(value) if value is not None else view.MISSING, sort=value)


def _settings(attempts: Sequence[Measurement]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return what the first attempt that has them asked for, got, and ran with."""
    first = next((attempt for attempt in attempts if attempt.effective), None)
    if first is None:
        return []
    parts: list[tuple[str, Any]] = [
        ("requested", first.requested),
        ("effective", first.effective),
        ("versions", first.versions),
    ]
    return [(name, view.facts(values)) for name, values in parts if values]
