"""A database copied into another one, of the same kind or not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Integer, MetaData, Table, Text, func, insert, inspect, select, text, tuple_, update

from orchestrator.errors import StoreError
from orchestrator.store import engine as engines
from orchestrator.store import migrate, schema
from orchestrator.store.digest import Digest, digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Connection, Engine, Row

TABLES = tuple(schema.Base.metadata.sorted_tables)
#: In the target while a copy into it is not finished: how far each table is copied.
PROGRESS = Table(
    "farm_copy",
    MetaData(),
    Column("table", Text, primary_key=True),
    Column("source", Text, nullable=False),
    #: the primary key of the last row that was copied, as JSON
    Column("last", Text),
    Column("rows", Integer, nullable=False),
)
#: Of one transaction.
_BYTES, _ROWS = 8_000_000, 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """A table that is the same in both databases."""

    table: str
    digest: Digest


def copy(source: Engine, target: Engine, show: Callable[[str], None] = lambda _: None) -> tuple[Copied, ...]:
    """Copy everything of ``source`` into ``target`` and compare both; a copy that was interrupted goes on.

    ``show`` gets the name of each table before it is copied. The source is read as it is at one moment. Raises
    `StoreError` where the source has another schema, where the target has other content, which is left as it is, and
    where the two differ in the end.
    """
    name = engines.name_of(source.url)
    if name == engines.name_of(target.url):
        raise StoreError("source and target are one database", hint="name another target")
    if not migrate.ensure(source, create=False):
        raise StoreError(f"{name}: there is no database of farm's", hint="name another: --db")
    with _snapshot(source) as reading:
        if _is_there_already(reading, target):
            return _verified(reading, target)
        _begin(target, name)
        for table in TABLES:
            show(table.name)
            _copy_table(reading, target, table)
        with target.connect().execution_options(writes=True) as writing, writing.begin():
            _count_on(writing)
        copied = _verified(reading, target)
    _finish(target)
    return copied


def _snapshot(source: Engine) -> Connection:
    """Return a connection that sees the database as it is at one moment: it never commits."""
    options = {"isolation_level": "REPEATABLE READ"} if source.dialect.name == "postgresql" else {}
    return source.connect().execution_options(**options)


def _is_there_already(reading: Connection, target: Engine) -> bool:
    """Return whether the target holds all of the source and no copy is under way.

    Raises `StoreError` where it holds anything else.
    """
    with target.connect() as connection:
        tables = set(inspect(connection).get_table_names())
        if PROGRESS.name in tables or not tables:
            return False
        migrate.refuse_foreign(connection)
        revision = migrate.current(connection)
        if revision is None:  # a PostgreSQL database may be shared
            return False
        if revision != migrate.NEWEST:
            raise StoreError(
                f"{engines.name_of(target.url)}: the database has schema {revision}, a copy needs {migrate.NEWEST}",
                hint="name an empty database",
            )
        if not any(connection.execute(select(table).limit(1)).first() for table in TABLES):
            return False
        if any(digest_of(reading, table) != digest_of(connection, table) for table in TABLES):
            raise StoreError(
                f"{engines.name_of(target.url)}: the database holds other results, which a copy would overwrite",
                hint="name an empty database",
            )
    return True


def _begin(target: Engine, source: str) -> None:
    """Make the tables of the target, marked as those of a copy, or find the mark of this copy."""
    with target.connect() as connection:
        is_marked = inspect(connection).has_table(PROGRESS.name)
        begun = connection.execute(select(PROGRESS.c.source)).scalars().first() if is_marked else None
    if begun not in (None, source):
        raise StoreError(
            f"{engines.name_of(target.url)}: a copy of another database, {begun}, is not finished there",
            hint="finish that one, or name an empty database",
        )
    if begun is None:
        migrate.upgrade(target)
        with target.connect().execution_options(writes=True) as connection, connection.begin():
            PROGRESS.create(connection, checkfirst=True)
            rows = [{"table": table.name, "source": source, "last": None, "rows": 0} for table in TABLES]
            connection.execute(insert(PROGRESS), rows)
            migrate.stamp(connection, migrate.COPYING)  # no other command takes it for a whole one


def _copy_table(reading: Connection, target: Engine, table: Table) -> None:
    key = list(table.primary_key)
    with target.connect() as connection:
        last = connection.execute(select(PROGRESS.c.last).where(PROGRESS.c.table == table.name)).scalar_one()
    query = select(table).order_by(*key)
    if last is not None:
        query = query.where(tuple_(*key) > tuple_(*json.loads(last)))
    for rows in _batches(reading.execute(query, execution_options={"yield_per": 100})):
        values = [row._asdict() for row in rows]
        reached = json.dumps([values[-1][column.name] for column in key])
        with target.connect().execution_options(writes=True) as writing, writing.begin():
            writing.execute(insert(table), values)
            writing.execute(
                update(PROGRESS)
                .where(PROGRESS.c.table == table.name)
                .values(last=reached, rows=PROGRESS.c.rows + len(values))
            )


def _batches(rows: Any) -> Iterator[Sequence[Row[Any]]]:
    batch: list[Row[Any]] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(len(value) for value in row if isinstance(value, bytes | str))
        if len(batch) >= _ROWS or size >= _BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _count_on(connection: Connection) -> None:
    """Let PostgreSQL number new rows after those that were copied with their numbers."""
    if connection.dialect.name != "postgresql":
        return
    for table in TABLES:
        column = table.autoincrement_column
        if column is not None:
            largest = connection.execute(select(func.max(column))).scalar()
            sequence = connection.execute(
                text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table.name, "column": column.name}
            ).scalar()
            if largest is not None and sequence is not None:
                connection.execute(
                    text("SELECT setval(:sequence, :largest)"), {"sequence": sequence, "largest": largest}
                )


def _verified(reading: Connection, target: Engine) -> tuple[Copied, ...]:
    """Return the digests of all tables; raises `StoreError` where those of the two databases differ."""
    copied = []
    with target.connect() as connection:
        for table in TABLES:
            ours, theirs = digest_of(reading, table), digest_of(connection, table)
            if ours != theirs:
                raise StoreError(
                    f"table {table.name} differs: {ours.rows} rows in the source, {theirs.rows} in the target; "
                    "the source changed since the copy began, or another program wrote to the target",
                    hint="empty the target, then copy again",
                )
            copied.append(Copied(table=table.name, digest=ours))
    return tuple(copied)


def _finish(target: Engine) -> None:
    with target.connect().execution_options(writes=True) as connection, connection.begin():
        PROGRESS.drop(connection)
        migrate.stamp(connection, migrate.NEWEST)
