"""Results as tables that people like to read."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich import box
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from orchestrator.analysis.stats import samples_needed
from orchestrator.domain.units import format_bytes, format_ns, format_ratio, format_speedup
from orchestrator.reports.whole_table import UNLIMITED, print_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console

    from orchestrator.store.rows import ResultRow

#: What stands where a percentile is missing, after the number of invocations that are.
MORE = "more"
COLOURS = {"VALID": "green", "WARN": "yellow", "INVALID": "red"}


def show(rows: Sequence[ResultRow], console: Console) -> None:
    """Print one table for everything but the scheme, with the reasons of its verdicts below."""
    for number, (_, group) in enumerate(groupby(sorted(rows, key=_setting), key=_setting)):
        if number:
            console.print()
        together = list(group)
        console.print(_title(together[0]), soft_wrap=True)
        print_whole(_fitting(together, console), console)
        lines = [*_needs(together), *_reasons(together)]
        if lines:
            console.print()
        for line in lines:
            console.print(line)


def _setting(row: ResultRow) -> tuple[Any, ...]:
    """Return what the title says; the newest results of some cases may come from different datasets or efforts."""
    case = row.device, row.model, row.runtime, row.threads, row.batch, row.interpreters
    return *case, row.dataset, row.synthetic, row.effort


def _title(row: ResultRow) -> str:
    words = [f"[bold]{escape(row.model)}[/] on [bold]{escape(row.device)}[/]", escape(row.runtime)]
    words.append(f"{row.threads} thread{'s' if row.threads > 1 else ''}")
    if row.batch > 1:
        words.append(f"batch {row.batch}")
    if row.interpreters:
        words.append(f"throughput of {row.interpreters} interpreter{'s side by side' if row.interpreters > 1 else ''}")
    synthetic = " (synthetic images)" if row.synthetic else ""
    words += [f"dataset {escape(row.dataset)}{synthetic}", f"effort {row.effort}"]
    return ", ".join(words)


def _fitting(rows: Sequence[ResultRow], console: Console) -> Table:
    """Return the table with one blank between columns where two are too many for the terminal."""
    table = _table(rows)
    unlimited = console.options.update_width(UNLIMITED)
    if console.measure(table, options=unlimited).maximum > console.width:
        table.padding = (0, 0, 0, 0)
    return table


def _table(rows: Sequence[ResultRow]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("scheme", style="bold", overflow="fold")
    offline = rows[0].interpreters > 0
    figures = ("images/s",) if offline else ("p50", "p90")
    for name in ("size", "ratio", *figures, "speed", "AUC", "change"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for row in rows:
        table.add_row(
            escape(row.scheme),
            _or_dash(row.size_bytes, format_bytes),
            _or_dash(row.size_ratio, format_ratio),
            *(_throughput(row) if offline else _latencies(row)),
            _or_dash(row.speedup, format_speedup),
            _or_dash(row.auc_mean, "{:.4f}".format),
            _or_dash(row.auc_change, _change),
            Text(row.verdict, style=COLOURS.get(row.verdict, "")),
        )
    return table


def _latencies(row: ResultRow) -> tuple[str, str]:
    p50 = _latency(row.p50_ns, row.samples, 0.50) + _margin(row.p50_low_ns, row.p50_ns, row.p50_high_ns)
    return p50, _latency(row.p90_ns, row.samples, 0.90)


def _throughput(row: ResultRow) -> tuple[str]:
    margin = _margin(row.images_per_s_low, row.images_per_s, row.images_per_s_high)
    return (_or_dash(row.images_per_s, "{:,.1f}".format) + margin,)


def _margin(low: float | None, value: float | None, high: float | None) -> str:
    """Return the interval as how far it reaches, on the side on which it reaches farther: `` ±3%``."""
    if low is None or high is None or not value:
        return ""
    return f" ±{max(high - value, value - low) / value:.0%}"


def _change(value: float) -> str:
    text = f"{value:+.4f}"
    return text if float(text) else "0.0000"


def _latency(value: float | None, samples: int, share: float) -> str:
    """Return a latency, or how many more invocations it would take."""
    if value is not None:
        return format_ns(value)
    missing = samples_needed(share) - samples
    return f"+{missing} {MORE}" if samples > 0 and missing > 0 else "-"


def _needs(rows: Sequence[ResultRow]) -> list[str]:
    """Explain `_latency`'s other answer where it was given."""
    lines = []
    if any(row.p90_ns is None and 0 < row.samples < samples_needed(0.9) for row in rows):
        lines.append(f"[dim]+N {MORE}: a p50 takes {samples_needed(0.5)} invocations, a p90 {samples_needed(0.9)}[/]")
    batched = sorted({round(count) for row in rows if (count := row.invocations_per_sample or 1) > 1})
    if batched:
        lines.append(
            f"[dim]invocations too short for the clock, or too many, were timed {listed(batched)} at a time: "
            "percentiles are those of their means[/]"
        )
    return lines


def listed(counts: Sequence[int]) -> str:
    """Return ``4``, ``4 or 15``, ``4, 15 or 16``."""
    *first, last = map(str, sorted(counts))
    return f"{', '.join(first)} or {last}" if first else last


def _or_dash(value: float | None, form: Callable[[float], str]) -> str:
    return "-" if value is None else form(value)


def _reasons(rows: Sequence[ResultRow]) -> list[str]:
    """Return every reason once, with the schemes it concerns and what to do."""
    found: dict[tuple[str, str], list[tuple[str, str, str]]] = {}
    for row in rows:
        for reason in row.reasons:
            key = reason["verdict"], reason["code"]
            found.setdefault(key, []).append((row.scheme, reason["message"], reason["advice"]))
    lines = []
    for (verdict, _), same in found.items():
        schemes = "all" if len(same) == len(rows) > 1 else ", ".join(scheme for scheme, _, _ in same)
        _, message, advice = same[0]
        more = f" (and {len(same) - 1} like it)" if len({message for _, message, _ in same}) > 1 else ""
        colour = COLOURS[verdict]
        lines.append(
            f"[{colour}]{verdict}[/] {escape(schemes)}: {escape(_short(message))}{more}; [dim]{escape(advice)}[/]"
        )
    return lines


def _short(message: str, most: int = 300) -> str:
    """Return a message on one line: a worker's last words may be many."""
    flat = " ".join(message.split())
    return flat if len(flat) <= most else flat[: most - 1] + "…"
