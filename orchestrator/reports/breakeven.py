"""Break-even points as a table or as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich import box
from rich.markup import escape
from rich.table import Table

from orchestrator.domain.units import NS_PER_S, format_ns, format_seconds
from orchestrator.reports.whole_table import print_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from orchestrator.analysis.breakeven import BreakEven, Pair, Side
    from orchestrator.domain.case import Case


def as_json(found: Sequence[Pair]) -> str:
    """Return a list of objects, documented in docs/results.md; ``null`` stands for infinity where a number may be infinite."""
    return json.dumps([_object(pair) for pair in found], indent=2, allow_nan=False)


def _object(pair: Pair) -> dict[str, Any]:
    point = pair.break_even
    return {
        "device": pair.ours.case.device,
        "model": pair.ours.case.model,
        "images": _finite(point.images),
        "never": math.isinf(point.images),
        "interval": [_finite(point.interval.low), _finite(point.interval.high)] if point.interval else None,
        "time_ns": _finite(point.time_ns),
        "until_images": _finite(point.until_images),
        "ours": _side_object(pair.ours) | asdict(point.ours),
        "theirs": _side_object(pair.theirs) | asdict(point.theirs),
    }


def _side_object(side: Side) -> dict[str, Any]:
    launch = asdict(side.launch) if side.launch else None
    return {
        "case": str(side.case),
        "run": side.run,
        "verdict": side.verdict,
        **asdict(side.anatomy),
        "launch_fit": launch,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def show(found: Sequence[Pair], console: Console) -> None:
    """Print each device's answer, then where the time of every case goes."""
    for number, (_, group) in enumerate(groupby(sorted(found, key=_title), key=_title)):
        together = list(group)
        if number:
            console.print()
        console.print(_title(together[0]), soft_wrap=True)
        print_whole(_answers(together), console)
        console.print()
        print_whole(_anatomies(together), console)
        console.print()
        for line in _words(together):
            console.print(line)


def _title(pair: Pair) -> str:
    return f"[bold]{escape(pair.ours.case.model)}[/] on [bold]{escape(pair.ours.case.device)}[/]"


def _answers(found: Sequence[Pair]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("case", style="bold", overflow="fold")
    table.add_column("against", overflow="fold")
    for name in ("start", "its", "an image", "its"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("ahead after", overflow="fold")
    for pair in found:
        point = pair.break_even
        table.add_row(
            escape(_short(pair.ours.case)),
            escape(_short(pair.theirs.case)),
            format_ns(point.ours.start_ns),
            format_ns(point.theirs.start_ns),
            format_ns(point.ours.per_image_ns),
            format_ns(point.theirs.per_image_ns),
            escape(answer(point)),
        )
    return table


def answer(point: BreakEven) -> str:
    """Return a sentence on when one runtime is ahead of the other: images with their interval, the time they take."""
    if math.isinf(point.images):
        if point.interval is None:
            return "∞: perhaps never"
        low = point.interval.low
        return "∞: never" if math.isinf(low) else f"∞ [{_images(low)}, ∞]: perhaps never"
    if not point.images:
        return "0" if math.isinf(point.until_images) else f"0, behind again after {_images(point.until_images)} images"
    interval = point.interval
    margin = f" [{_images(interval.low)}, {_images(interval.high)}]" if interval else ""
    return f"{_images(point.images)} images{margin}, {format_seconds(point.time_ns / NS_PER_S)}"


def _images(count: float) -> str:
    return "∞" if math.isinf(count) else f"{math.ceil(count):,}"


def _anatomies(found: Sequence[Pair]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("case", style="bold", overflow="fold")
    for name in ("import", "context", "load", "first", "steady", "feed", "read", "launch"):
        table.add_column(name, justify="right", no_wrap=True)
    for side in _sides(found):
        parts = side.anatomy
        columns = (
            parts.import_ns,
            parts.context_ns,
            parts.graph_ns,
            parts.first_ns,
            parts.steady_ns,
            parts.feed_ns,
        )
        read = f"({_or_dash(parts.read_ns)})" if parts.reads_in_invoke else _or_dash(parts.read_ns)
        table.add_row(escape(_short(side.case)), *map(_or_dash, columns), read, _or_dash(parts.launch_ns))
    return table


def _words(found: Sequence[Pair]) -> Iterator[str]:
    """Explain what the tables do not say by themselves."""
    sides = _sides(found)
    lines = {_short(side.case).rpartition("/b")[0]: side.launch for side in sides}
    for name, line in lines.items():
        if line is not None:
            margin = f" [{_at_least_0(line.interval.low)}, {_at_least_0(line.interval.high)}]" if line.interval else ""
            fit = f"{_at_least_0(line.fixed_ns)}{margin} and {format_ns(line.per_image_ns)} an image, misfit {line.misfit:.0%}"
            yield escape(f"{name}: a line through its batch sizes says that an invocation costs {fit}")
    doubtful = sum(side.verdict != "VALID" for side in sides)
    if doubtful:
        yield f"[dim]{doubtful} of {len(sides)} cases are not VALID: farm results show CASE says why[/]"
    if any(side.anatomy.reads_in_invoke for side in sides):
        yield "[dim](in brackets): part of every invocation already[/]"
    if any(pair.break_even.interval is None for pair in found):
        yield "[dim]no interval: it takes three attempts of both[/]"


def _sides(found: Sequence[Pair]) -> list[Side]:
    by_case = {side.case: side for pair in found for side in (pair.ours, pair.theirs)}
    return [by_case[case] for case in sorted(by_case)]


def _at_least_0(ns: float) -> str:
    """Print what can't be negative and what a fit may have made so."""
    return format_ns(max(0.0, ns))


def _short(case: Case) -> str:
    return str(case).removeprefix(f"{case.device}/{case.model}/")


def _or_dash(ns: float | None) -> str:
    return "-" if ns is None else format_ns(ns)
