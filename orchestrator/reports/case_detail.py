"""One case in full: every attempt, how its latencies spread, what explains them."""

from __future__ import annotations

import json
import math
import shlex
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from rich import box
from rich.markup import escape
from rich.table import Table

from orchestrator.analysis import explain as slower
from orchestrator.analysis.stats import early_stopping_estimate, samples_needed
from orchestrator.analysis.table_rows import TableRow
from orchestrator.domain.samples import Samples
from orchestrator.domain.units import format_bytes, format_ns, format_seconds
from orchestrator.reports import case_table as tables
from orchestrator.reports.json import plain
from orchestrator.reports.whole_table import print_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray
    from rich.console import Console

    from orchestrator.analysis.compare import Comparison
    from orchestrator.domain.artifact import Artifact
    from orchestrator.domain.result import Measurement, Scores
    from orchestrator.store.rows import ResultRow

BARS = " ▁▂▃▄▅▆▇█"
BINS = 60
#: A timing this long is drawn over time.
LONG_NS = 5 * 60 * 10**9
#: Fields of an attempt that its case has already, or that say nothing of their own.
NOT_IN_JSON = frozenset({"attempt", "case", "artifact", "ended_at"})
#: What comes before and beside the timed invocations.
#: What all columns of an attempt take.
LEAST_FOR_ALL = 78
PHASES = (
    ("import", "import_ns"),
    ("context", "context_ns"),
    ("load", "load_ns"),
    ("first invocation", "first_ns"),
    ("copy in", "feed_ns"),
    ("copy out", "read_ns"),
    ("prepare an image", "pre_ns"),
    ("clock", "clock_ns"),
    ("empty sample", "loop_ns"),
)


def show(  # noqa: PLR0917  everything there is about a case
    row: ResultRow,
    measurements: Sequence[Measurement],
    scores: Scores | None,
    facts: Mapping[str, Any],
    artifact: Artifact | None,
    console: Console,
    *,
    of_float32: Sequence[Measurement] = (),
    against: Comparison | None = None,
) -> None:
    """Print everything that explains the figures of ``row``; ``of_float32`` are attempts of that scheme, else the same."""
    console.print(f"[bold]{escape(row.case)}[/]  run {row.run}, {row.measured_at:%Y-%m-%d %H:%M} UTC", soft_wrap=True)
    tables.show([TableRow(row=row, against=against)], console)
    why = slower.than_float32(row, measurements, of_float32)
    if why is not None:
        console.print(f"\n{escape(why)}; more: farm results explain {escape(shlex.quote(row.case))}", soft_wrap=True)
    console.print("\n[bold]attempts[/]")
    good = [attempt for attempt in measurements if attempt.error is None]
    print_whole(_attempts(good, console.width), console)
    for attempt in measurements:
        if attempt.error is not None:
            console.print(f"[red]no. {attempt.number} failed:[/] {escape(_last_line(attempt.error))}", soft_wrap=True)
    for line in histogram(np.concatenate([attempt.per_invocation_ns for attempt in good] or [np.empty(0)])):
        console.print(line, markup=False, soft_wrap=True)
    for line in (*over_time(good), *_sentences(row, good)):
        console.print(line, markup=False, soft_wrap=True)
    explaining = next((attempt for attempt in measurements if attempt.effective), None)
    if explaining is not None:
        _pairs(console, "requested", explaining.requested)
        _pairs(console, "in force", explaining.effective)
        _pairs(console, "versions", explaining.versions)
    if scores is not None:
        _accuracy(console, row, scores)
    if artifact is not None:
        _pairs(console, f"recipe of {artifact.sha256[:16]}…", artifact.recipe)
        _pairs(console, "checked when it was built", artifact.checks)
    _pairs(console, f"facts of {row.device}", facts)


def as_json(
    row: ResultRow,
    measurements: Sequence[Measurement],
    scores: Scores | None,
    facts: Mapping[str, Any],
    artifact: Artifact | None,
    *,
    against: Comparison | None = None,
) -> str:
    """Return the same as JSON, with every sample: the row's keys, and ``attempt_list auc_by_class facts recipe checks``."""
    by_class = dict(zip(scores.classes, scores.auc, strict=False)) if scores else {}
    more = {
        "attempt_list": [_object(attempt) for attempt in measurements],
        "auc_by_class": by_class,
        "facts": dict(facts),
        "recipe": artifact.recipe if artifact else None,
        "checks": artifact.checks if artifact else None,
    }
    return json.dumps(plain(TableRow(row=row, against=against)) | more, indent=1)


def _object(attempt: Measurement) -> dict[str, Any]:
    return {each.name: _plain(getattr(attempt, each.name)) for each in fields(attempt) if each.name not in NOT_IN_JSON}


def _plain(value: Any) -> Any:
    """Return the value of an attempt's field as JSON has it; it knows no infinity."""
    if isinstance(value, Samples):
        return value.array().tolist()
    if isinstance(value, datetime):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def histogram(samples: NDArray[np.float64]) -> list[str]:
    """Return lines that draw how latencies in ns spread, from the fastest to the 99th percentile; nothing for no samples."""
    if len(samples) < 2:
        return []
    low, high, slowest = (
        float(samples.min()),
        float(np.quantile(samples, 0.99, method="inverted_cdf")),
        float(samples.max()),
    )
    above = int((samples > high).sum())
    if slowest == low:
        return [f"  all {len(samples)} samples: {format_ns(low)}"]
    if high == low:
        return [
            f"  {len(samples) - above} of {len(samples)} samples: {format_ns(low)}, the slowest {format_ns(slowest)}"
        ]
    counts, _ = np.histogram(samples[samples <= high], bins=BINS, range=(low, high))
    # the tallest bar is full; a bar with anything in it can be seen
    heights = np.ceil(counts / counts.max() * (len(BARS) - 1)).astype(int)
    bars = "".join(BARS[height] for height in heights)
    left, right = format_ns(low), format_ns(high)
    return [
        f"  {bars}",
        f"  {left}{right:>{max(1, BINS - len(left))}}",
        f"  {len(samples)} samples, {above} of them slower than shown, the slowest {format_ns(slowest)}",
    ]


def over_time(measurements: Sequence[Measurement]) -> list[str]:
    """Return lines that draw the latency of long timings over time: what heat does to it; nothing for short ones."""
    lines = []
    for attempt in measurements:
        if (attempt.span_ns or 0) < LONG_NS or len(attempt.latency_ns) < BINS:
            continue
        samples = attempt.latency_ns.array().astype(np.float64)
        passed = np.cumsum(samples)
        number = np.minimum((passed / passed[-1] * BINS).astype(int), BINS - 1)
        medians = np.array(
            [np.median(samples[number == bin_]) if (number == bin_).any() else np.nan for bin_ in range(BINS)]
        )
        low, high = float(np.nanmin(medians)), float(np.nanmax(medians))
        heights = np.nan_to_num((medians - low) / (high - low) if high > low else medians * 0)
        bars = "".join(BARS[1 + round(height * (len(BARS) - 2))] for height in heights)
        per = attempt.invocations_per_sample
        lines += [
            f"  {bars}  attempt {attempt.number} over {format_seconds(passed[-1] / 1e9)}",
            f"  medians from {format_ns(low / per)} to {format_ns(high / per)}",
        ]
    return lines


def _sentences(row: ResultRow, good: Sequence[Measurement]) -> list[str]:
    """Return sentences on what the figures of the table leave out."""
    lines = []
    batches = sorted({attempt.invocations_per_sample for attempt in good})
    if batches and batches != [1]:
        lines.append(
            f"a sample is {tables.listed(batches)} invocations in a row; min, max and percentiles are of their means"
        )
    if row.p50_low_ns is not None and row.p50_high_ns is not None:
        what = "range of the attempts" if row.attempts < tables.LEAST_FOR_INTERVAL else "95 %, over attempts"
        lines.append(f"p50 within {format_ns(row.p50_low_ns)} and {format_ns(row.p50_high_ns)} ({what})")
    lines.extend(_percentiles(row))
    if row.effort == "mlperf" and good:
        samples = np.concatenate([attempt.per_invocation_ns for attempt in good])
        if (estimate := early_stopping_estimate(samples, 0.9)) is not None:
            lines.append(f"p90 as MLPerf estimates it, by early stopping: {format_ns(estimate)}")
    counts = (row.outliers_low, row.outliers_mild, row.outliers_severe)
    if row.samples and None not in counts:
        lines.append("outliers: {:.0f} low, {:.0f} mild, {:.0f} severe; all of them count".format(*counts))
    if row.first_minute_ns is not None and row.last_minute_ns is not None:
        lines.append(f"first minute {format_ns(row.first_minute_ns)}, last minute {format_ns(row.last_minute_ns)}")
    if row.energy_j is not None:
        idle = "" if row.energy_idle_j is None else f", {row.energy_idle_j:.3g} J of it what the idle device takes"
        lines.append(f"energy {row.energy_j:.3g} J for an invocation{idle}")
    parts = [
        (f"{what} {format_ns(float(np.median(known)))}")
        for what, name in PHASES
        if (known := [value for attempt in good if (value := getattr(attempt, name)) is not None])
    ]
    if parts:
        lines.append("medians: " + ", ".join(parts))
    return [f"  {line}" for line in lines]


def _percentiles(row: ResultRow) -> Iterable[str]:
    """Yield each percentile beyond the table's, or how many samples more it needs."""
    for name, share in (("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999)) if row.samples else ():
        value = getattr(row, {"p99.9": "p999"}.get(name, name) + "_ns")
        missing = samples_needed(share) - row.samples
        if value is not None:
            yield f"{name} {format_ns(value)}"
        elif missing > 0:
            yield f"{name} needs {missing} more samples"


def _attempts(measurements: Sequence[Measurement], width: int) -> Table:
    """Return a row for each attempt; in a narrow terminal without what the medians below have."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    names = ("no.", "load", "first", "warm-ups", "timed", "p10", "p50", "max", "memory", "°C")
    shown = [name for name in names if width >= LEAST_FOR_ALL or name not in ("load", "first", "warm-ups", "memory")]
    for name in shown:
        table.add_column(name, justify="right", no_wrap=True)
    for attempt in measurements:
        samples = attempt.per_invocation_ns if attempt.latency_ns else np.zeros(1)
        warmest = [reading["temperature_c"] for reading in attempt.readings if "temperature_c" in reading]
        cells = (
            str(attempt.number),
            format_ns(attempt.load_ns or 0),
            format_ns(attempt.first_ns or 0),
            str(len(attempt.warmup_ns)),
            str(len(attempt.latency_ns)),
            format_ns(float(np.quantile(samples, 0.1))),
            format_ns(float(np.median(samples))),
            format_ns(float(samples.max())),
            format_bytes(attempt.peak_rss_bytes or 0),
            f"{max(warmest):.0f}" if warmest else "-",
        )
        table.add_row(*(cell for name, cell in zip(names, cells, strict=True) if name in shown))
    return table


def _last_line(words: str) -> str:
    """Return the end of a traceback: what went wrong there."""
    return (words.strip().splitlines() or ["no message"])[-1]


def _mean(row: ResultRow) -> str:
    """Return the mean over the classes and where it is with 95 %, as far as there is one."""
    if row.auc_mean is None or row.auc_low is None or row.auc_high is None:
        return ""
    over = f" over {row.auc_findings:.0f} of them" if row.auc_findings_left_out and row.auc_findings else ""
    return f", mean{over} {row.auc_mean:.4f} ({row.auc_low:.4f} to {row.auc_high:.4f} with 95 %)"


def _accuracy(console: Console, row: ResultRow, scores: Scores) -> None:
    if scores.error is not None:
        console.print(f"\n[bold]AUC-ROC[/] [red]failed:[/] {escape(_last_line(scores.error))}", soft_wrap=True)
        return
    earlier = f", scored in run {escape(scores.scored_in)}" if scores.scored_in else ""
    console.print(f"\n[bold]AUC-ROC[/] on {scores.shape[0]} images{_mean(row)}{earlier}")
    for name, auc in zip(scores.classes, scores.auc, strict=False):
        console.print(f"  {name:22} {'-' if auc is None else f'{auc:.4f}'}", markup=False)


_PLAIN = {"None": "-", "True": "yes", "False": "no"}


def _pairs(console: Console, title: str, pairs: Mapping[str, Any] | None) -> None:
    console.print(f"\n[bold]{escape(title)}[/]")
    for name, value in (pairs or {}).items():
        text = json.dumps(value) if isinstance(value, dict | list) else _PLAIN.get(str(value), str(value))
        console.print(f"  {name:22} {text}", markup=False, soft_wrap=True)
