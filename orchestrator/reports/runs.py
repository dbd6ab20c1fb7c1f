"""Runs as a table that people like to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.markup import escape
from rich.table import Table

from orchestrator.reports.whole_table import print_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from orchestrator.store.rows import RunRow


def show(rows: Sequence[RunRow], console: Console) -> None:
    """Print one line for each run; its id begins with when it started, and its name follows below it."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("run (UTC)", no_wrap=True)
    for name in ("effort", "dataset", "devices"):
        table.add_column(name, overflow="fold")
    table.add_column("cases", justify="right", no_wrap=True)
    table.add_column("verdicts", no_wrap=True)
    table.add_column("exit", justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            row.id if row.name is None else f"{row.id}\n{escape(row.name)}",
            row.effort,
            escape(row.dataset) + (" (synthetic)" if row.synthetic else ""),
            escape(", ".join(row.devices)) or "-",
            str(row.cases),
            "\n".join(f"{count} {verdict}" for verdict, count in sorted(row.verdicts.items())) or "-",
            "-" if row.exit_status is None else str(row.exit_status),
        )
    print_whole(table, console)
    if any(row.exit_status is None for row in rows):
        console.print("\nexit -: goes on elsewhere, or was broken off and waits for farm run --resume", soft_wrap=True)
