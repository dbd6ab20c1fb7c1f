"""Answers to a person's own SELECT, which can change nothing."""

from __future__ import annotations

import json
import math
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from orchestrator.errors import UsageError
from orchestrator.store import exceptions, views

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Engine

    #: What a table, JSON and CSV can show.
    Value = str | int | float | bool | None

HINT = f"the views {', '.join(views.NAMES)} have the results; docs/sql.md has their columns"
ONE_SELECT = "one SELECT (or WITH … SELECT, or VALUES)"
#: What reading takes; everything else is refused while a statement is prepared.
_READS = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE)
#: Steps of SQLite between two looks at whether Ctrl-C was pressed: some milliseconds.
_STEPS = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The rows of a SELECT; ``more`` are there where a limit cut them."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]
    more: bool


def ask(engine: Engine, statement: str, limit: int | None = None) -> Answer:
    """Return what one SELECT answers, at most ``limit`` rows of it.

    Raises `UsageError` with the database's own words for any other statement and for wrong SQL, `StoreError` where the database
    fails.
    """
    kind = _postgresql if engine.dialect.name == "postgresql" else _sqlite
    with engine.connect() as connection, connection.begin() as transaction:
        try:
            columns, rows = kind(connection, statement, None if limit is None else limit + 1)
        finally:
            transaction.rollback()
    shown = tuple(tuple(map(_plain, row)) for row in rows[:limit])
    return Answer(columns=tuple(_unique(columns)), rows=shown, more=limit is not None and len(rows) > limit)


def _sqlite(connection: Connection, statement: str, most: int | None) -> tuple[list[str], list[Any]]:
    driver: Any = connection.connection.driver_connection

    def authorize(action: int, _first: object, second: object, *_: object) -> int:
        is_read = action in _READS and str(second).lower() != "load_extension"
        return sqlite3.SQLITE_OK if is_read else sqlite3.SQLITE_DENY

    driver.execute("PRAGMA query_only=ON")
    driver.set_authorizer(authorize)
    # Python handles Ctrl-C between its own steps alone: without this one a long statement can't be ended.
    driver.set_progress_handler(lambda: 0, _STEPS)
    try:
        cursor = driver.execute(statement)
        if cursor.description is None:
            raise UsageError(f"only {ONE_SELECT} is answered", hint=HINT)
        rows = cursor.fetchall() if most is None else cursor.fetchmany(most)
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise _refused(connection, error) from error
    finally:
        driver.set_progress_handler(None, 0)
        driver.set_authorizer(None)
        driver.execute("PRAGMA query_only=OFF")
    return [column[0] for column in cursor.description], rows


def _postgresql(connection: Connection, statement: str, most: int | None) -> tuple[list[str], list[Any]]:
    import psycopg

    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        try:
            cursor.execute("SET TRANSACTION READ ONLY")
            # A cursor takes nothing but a query, and what is prepared is one statement.
            cursor.execute(f"DECLARE farm_sql NO SCROLL CURSOR FOR {statement}", prepare=True)
            cursor.execute("FETCH ALL FROM farm_sql" if most is None else f"FETCH {int(most)} FROM farm_sql")
            return [column.name for column in cursor.description], cursor.fetchall()
        except psycopg.Error as error:
            raise _refused(connection, error) from error


def _refused(connection: Connection, error: Exception) -> Exception:
    """Return the user's mistake, or what is wrong with the database."""
    words = str(error).strip().partition("\n")[0]
    state, code = getattr(error, "sqlstate", None), getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_AUTH or state in {"25006", "42601", "0A000"} or isinstance(error, sqlite3.Warning):
        return UsageError(f"only {ONE_SELECT} is answered: {words}", hint=HINT)
    if (state or "").startswith(("22", "42")) or code in {None, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH}:
        return UsageError(f"the database refuses the SQL: {words}", hint=HINT)
    return exceptions.translate(connection.engine.url, error)


def _plain(value: Any) -> Value:
    """Return a value as people and programs read it, the same of every database; of a blob its size."""
    if isinstance(value, bytes | memoryview):
        return f"{len(value)} bytes"
    if isinstance(value, Decimal | float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"  # JSON has no such numbers
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if value is None or isinstance(value, str | int | float):
        return value
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


def _unique(names: Sequence[str]) -> list[str]:
    """Return names that differ: a join may have two columns of one name."""
    found: list[str] = []
    for name in names:
        number = 2
        unique = name
        while unique in found:
            unique, number = f"{name}_{number}", number + 1
        found.append(unique)
    return found
