"""A table on a narrow terminal, with every figure whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.measure import Measurement

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

#: More columns than any table needs.
UNLIMITED = 10_000
#: A longer word than this, such as a path, may be broken.
LONGEST_WORD = 20


def print_whole(table: Table, console: Console) -> None:
    """Print ``table`` in the terminal's width, or wider where figures would be cut off or words broken."""
    options = console.options.update_width(UNLIMITED)
    for column in table.columns:
        sizes = [Measurement.get(console, options, cell) for cell in (column.header, *column.cells)]
        longest = min(max(size.minimum for size in sizes), LONGEST_WORD)
        column.min_width = max(size.maximum for size in sizes) if column.no_wrap else longest
    least = console.measure(table, options=options).minimum
    if least > console.width:
        table.width = least
    console.print(table, crop=False)
