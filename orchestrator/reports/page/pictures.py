"""The charts of a run, by what `farm results plot` calls them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from orchestrator.reports.charts import accuracy, course, ecdf, operators, pareto, speed, start

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.reports.charts.chart import Chart
    from orchestrator.reports.page.dossier import Dossier
    from orchestrator.store.rows import ResultRow

#: Points of all latency lines of a page together: what a phone still draws at once.
POINTS = 40_000
#: Settings with a picture of their own; the tables have all of them.
SETTINGS = 24


def charts(dossier: Dossier) -> dict[str, tuple[Chart, ...]]:
    """Return the charts of each kind that the run has something for."""
    drawn: dict[str, list[Chart | None]] = {
        "pareto": [pareto.pareto(dossier.choices)],
        "heatmap": [speed.heatmap(dossier.comparisons)],
        "forest": [speed.forest(dossier.comparisons)],
        "ecdf": list(_ecdfs(dossier)),
        "course": list(_courses(dossier)),
        **_accuracies(dossier),
        "start": [start.cold_start(dossier.rows, dossier.attempts)],
        "breakeven": list(_totals(dossier)),
        "operators": list(_operators(dossier)),
    }
    return {kind: tuple(filter(None, each)) for kind, each in drawn.items() if any(each)}


def settings(rows: tuple[ResultRow, ...]) -> Mapping[str, list[ResultRow]]:
    """Return the results by everything but their scheme."""
    groups: dict[str, list[ResultRow]] = defaultdict(list)
    for row in rows:
        groups[speed.setting(row)].append(row)
    return groups


def _ecdfs(dossier: Dossier) -> Iterator[Chart | None]:
    groups = list(settings(dossier.rows).items())[:SETTINGS]
    lines = sum(len(dossier.attempts[row.case]) for _, rows in groups for row in rows)
    points = max(20, min(ecdf.POINTS, POINTS // max(1, lines)))
    for number, (title, rows) in enumerate(groups):
        attempts = {row.scheme: dossier.attempts[row.case] for row in rows}
        yield ecdf.ecdf(f"ecdf-{number}", title, attempts, device=rows[0].device, points=points)


def _courses(dossier: Dossier) -> Iterator[Chart]:
    for number, device in enumerate(dossier.devices[:SETTINGS]):
        rows = [row for row in dossier.rows if row.device == device]
        cores = dossier.facts[device].get("cores")
        yield from course.course(f"course-{number}", rows, dossier.attempts, cores if isinstance(cores, int) else 0)


def _operators(dossier: Dossier) -> Iterator[Chart | None]:
    for number, (title, rows) in enumerate(list(settings(dossier.rows).items())[:SETTINGS]):
        profiles = {row.scheme: dossier.profiles[row.case] for row in rows if row.case in dossier.profiles}
        yield operators.operators(f"operators-{number}", title, profiles, device=rows[0].device)


def _totals(dossier: Dossier) -> Iterator[Chart | None]:
    groups: dict[tuple[str, str], list[ResultRow]] = defaultdict(list)
    for row in dossier.rows:
        groups[row.device, row.model].append(row)
    for number, ((device, model), rows) in enumerate(list(groups.items())[:SETTINGS]):
        title = f"{device}: n images of {model}, with the start"
        yield start.total_time(f"breakeven-{number}", title, rows, dossier.attempts)


def _accuracies(dossier: Dossier) -> dict[str, list[Chart | None]]:
    """Return AUC by finding with the ROC curves, of each model on the first device that scored it."""
    bars: list[Chart | None] = []
    curves: list[Chart | None] = []
    for number, each in enumerate(dossier.accuracies):
        where = f"{each.model}, scored on {each.device}"
        rows = accuracy.findings(each.estimates, each.scored)
        method = " and ".join(sorted({one.method for one in each.estimates.values()}))
        bars.append(accuracy.accuracy(f"accuracy-{number}", where, rows, method))
        curves.append(accuracy.roc_curves(f"roc-{number}", where, each.scored, each.estimates))
    return {"accuracy": bars, "roc": curves}
