"""``farm results sql``: a SELECT of one's own, which can change nothing."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.context import Db, InventoryFile, Json, console, errors_console, existing_store

if TYPE_CHECKING:
    from orchestrator.store.sql import Answer, Value

EPILOG = """Examples:

\b
  farm results sql "SELECT device, scheme, p50_ns FROM v_results WHERE is_current"
  farm results sql "SELECT * FROM v_attempts" --format csv > attempts.csv"""
#: Rows of a table; programs get all.
PAGE = 200
#: A table of more that does not fit the terminal is printed as lists.
MOST_COLUMNS = 8
#: Numbers from here on are shown without decimals.
WHOLE = 1e5


class Format(Enum):
    """What is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def sql(
    statement: Annotated[str, typer.Argument(metavar="SELECT", help="One SELECT; docs/sql.md has the views.")],
    form: Annotated[Format, typer.Option("--format", help="Print a table, CSV or JSON.")] = Format.TABLE,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help=f"At most N rows (default: {PAGE} of a table, else all).")
    ] = None,
    *,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Ask the database in SQL.

    Reads only: a statement that would change something is refused.
    """
    chosen = Format.JSON if json else form
    most = PAGE if limit is None and chosen is Format.TABLE else limit
    with existing_store(db, inventory) as store:
        answer = store.sql(statement, most)
    if chosen is Format.TABLE:
        _print_table(answer)
    else:
        typer.echo(_as_csv(answer) if chosen is Format.CSV else _as_json(answer), nl=chosen is Format.JSON)
    if answer.more:
        text = f"the first {len(answer.rows)} rows; narrow the question with WHERE, or ask for more: --limit N"
        errors_console().print(text, soft_wrap=True)


def _print_table(answer: Answer) -> None:
    """Print rows below each other, or where they are too wide and too many columns, each as a list of its own."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from orchestrator.reports.whole_table import UNLIMITED, print_whole

    screen = console()
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for place, name in enumerate(answer.columns):
        numbers = all(isinstance(row[place], int | float | None) for row in answer.rows)
        table.add_column(Text(name), justify="right" if numbers else "left", no_wrap=numbers, overflow="fold")
    for row in answer.rows:
        table.add_row(*(Text(_shown(value)) for value in row))
    width = screen.measure(table, options=screen.options.update_width(UNLIMITED)).maximum
    if width <= screen.width or len(answer.columns) <= MOST_COLUMNS:
        print_whole(table, screen)
        return
    longest = max(map(len, answer.columns))
    for number, row in enumerate(answer.rows, 1):
        screen.print(Text(f"row {number}", style="bold"))
        for name, value in zip(answer.columns, row, strict=True):
            screen.print(Text(f"  {name.ljust(longest)}  {_shown(value)}"), soft_wrap=True)


def _shown(value: Value) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if abs(value) >= WHOLE else f"{value:.6g}"
    return "" if value is None else str(value)


def _as_json(answer: Answer) -> str:
    import json

    return json.dumps([dict(zip(answer.columns, row, strict=True)) for row in answer.rows], indent=2)


def _as_csv(answer: Answer) -> str:
    from orchestrator.errors import printable
    from orchestrator.exchange.tables import csv_line

    lines = (csv_line(row) for row in (answer.columns, *answer.rows))
    return printable("".join(line.removesuffix("\r\n") + "\n" for line in lines))
