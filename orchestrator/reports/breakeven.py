"""After how many images a runtime has paid for its start against another one, as people and programs read it."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from rich import box
from rich.markup import escape
from rich.table import Table

from orchestrator.analysis.breakeven import Anatomy, BreakEven, Cost, Launch, anatomy, break_even, cost, launch_overhead
from orchestrator.domain.case import Case
from orchestrator.domain.units import NS_PER_S, format_ns, format_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rich.console import Console

    from orchestrator.domain.result import Measurement
    from orchestrator.store.rows import ResultRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A case with what its attempts tell of where time goes."""

    case: Case
    run: str
    verdict: str
    anatomy: Anatomy
    #: A line through the batch sizes of this case's device, model, scheme, runtime and threads.
    launch: Launch | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two cases of one device and model, and when the first has caught up with the second."""

    ours: Side
    theirs: Side
    break_even: BreakEven


def pairs(
    rows: Sequence[ResultRow], attempts: Callable[[ResultRow], Sequence[Measurement]], ours: str, theirs: str
) -> Iterator[Pair]:
    """Yield each case of one side with those of the other side that have its device, model, threads and batch size.

    A side is a runtime, ``litert-gpu``, or one with a scheme, ``litert/int8``; with no scheme named, both have the same one.
    ``attempts`` brings those of a row. Cases of which no attempt tells its start are left out, and throughput is.
    """
    schemes = {row.scheme for row in rows}
    first, second = _Choice.parse(ours, schemes), _Choice.parse(theirs, schemes)
    measured = [
        (row, attempts(row)) for row in rows if not row.interpreters and (first.takes(row) or second.takes(row))
    ]
    sides = [(row, _side(row, mine, _batches(row, measured)), _costs(mine)) for row, mine in measured]
    for one, side, costs in sides:
        for other, other_side, other_costs in sides:
            same_scheme = one.scheme == other.scheme or first.scheme or second.scheme
            meant = first.takes(one) and second.takes(other) and one.case != other.case
            if meant and same_scheme and _place(one) == _place(other) and costs and other_costs:
                yield Pair(ours=side, theirs=other_side, break_even=break_even(costs, other_costs))


def _costs(attempts: Sequence[Measurement]) -> list[Cost]:
    return [found for attempt in attempts if (found := cost(attempt))]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    runtime: str
    scheme: str | None

    @classmethod
    def parse(cls, text: str, schemes: Iterable[str]) -> _Choice:
        runtime, slash, scheme = text.rpartition("/")
        if slash and scheme in schemes:  # a delegate's path has slashes too
            return cls(runtime=runtime, scheme=scheme)
        return cls(runtime=text, scheme=None)

    def takes(self, row: ResultRow) -> bool:
        return row.runtime == self.runtime and self.scheme in (None, row.scheme)


def _place(row: ResultRow) -> tuple[Any, ...]:
    return row.device, row.model, row.threads, row.batch


def _side(row: ResultRow, attempts: Sequence[Measurement], batches: Iterable[tuple[int, Sequence[float]]]) -> Side:
    return Side(
        case=Case.parse(row.case),
        run=row.run,
        verdict=row.verdict,
        anatomy=anatomy(attempts),
        launch=launch_overhead(dict(batches)),
    )


def _batches(
    row: ResultRow, measured: Iterable[tuple[ResultRow, Sequence[Measurement]]]
) -> Iterator[tuple[int, Sequence[float]]]:
    """Yield each batch size with the medians of its attempts, ns per invocation."""
    for other, attempts in measured:
        if _line_of(other) == _line_of(row):
            medians = [anatomy([each]).steady_ns for each in attempts]
            yield other.batch, [median for median in medians if median is not None]


def _line_of(row: ResultRow) -> tuple[Any, ...]:
    return row.device, row.model, row.scheme, row.runtime, row.threads


def as_json(found: Sequence[Pair]) -> str:
    """Return a list of objects, documented in docs/results.md; ``null`` stands for infinity where a number may be infinite."""
    return json.dumps([_object(pair) for pair in found], indent=2, allow_nan=False)


def _object(pair: Pair) -> dict[str, Any]:
    told = pair.break_even
    return {
        "device": pair.ours.case.device,
        "model": pair.ours.case.model,
        "images": _finite(told.images),
        "never": math.isinf(told.images),
        "interval": [_finite(told.interval.low), _finite(told.interval.high)] if told.interval else None,
        "time_ns": _finite(told.time_ns),
        "until_images": _finite(told.until_images),
        "ours": _side_object(pair.ours) | asdict(told.ours),
        "theirs": _side_object(pair.theirs) | asdict(told.theirs),
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
        console.print(_answers(together))
        console.print()
        console.print(_anatomies(together))
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
        told = pair.break_even
        table.add_row(
            escape(_short(pair.ours.case)),
            escape(_short(pair.theirs.case)),
            format_ns(told.ours.start_ns),
            format_ns(told.theirs.start_ns),
            format_ns(told.ours.per_image_ns),
            format_ns(told.theirs.per_image_ns),
            escape(answer(told)),
        )
    return table


def answer(told: BreakEven) -> str:
    """Return when one runtime is ahead of the other, in words: images with their interval, and how long that takes."""
    if math.isinf(told.images):
        if told.interval is None:
            return "∞: perhaps never"
        low = told.interval.low
        return "∞: never" if math.isinf(low) else f"∞ [{_images(low)}, ∞]: perhaps never"
    if not told.images:
        return "0" if math.isinf(told.until_images) else f"0, behind again after {_images(told.until_images)} images"
    interval = told.interval
    doubt = f" [{_images(interval.low)}, {_images(interval.high)}]" if interval else ""
    return f"{_images(told.images)} images{doubt}, {format_seconds(told.time_ns / NS_PER_S)}"


def _images(count: float) -> str:
    return "∞" if math.isinf(count) else f"{math.ceil(count):,}"


def _anatomies(found: Sequence[Pair]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("case", style="bold", overflow="fold")
    for name in ("import", "context", "load", "first", "steady", "feed", "read", "launch"):
        table.add_column(name, justify="right", no_wrap=True)
    for side in _sides(found):
        told = side.anatomy
        parts = (told.import_ns, told.context_ns, told.graph_ns, told.first_ns, told.steady_ns, told.feed_ns)
        read = f"({_or_dash(told.read_ns)})" if told.reads_in_invoke else _or_dash(told.read_ns)
        table.add_row(escape(_short(side.case)), *map(_or_dash, parts), read, _or_dash(told.launch_ns))
    return table


def _words(found: Sequence[Pair]) -> Iterator[str]:
    """Explain what the tables do not say by themselves."""
    sides = _sides(found)
    lines = {_short(side.case).rpartition("/b")[0]: side.launch for side in sides}
    for name, told in lines.items():
        if told is not None:
            doubt = f" [{_at_least_0(told.interval.low)}, {_at_least_0(told.interval.high)}]" if told.interval else ""
            fit = f"{_at_least_0(told.fixed_ns)}{doubt} and {format_ns(told.per_image_ns)} an image, misfit {told.misfit:.0%}"
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
