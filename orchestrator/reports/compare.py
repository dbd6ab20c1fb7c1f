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
from orchestrator.reports.difference_words import (
    SAME,
    UNCHANGED,
    auc_change_words,
    percent,
    smaller_words,
    speedup_words,
    time_words,
)
from orchestrator.reports.whole_table import print_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from orchestrator.analysis.compare import Comparison

#: Of a bar, in a terminal wide enough for it and in a narrow one.
WIDTH, NARROW, LEAST_FOR_WIDE = 31, 15, 78
#: What a title and a label name, in this order.
ORDER = ("model", "device", "scheme", "runtime", "threads", "batch", "interpreters")
#: The scale reaches at least so far to both sides, so that a difference of nothing does not look like one.
LEAST_REACH = math.log(1.1)
COLOURS = {significance.FASTER: "green", significance.SLOWER: "red", significance.NOT_COMPARABLE: "yellow"}


def show(pairs: Sequence[Comparison], console: Console) -> None:
    """Print what all pairs share, a line and a bar for each, and below what is to be known."""
    reach, width = _reach(pairs), WIDTH if console.width >= LEAST_FOR_WIDE else NARROW
    against = {_apart(pair) for pair in pairs}
    console.print(escape(_title(pairs, against)))
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("", overflow="fold", style="bold")
    table.add_column(_scale(reach, width), no_wrap=True)
    table.add_column("time (95 %)", overflow="fold")
    for pair in pairs:
        label, colour = _label(pair, pairs), COLOURS.get(pair.verdict, "")
        others = _others(pair)
        table.add_row(
            escape(label if len(against) == 1 else f"{label} against {_apart(pair)}"),
            Text(_bar(pair, reach, width), style=colour),
            Text.assemble((time_words(pair), colour), *[("\n" + line, "dim") for line in others]),
        )
    print_whole(table, console)
    console.print()
    for line in _below(pairs):
        console.print(escape(line))


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
        "attempts_needed": pair.attempts_needed,
        "device_shift": pair.device_shift,
        "device_shift_unusual": pair.shift_is_unusual,
        "earlier_runs": pair.earlier_runs,
        "noise_floor": pair.noise_floor,
        "threshold": pair.threshold,
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


def _others(pair: Comparison) -> list[str]:
    """Return size and AUC of B against those of A, as far as they are known."""
    words = auc_change_words(pair)
    if pair.a.case == pair.b.case and pair.size_ratio == 1 and words in ("-", UNCHANGED):
        return []
    size = [f"size {smaller_words(pair.size_ratio)}"] if pair.size_ratio else []
    together = [*size, *([f"AUC {words}"] if words != "-" else [])]
    return [", ".join(together)] if together else []


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


def _place(ratio: float, reach: float, width: int) -> int:
    return round((math.log(ratio) / reach + 1) / 2 * (width - 1))


def _scale(reach: float, width: int) -> str:
    """Return the line above the bars: a ratio at each end, 1 in the middle."""
    left, right = format_ratio(math.exp(-reach)), format_ratio(math.exp(reach))
    middle = width // 2
    return f"{left}{'1'.rjust(middle + 1 - len(left))}{right.rjust(width - middle - 1)}"


def _bar(pair: Comparison, reach: float, width: int) -> str:
    """Return ``├──●──┤``, with the noise floor as ``░`` around 1."""
    if pair.difference is None:
        return ""
    cells = [" "] * width
    if pair.noise_floor:
        first, last = (_place(ratio, reach, width) for ratio in (1 / (1 + pair.noise_floor), 1 + pair.noise_floor))
        for place in range(max(first, 0), min(last, width - 1) + 1):
            cells[place] = "░"
    cells[width // 2] = "┊"
    where = pair.difference.interval
    if where is not None:
        first, last = _place(where.low, reach, width), _place(where.high, reach, width)
        cells[first : last + 1] = ["─"] * (last + 1 - first)
        cells[first], cells[last] = "├", "┤"
    cells[_place(pair.difference.ratio, reach, width)] = "●"
    return "".join(cells)


def _of_runs(pairs: Sequence[Comparison]) -> Iterator[str]:
    """Yield what happened to a device as a whole, and what its earlier runs say of that."""
    usual = {True: ", more than its runs usually differ", False: ", as its runs usually differ", None: ""}
    shifts = {(pair.b.device, pair.a.run): pair for pair in pairs if pair.device_shift is not None}
    for (device, run), pair in sorted(shifts.items()):
        words = speedup_words(1 / (pair.device_shift or 1.0))
        if words == SAME:
            yield f"{device}: all cases together took as long as in run {run}"
        else:
            unusual = usual[pair.shift_is_unusual]
            yield f"{device}: all cases together are {words} than in run {run}{unusual}; that is taken out of each row"
    for device in sorted({pair.b.device for pair in pairs if pair.earlier_runs}):
        most = max(pair.earlier_runs for pair in pairs if pair.b.device == device)
        yield f"{device}: what {most} earlier runs differ by without a change is in the intervals"


def _below(pairs: Sequence[Comparison]) -> Iterator[str]:
    tested = sum(not pair.blockers for pair in pairs)
    kinds = " and ".join(sorted({pair.compared for pair in pairs}))
    level = f"{significance.LEVEL:.0%} of {'tables' if tested > 1 else 'comparisons'} like this"
    threshold = next((pair.threshold for pair in pairs if pair.threshold), 0.0)
    beyond = f" of more than {percent(threshold)}" if threshold else ""
    yield f"time: {kinds}, left of 1 is faster; chance alone makes a difference{beyond} in at most {level}"
    yield from _of_runs(pairs)
    if any(pair.verdict == significance.NOTHING_SEEN for pair in pairs):
        yield "no difference (N % would show): the smallest one that this table would have called one"
    floors = {device: floor for pair in pairs for device, floor in pair.floors.items()}
    for device, floor in sorted(floors.items()):
        yield (
            f"{device}: no noise floor is known; farm devices calibrate {device} measures it"
            if floor is None
            else f"{device}: two measurements of the same thing differ by up to {floor:.1%} (noise floor, ░)"
        )
    cases_by_line: dict[str, list[str]] = {}
    for pair in pairs:
        for line in (*(f"{pair.verdict}: {why}" for why in pair.blockers), *pair.notes):
            cases_by_line.setdefault(line, []).append(pair.b.case)
    for line, cases in cases_by_line.items():
        yield line if len(cases) == len(pairs) or cases[0] in line else f"{', '.join(cases)}: {line}"
