"""A case run by run: a bar for each, a word where it changed."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from rich import box
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from orchestrator.analysis.significance import FASTER, SLOWER
from orchestrator.domain.units import format_ns
from orchestrator.reports.difference_words import SAME, speedup_words, time_words
from orchestrator.reports.whole_table import print_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import Console

    from orchestrator.analysis.history import Point

#: Of a bar, in a terminal wide enough for it and in a narrow one.
WIDTH, NARROW, LEAST_FOR_WIDE = 25, 11, 90
COLOURS = {FASTER: "green", SLOWER: "red"}


def show(points: Sequence[Point], console: Console) -> None:
    """Print a line for each run, the oldest first, then what changed with each change."""
    console.print(f"[bold]{escape(points[0].row.case)}[/], {len(points)} run{'s' if len(points) > 1 else ''}")
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("run", no_wrap=True, style="bold")
    table.add_column("p50", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("change", overflow="fold")
    width = WIDTH if console.width >= LEAST_FOR_WIDE else NARROW
    ends = [end for point in points for end in _ends(point)]
    for point in points:
        row = point.row
        word = point.change.verdict if point.change else ""
        table.add_row(
            escape(row.run),
            format_ns(row.p50_ns) if row.p50_ns else "-",
            _bar(point, min(ends), max(ends), width) if ends and row.p50_ns else "",
            Text(
                _words(point).replace(" (", "\n(") if width == NARROW else _words(point), style=COLOURS.get(word, "dim")
            ),
        )
    print_whole(table, console)
    for line in _explained(points):
        console.print(escape(line))


def as_json(points: Sequence[Point]) -> str:
    """Return a list of objects, the oldest first; docs/results.md explains the keys."""
    return json.dumps([_plain(point) for point in points], indent=2)


def _plain(point: Point) -> dict[str, Any]:
    change = point.change
    found = change.difference if change else None
    return {
        "run": point.row.run,
        "started_at": point.started_at.isoformat(),
        "p50_ns": point.row.p50_ns,
        "p50_low_ns": point.row.p50_low_ns,
        "p50_high_ns": point.row.p50_high_ns,
        "auc_mean": point.row.auc_mean,
        "verdict": point.row.verdict,
        "change": change.verdict if change else None,
        "speedup": found.speedup if found else None,
        "speedup_low": found.speedup_interval.low if found else None,
        "speedup_high": found.speedup_interval.high if found else None,
        "device_shift": change.device_shift if change else None,
        "notes": [*change.blockers, *change.notes] if change else [],
    }


def _words(point: Point) -> str:
    if point.change is None:
        return ""
    text = time_words(point.change)
    return f"{text}, INVALID" if point.row.verdict == "INVALID" else text


def _explained(points: Sequence[Point]) -> Iterator[str]:
    """Yield what is known to have changed where the case did, and where runs could not be compared."""
    for point in points:
        change = point.change
        if change is None or not (point.changed or change.blockers):
            continue
        notes = [*change.blockers, *(note for note in change.notes if "→" in note or "artifact" in note)]
        if change.device_shift is not None and (words := speedup_words(1 / change.device_shift)) != SAME:
            notes.append(f"all cases together are {words}; that is taken out")
        yield f"{point.row.run}: {'; '.join(notes) or 'nothing that is recorded changed with it'}"


def _ends(point: Point) -> list[float]:
    row = point.row
    return [value for value in (row.p50_ns, row.p50_low_ns, row.p50_high_ns) if value]


def _bar(point: Point, low: float, high: float, width: int) -> str:
    """Return ``├●┤`` on a logarithmic scale from ``low`` to ``high``, one of at least a tenth."""
    reach = max(math.log(high / low), math.log(1.1))
    places = [round((math.log(value / low) / reach) * (width - 1)) for value in _ends(point)]
    cells = [" "] * width
    for place in range(min(places), max(places) + 1):
        cells[place] = "─"
    cells[min(places)], cells[max(places)] = "├", "┤"
    cells[places[0]] = "●"
    return "".join(cells)
