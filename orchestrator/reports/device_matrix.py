"""Devices against schemes, each cell a figure, how it differs from float32, a verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from orchestrator.analysis import significance
from orchestrator.domain.units import format_ns
from orchestrator.reports.reason_lines import COLOURS
from orchestrator.reports.whole_table import print_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from orchestrator.analysis.table_rows import TableRow
    from orchestrator.store.rows import ResultRow

#: What stands behind a figure whose verdict is WARN.
WARNED = "*"
_NOTE = f"{WARNED} WARN; ×: as fast as float32 so many times, = no difference, ? can't tell"


def show(rows: Sequence[TableRow], console: Console) -> None:
    """Print a matrix for each model, nothing where there is one device only."""
    if len({each.row.device for each in rows}) < 2:
        return
    for model in dict.fromkeys(each.row.model for each in rows):
        of_model = [each for each in rows if each.row.model == model]
        console.print(f"[bold]{escape(model)}[/], every device")
        print_whole(_matrix(of_model), console)
    console.print(f"[dim]{_NOTE}[/]")
    console.print()


def _matrix(rows: Sequence[TableRow]) -> Table:
    schemes = list(dict.fromkeys(each.row.scheme for each in rows))
    varied = [name for name in ("runtime", "threads", "batch", "interpreters") if _differs(rows, name)]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("device", style="bold", overflow="fold")
    for scheme in schemes:
        table.add_column(scheme, no_wrap=True)
    lines: dict[str, dict[str, TableRow]] = {}
    for each in rows:
        lines.setdefault(_label(each.row, varied), {})[each.row.scheme] = each
    for label, cells in lines.items():
        table.add_row(Text(label), *(_cell(cells.get(scheme)) for scheme in schemes))
    return table


def _differs(rows: Sequence[TableRow], name: str) -> bool:
    return len({getattr(each.row, name) for each in rows}) > 1


def _label(row: ResultRow, varied: Sequence[str]) -> str:
    """Return the device with what tells its lines apart: ``pi5 litert t4``."""
    letters = {"runtime": "", "threads": "t", "batch": "b", "interpreters": "x"}
    return " ".join([row.device, *(f"{letters[name]}{getattr(row, name)}" for name in varied)])


def _cell(each: TableRow | None) -> Text:
    if each is None:
        return Text("-", style="dim")
    row = each.row
    if row.verdict == "INVALID":
        return Text(row.verdict, style=COLOURS[row.verdict])
    figure = f"{row.images_per_s:,.1f}/s" if row.images_per_s else "-" if row.p50_ns is None else format_ns(row.p50_ns)
    warned = WARNED if row.verdict == "WARN" else ""
    return Text(f"{figure}{_speed(each)}{warned}", style=COLOURS.get(row.verdict, ""))


def _speed(each: TableRow) -> str:
    pair = each.against
    if pair is None or pair.difference is None or pair.blockers:
        return ""
    if pair.verdict in (significance.FASTER, significance.SLOWER):
        speedup = pair.difference.speedup
        return f" {speedup:.{2 if speedup < 1 else 1}f}×"
    return " =" if pair.verdict == significance.NOTHING_SEEN else " ?"
