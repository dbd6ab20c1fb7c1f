"""The charts of a run, by what `farm results plot` calls them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.reports.charts import accuracy, course, ecdf, operators, pareto, speed, start

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from orchestrator.domain.result import Scores
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
    for number, (model, device, scores) in enumerate(scored(dossier)):
        first = next(iter(scores.values()))
        labels = dossier.labels[first.labels_sha256]
        each = {scheme: np.frombuffer(one.scores, "<f4").reshape(one.shape) for scheme, one in scores.items()}
        where = f"{model}, scored on {device}"
        rows = accuracy.findings(each, labels, first.classes)
        bars.append(accuracy.accuracy(f"accuracy-{number}", where, rows))
        curves.append(accuracy.roc_curves(f"roc-{number}", where, each, labels, first.classes))
    return {"accuracy": bars, "roc": curves}


def scored(dossier: Dossier) -> Iterator[tuple[str, str, Mapping[str, Scores]]]:
    """Yield each model with the first device that scored it, and its scorings by scheme, on images whose labels are here."""
    found: dict[str, tuple[str, dict[str, Scores]]] = {}
    for row in dossier.rows:
        one = dossier.scores.get(row.case)
        if one is None or one.error or one.labels_sha256 not in dossier.labels:
            continue
        if dossier.labels[one.labels_sha256].shape != one.shape:
            continue
        device, schemes = found.setdefault(row.model, (row.device, {}))
        first = next(iter(schemes.values()), one)
        if device == row.device and first.labels_sha256 == one.labels_sha256:
            schemes.setdefault(row.scheme, one)
    for model, (device, schemes) in found.items():
        yield model, device, schemes
