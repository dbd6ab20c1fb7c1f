"""A case finding by finding: figures with intervals, a ROC curve in characters."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from rich import box
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from orchestrator.analysis.roc import roc
from orchestrator.reports.difference_words import signed
from orchestrator.reports.whole_table import print_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from orchestrator.analysis.accuracy.findings import Accuracy, Figures, Finding
    from orchestrator.analysis.accuracy.intervals import Estimate, Estimates
    from orchestrator.analysis.accuracy.scored import Scored
    from orchestrator.reports.charts.chart import Chart
    from orchestrator.store.rows import ResultRow

#: Of a ROC curve, in characters.
WIDTH, HEIGHT = 48, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What there is to show of a case."""

    row: ResultRow
    accuracy: Accuracy
    of: Scored
    #: Float32 of the same setting.
    baseline: Scored | None
    #: Its scheme.
    baseline_scheme: str | None
    #: Its AUC.
    baseline_auc: Estimates | None
    #: That of the case.
    auc: Estimates
    #: At which sensitivity, and specificity, are given.
    specificity: float
    sensitivity: float


def show(shown: Shown, console: Console, finding: str | None = None) -> None:
    """Print what two tables come to, the tables, and the ROC curve of ``finding``, by default of the one that changed most."""
    found = shown.accuracy
    synthetic = " (synthetic images)" if shown.row.synthetic else ""
    console.print(
        f"[bold]{escape(shown.row.case)}[/], dataset {escape(shown.row.dataset)}{synthetic}, {found.task}, "
        f"{found.images:,} images of {found.patients:,} patients",
        soft_wrap=True,
    )
    for line in _answer(shown):
        console.print(escape(line), soft_wrap=True)
    console.print()
    print_whole(_aucs(found), console)
    console.print()
    print_whole(_others(shown), console)
    console.print()
    for line in _notes(found):
        console.print(escape(line), soft_wrap=True)
    chosen = finding or _most_changed(found)
    if chosen is not None:
        console.print()
        for line in _curve(shown, chosen):
            console.print(Text(line), no_wrap=True, crop=False)


def picture(shown: Shown, finding: str | None = None) -> Chart | None:
    """Return the ROC curves of the case and of float32, of every finding or of one; ``None`` where there is nothing to draw."""
    from orchestrator.reports.charts.accuracy import roc_panels

    scored, aucs = {shown.row.scheme: shown.of}, {shown.row.scheme: shown.auc}
    if shown.baseline is not None and shown.baseline_scheme is not None:
        scored = {shown.baseline_scheme: shown.baseline, **scored}
        if shown.baseline_auc is not None:
            aucs = {shown.baseline_scheme: shown.baseline_auc, **aucs}
    synthetic = ", synthetic images" if shown.row.synthetic else ""
    return roc_panels("roc", f"{shown.row.case}: ROC{synthetic}", scored, aucs, finding)


def as_json(shown: Shown) -> str:
    """Return an object; docs/accuracy.md explains the keys."""
    found = shown.accuracy
    return json.dumps(
        {
            "case": shown.row.case,
            "run": shown.row.run,
            "dataset": shown.row.dataset,
            "synthetic": shown.row.synthetic,
            "task": found.task,
            "images": found.images,
            "patients": found.patients,
            "method": found.method,
            "at_specificity": shown.specificity,
            "at_sensitivity": shown.sensitivity,
            "auc": _plain(found.auc),
            "over": found.over,
            "change": _plain(found.change),
            "loss": found.loss and asdict(found.loss) | {"words": found.loss.words},
            "mean": asdict(found.mean),
            "top1": found.top1,
            "top1_ece": found.top1_ece,
            "findings": [_plain_finding(shown, column) for column in range(len(found.findings))],
        },
        indent=2,
    )


def _plain_finding(shown: Shown, column: int) -> dict[str, Any]:
    finding = shown.accuracy.findings[column]
    return {
        "finding": finding.name,
        "positives": finding.positives,
        "positive_patients": finding.positive_patients,
        "auc": _plain(finding.auc),
        "change": _plain(finding.change),
        "adjusted_p": finding.adjusted_p,
        "changed": finding.changed,
        **asdict(finding.figures),
        "roc": _points(shown.of, column),
    }


def _plain(estimate: Estimate | None) -> dict[str, float | None] | None:
    if estimate is None:
        return None
    low, high = (estimate.interval.low, estimate.interval.high) if estimate.interval else (None, None)
    return {"value": estimate.value, "low": low, "high": high, "p_value": estimate.p_value}


def _aucs(found: Accuracy) -> Table:
    table = _table("finding", "found in", "AUC", "95 %", "change", "95 %", "")
    for each in found.findings:
        table.add_row(
            escape(each.name),
            f"{each.positives:,}",
            _number(each.auc.value if each.auc else None),
            _interval(each.auc),
            _number(each.change.value if each.change else None, change=True),
            _interval(each.change, change=True),
            Text(_word(each), style="yellow"),
        )
    name = "mean" if len(found.over) == len(found.findings) else f"mean of {len(found.over)}"
    change = found.change
    table.add_section()
    table.add_row(
        name,
        "",
        _number(found.auc.value if found.auc else None),
        _interval(found.auc),
        _number(change.value if change else None, change=True),
        _interval(change, change=True),
        "",
    )
    return table


def _word(finding: Finding) -> str:
    if not finding.changed or finding.change is None:
        return ""
    return "worse" if finding.change.value < 0 else "better"


def _others(shown: Shown) -> Table:
    at, back = f"sens. at {shown.specificity:g}", f"spec. at {shown.sensitivity:g}"
    table = _table("finding", "AUPRC", at, back, "Brier", "ECE")
    for each in shown.accuracy.findings:
        table.add_row(escape(each.name), *_cells(each.figures))
    table.add_section()
    table.add_row("mean", *_cells(shown.accuracy.mean))
    return table


def _cells(figures: Figures) -> Iterator[str]:
    for value in (figures.auprc, figures.sensitivity, figures.specificity, figures.brier, figures.ece):
        yield _number(value)


def _table(first: str, *columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column(first, style="bold", overflow="fold")
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _number(value: float | None, *, change: bool = False) -> str:
    if value is None:
        return "-"
    return signed(value, 4) if change else f"{value:.4f}"


def _interval(estimate: Estimate | None, *, change: bool = False) -> str:
    if estimate is None or estimate.interval is None:
        return "-"
    ends = (estimate.interval.low, estimate.interval.high)
    return (" to " if change else "–").join(_number(end, change=change) for end in ends)


def _answer(shown: Shown) -> Iterator[str]:
    """Yield what the tables come to."""
    found, row = shown.accuracy, shown.row
    if found.loss is not None:
        yield f"Mean AUC against float32 of the same device, run and images: {found.loss.words}."
    elif found.change is None:
        yield (
            "No change: this is float32."
            if row.scheme == "float32"
            else f"No change: the run has no float32 of {row.model} on {row.device} with {row.runtime} on the same images."
        )
    changed = [each.name for each in found.findings if each.changed]
    if changed:
        yield f"More than chance (5 % of such calls are false, by Benjamini and Hochberg's rule): {', '.join(changed)}."


def _notes(found: Accuracy) -> Iterator[str]:
    """Yield what the tables leave out."""
    if found.top1 is not None:
        ece = f", ECE {found.top1_ece:.4f}" if found.top1_ece is not None else ""
        yield f"Top-1 accuracy: {found.top1:.4f}{ece}."
    few = [_counted(each) for each in found.findings if each.auc is not None and each.name not in found.over]
    if few:
        are = "is" if len(few) == 1 else "are"
        yield f"Not in the mean {are} {', '.join(few)}: an interval takes two patients with a finding, and two without."
    absent = [each.name for each in found.findings if each.auc is None]
    if absent:
        yield f"No image, or every one, shows {', '.join(absent)}: there is no AUC."
    yield f"Intervals: 95 %, {found.method}."


def _counted(finding: Finding) -> str:
    return f"{finding.name} ({finding.positives} positive image{'s' if finding.positives != 1 else ''})"


def _most_changed(found: Accuracy) -> str | None:
    """Return the finding that lost or won most, else the one with the lowest AUC, ``None`` where none has an AUC."""
    known = [each for each in found.findings if each.auc is not None]
    if any(each.change is not None for each in known):
        return max(known, key=lambda each: abs(each.change.value) if each.change else 0.0).name
    return min(known, key=lambda each: each.auc.value if each.auc else 1.0).name if known else None


def _points(of: Scored, column: int) -> list[tuple[float, float]]:
    return [(alarms, found) for alarms, found in roc(of.labels[:, column] > 0, of.scores[:, column]).tolist()]


def _curve(shown: Shown, finding: str) -> Iterator[str]:
    """Yield the lines of a plot, ``●`` for the case and ``·`` for float32."""
    column = shown.of.images.classes.index(finding)
    cells = [[" "] * (WIDTH + 1) for _ in range(HEIGHT + 1)]
    if shown.baseline is not None:
        _draw(cells, _points(shown.baseline, column), "·")
    points = _points(shown.of, column)
    _draw(cells, points, "●")
    beside = ", ● this case, · float32" if shown.baseline is not None else ""
    yield f"ROC of {finding}{beside}" if points else f"ROC of {finding}: no curve, its labels are all alike"
    if not points:
        return
    for number, line in enumerate(cells):
        share = 1 - number / HEIGHT
        scale = f"{share:4.2f} ┤" if number % 4 == 0 else "     │"
        yield (scale + "".join(line)).rstrip()
    yield "     └" + "─" * (WIDTH + 1)
    yield f"      0{'false alarms (1 − specificity)':^{WIDTH - 1}}1"


def _draw(cells: list[list[str]], points: Sequence[tuple[float, float]], mark: str) -> None:
    """Mark the cells that the curve through ``points`` passes, a step up or to the right at a time."""
    for (x0, y0), (x1, y1) in pairwise(points):
        steps = max(1, round(abs(x1 - x0) * WIDTH), round(abs(y1 - y0) * HEIGHT)) * 2
        for step in range(steps + 1):
            share = step / steps
            across, up = x0 + (x1 - x0) * share, y0 + (y1 - y0) * share
            cells[HEIGHT - round(up * HEIGHT)][round(across * WIDTH)] = mark
