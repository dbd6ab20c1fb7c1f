"""Values in a SQLite file that no column can have: SQLite keeps whatever it is given."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, Boolean, DateTime, Float, Integer, LargeBinary, String, Text, TypeDecorator
from sqlalchemy.dialects import sqlite

from orchestrator.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Column, Dialect, Engine, Table

HINT = "farm db check lists what is damaged; restore a copy of the file, or correct the rows with sqlite3"
#: What a column of a type may hold, in SQL; ``{}`` is the column.
_FITS: dict[type, tuple[str, str]] = {
    Boolean: ("{} IN (0, 1)", "true or false"),
    Integer: ("typeof({}) = 'integer'", "a whole number"),
    Float: ("typeof({}) IN ('real', 'integer')", "a number"),
    DateTime: ("typeof({}) = 'text' AND julianday({}) IS NOT NULL", "a moment"),
    JSON: ("typeof({}) != 'blob' AND json_valid({})", "JSON"),
    LargeBinary: ("typeof({}) = 'blob'", "bytes"),
    String: ("typeof({}) = 'text'", "text"),
}


def odd_values(path: Path, tables: tuple[Table, ...]) -> Iterator[str]:
    """Yield a sentence for each value in ``path`` that its column can't have: table, column, row. Raises `sqlite3.Error`."""
    with closing(sqlite3.connect(path.absolute().as_uri() + "?mode=ro", uri=True)) as connection:
        connection.text_factory = lambda raw: raw.decode(errors="replace")
        for table in tables:
            key = " || '/' || ".join(f'"{column.name}"' for column in table.primary_key)
            for column in table.columns:
                fits, what = _rule(column)
                name = f'"{column.name}"'
                query = (
                    f'SELECT {key}, typeof({name}) FROM "{table.name}" '  # noqa: S608  names of our own
                    f"WHERE {name} IS NOT NULL AND NOT ifnull({fits.replace('{}', name)}, 0)"
                )
                for row, kind in connection.execute(query):
                    yield f"table {table.name}, column {column.name}, row {row}: {what} is expected, not this {kind}"


def guard(engine: Engine, path: Path, tables: Callable[[], tuple[Table, ...]]) -> None:
    """Let ``engine`` raise `StoreError` with table, column and row where it reads a value that its column can't have."""

    def damaged(value: Any) -> Any:
        """Raise; or return a value that is no column's, such as one that a query computes."""
        try:
            found = list(itertools.islice(odd_values(path, tables()), 2))
        except sqlite3.Error as error:
            found = [str(error)]
        if found:
            more = ", and there is more" if len(found) > 1 else ""
            raise StoreError(f"{path}: the database is damaged: {found[0]}{more}", hint=HINT) from None
        return value

    engine.dialect.colspecs = {**engine.dialect.colspecs, **_checked_types(damaged)}


def _rule(column: Column[Any]) -> tuple[str, str]:
    kind = column.type.impl if isinstance(column.type, TypeDecorator) else column.type
    return next((_FITS[base] for base in type(kind).__mro__ if base in _FITS), ("1", "anything"))


def _checked_types(damaged: Callable[[Any], Any]) -> dict[type[Any], type[Any]]:
    """Return the types that check what they read, by the types that they are for."""

    def checked(base: type[Any], *kinds: type) -> type[Any]:
        def result_processor(self: Any, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
            read = base.result_processor(self, dialect, coltype)

            def process(value: Any) -> Any:
                if value is None:
                    return None
                if type(value) not in kinds:
                    return damaged(value)
                try:
                    return value if read is None else read(value)
                except (ValueError, TypeError, OverflowError):
                    return damaged(value)

            return process

        return type(f"Checked{base.__name__}", (base,), {"result_processor": result_processor, "cache_ok": True})

    return {
        Boolean: checked(Boolean, int),
        Integer: checked(Integer, int),
        Float: checked(Float, float, int),
        String: checked(String, str),
        Text: checked(Text, str),
        LargeBinary: checked(LargeBinary, bytes),
        DateTime: checked(sqlite.DATETIME, str, datetime),
        JSON: checked(sqlite.JSON, str, int, float),  # SQLite keeps a number as one
    }
