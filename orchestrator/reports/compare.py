"""Comparisons as a picture: a bar for where each ratio may be, around 1.0."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from rich import box
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from orchestrator.analysis import significance
from orchestrator.domain.units import format_ratio
from orchestrator.reports.difference_words import speedup_words
from orchestrator.reports.whole_table import print_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from orchestrator.analysis.compare import Comparison
    from orchestrator.analysis.stats import Interval

WIDTH = 31
#: What a title and a label name, in this order.
ORDER = ("model", "device", "scheme", "runtime", "threads", "batch", "interpreters")
#: The scale reaches at least so far to both sides, so that a difference of nothing does not look like one.
LEAST_REACH = math.log(1.1)
COLOURS = {significance.FASTER: "green", significance.SLOWER: "red", significance.NOT_COMPARABLE: "yellow"}


def show(pairs: Sequence[Comparison], console: Console) -> None:
    """Print what all pairs share, a line and a bar for each, and below what is to be known."""
    reach = _reach(pairs)
    against = {_apart(pair) for pair in pairs}
    console.print(escape(_title(pairs, against)), soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("", overflow="fold", style="bold")
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column(_scale(reach), no_wrap=True)
    table.add_column("95 %", justify="right", no_wrap=True)
    table.add_column("verdict", overflow="fold")
    for pair in pairs:
        where = pair.difference.interval if pair.difference else None
        label = _label(pair, pairs)
        table.add_row(
            escape(label if len(against) == 1 else f"{label} against {_apart(pair)}"),
            format_ratio(pair.difference.ratio) if pair.difference else "-",
            Text.assemble((_bar(pair, reach), COLOURS.get(pair.verdict, "")), "\n", (_others(pair), "dim")),
            _range(where) if where else "-",
            Text(_verdict(pair), style=COLOURS.get(pair.verdict, "")),
        )
    print_whole(table, console)
    console.print()
    for line in _below(pairs):
        console.print(escape(line), soft_wrap=True)


def _verdict(pair: Comparison) -> str:
    """Return the verdict; what would have been a difference goes with "no difference seen"."""
    if pair.verdict != significance.NOTHING_SEEN or pair.difference is None:
        return pair.verdict
    return f"{pair.verdict} ({pair.difference.smallest:.1%})"


def as_json(pairs: Sequence[Comparison]) -> str:
    """Return a list of objects, one for each pair; docs/compare.md explains the keys."""
    return json.dumps([plain(pair) for pair in pairs], indent=2)


def plain(pair: Comparison) -> dict[str, Any]:
    """Return a comparison as JSON values; docs/compare.md explains the keys."""
    found = pair.difference
    where = found.speedup_interval if found else None
    low, high = pair.auc.interval if pair.auc else (None, None)
    return {
        "a": pair.a.case,
        "a_run": pair.a.run,
        "b": pair.b.case,
        "b_run": pair.b.run,
        "compared": pair.compared,
        "verdict": pair.verdict,
        "speedup": found.speedup if found else None,
        "speedup_low": where.low if where else None,
        "speedup_high": where.high if where else None,
        "p_value": found.p_value if found else None,
        "p_adjusted": found.p_adjusted if found and not pair.blockers else None,
        "smallest": found.smallest if found and not pair.blockers else None,
        "attempts_needed": found.attempts_needed if found and not pair.blockers else None,
        "device_shift": pair.device_shift,
        "device_shift_unusual": pair.shift_is_unusual,
        "earlier_runs": pair.earlier_runs,
        "noise_floor": pair.noise_floor,
        "size_ratio": pair.size_ratio,
        "auc_change": pair.auc_change,
        "auc_change_low": low,
        "auc_change_high": high,
        "blockers": list(pair.blockers),
        "notes": list(pair.notes),
    }


def _title(pairs: Sequence[Comparison], against: set[str]) -> str:
    """Return what all results have in common, and with what the others are compared where that is one thing."""
    rows = [row for pair in pairs for row in (pair.a, pair.b)]
    shared = [_named(name, getattr(rows[0], name)) for name in ORDER if len({getattr(row, name) for row in rows}) == 1]
    words = f"{', '.join(shared)}: " if shared else ""
    return f"{words}against {against.copy().pop()}" if len(against) == 1 else words.removesuffix(": ")


def _label(pair: Comparison, pairs: Sequence[Comparison]) -> str:
    """Return what tells B from the other results in the table."""
    rows = [row for each in pairs for row in (each.a, each.b)]
    names = [name for name in ORDER if len({getattr(row, name) for row in rows}) > 1]
    words = [_named(name, getattr(pair.b, name)) for name in names]
    if not names and pair.a.run != pair.b.run:
        words.append(f"run {pair.b.run}")
    return ", ".join(words)


def _apart(pair: Comparison) -> str:
    """Return what A has that B has not."""
    words = [_named(name, getattr(pair.a, name)) for name in ORDER if getattr(pair.a, name) != getattr(pair.b, name)]
    if pair.a.run != pair.b.run:
        words.append(f"run {pair.a.run}")
    return ", ".join(words)


def _others(pair: Comparison) -> str:
    """Return size and AUC of B against those of A, as far as they are known."""
    size = [f"size {format_ratio(1 / pair.size_ratio)}"] if pair.size_ratio else []
    return "  ".join([*size, *([f"AUC {_auc(pair)}"] if pair.auc_change is not None else [])])


def _named(dimension: str, value: object) -> str:
    if dimension == "threads":
        return f"{value} thread{'' if value == 1 else 's'}"
    if dimension == "interpreters":
        return f"throughput of {value}" if value else "latency"
    return f"batch {value}" if dimension == "batch" else str(value)


def _reach(pairs: Sequence[Comparison]) -> float:
    """Return the log of the ratio at the right end of the picture; 1.0 is in its middle."""
    ends = [end for pair in pairs for end in _ends(pair)]
    return max([LEAST_REACH, *(abs(math.log(end)) for end in ends)])


def _ends(pair: Comparison) -> tuple[float, ...]:
    if pair.difference is None:
        return ()
    where = pair.difference.interval
    return (pair.difference.ratio, where.low, where.high) if where else (pair.difference.ratio,)


def _range(where: Interval) -> str:
    decimals = 2 if where.high - where.low >= 0.02 else 3
    return f"{where.low:.{decimals}f}-{where.high:.{decimals}f}"


def _place(ratio: float, reach: float) -> int:
    return round((math.log(ratio) / reach + 1) / 2 * (WIDTH - 1))


def _scale(reach: float) -> str:
    """Return the line above the bars: a ratio at each end, 1 in the middle."""
    left, right = format_ratio(math.exp(-reach)), format_ratio(math.exp(reach))
    middle = WIDTH // 2
    return f"{left}{'1'.rjust(middle + 1 - len(left))}{right.rjust(WIDTH - middle - 1)}"


def _bar(pair: Comparison, reach: float) -> str:
    """Return ``├──●──┤``, with the noise floor as ``░`` around 1."""
    if pair.difference is None:
        return ""
    cells = [" "] * WIDTH
    if pair.noise_floor:
        first, last = (_place(ratio, reach) for ratio in (1 / (1 + pair.noise_floor), 1 + pair.noise_floor))
        for place in range(max(first, 0), min(last, WIDTH - 1) + 1):
            cells[place] = "░"
    cells[WIDTH // 2] = "┊"
    where = pair.difference.interval
    if where is not None:
        first, last = _place(where.low, reach), _place(where.high, reach)
        cells[first : last + 1] = ["─"] * (last + 1 - first)
        cells[first], cells[last] = "├", "┤"
    cells[_place(pair.difference.ratio, reach)] = "●"
    return "".join(cells)


def _auc(pair: Comparison) -> str:
    assert pair.auc_change is not None  # noqa: S101  asked before
    text = f"{pair.auc_change:+.4f}"
    text = text if float(text) else "0.0000"
    if pair.auc is None or not pair.auc.error:
        return text
    return f"{text} ±{pair.auc.interval[1] - pair.auc.difference:.4f}"


def _of_runs(pairs: Sequence[Comparison]) -> Iterator[str]:
    """Yield what happened to a device as a whole, and what its earlier runs say of that."""
    usual = {True: ", more than its runs usually differ", False: ", as its runs usually differ", None: ""}
    shifts = {(pair.b.device, pair.a.run): pair for pair in pairs if pair.device_shift is not None}
    for (device, run), pair in sorted(shifts.items()):
        words = speedup_words(1 / (pair.device_shift or 1.0))
        yield f"{device}: all cases together are {words} than in run {run}{usual[pair.shift_is_unusual]}; that is taken out of each row"
    for device in sorted({pair.b.device for pair in pairs if pair.earlier_runs}):
        most = max(pair.earlier_runs for pair in pairs if pair.b.device == device)
        yield f"{device}: what {most} earlier runs differ by without a change is in the intervals"


def _below(pairs: Sequence[Comparison]) -> Iterator[str]:
    tested = sum(not pair.blockers for pair in pairs)
    kinds = " and ".join(sorted({pair.compared for pair in pairs}))
    level = f"{significance.LEVEL:.0%} of {'tables' if tested > 1 else 'comparisons'} like this"
    yield f"time: {kinds} ÷ what it is against, below 1 is faster; chance alone makes a difference in at most {level}"
    yield from _of_runs(pairs)
    if any(pair.verdict == significance.NOTHING_SEEN for pair in pairs):
        yield f"{significance.NOTHING_SEEN} (N%): a difference of N% would have shown in this table"
    floors = {device: floor for pair in pairs for device, floor in pair.floors.items()}
    for device, floor in sorted(floors.items()):
        yield (
            f"{device}: no noise floor is known; farm devices calibrate {device} measures it"
            if floor is None
            else f"{device}: two measurements of the same thing differ by up to {floor:.1%} (noise floor, ░)"
        )
    cases_by_line: dict[str, list[str]] = {}
    for pair in pairs:
        for line in (*(f"not comparable: {why}" for why in pair.blockers), *pair.notes):
            cases_by_line.setdefault(line, []).append(pair.b.case)
    for line, cases in cases_by_line.items():
        yield line if len(cases) == len(pairs) or cases[0] in line else f"{', '.join(cases)}: {line}"
