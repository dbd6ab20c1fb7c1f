"""Statements that SQLite shares with PostgreSQL, beyond what SQLAlchemy has one form for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Table


def insert_new(connection: Connection, table: Table) -> Any:
    """Return an INSERT that leaves a row of the same identity as it is."""
    return _insert(connection, table).on_conflict_do_nothing()


def insert_or_update(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *columns: str) -> None:
    """Insert ``rows``; of those whose primary key is there, write ``columns`` anew, or all that ``rows`` have."""
    statement = _insert(connection, table)
    key = [column.name for column in table.primary_key]
    written = columns or tuple(name for name in rows[0] if name not in key)
    changes = {name: statement.excluded[name] for name in written}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changes), rows)


def _insert(connection: Connection, table: Table) -> Any:
    return import_module(f"sqlalchemy.dialects.{connection.dialect.name}").insert(table)  # of the one that is loaded
