"""The results database of one URL, opened."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy.orm import Session

from orchestrator.domain.units import format_bytes
from orchestrator.store import engine as engines
from orchestrator.store import migrate, pruning, schema, turns, views
from orchestrator.store.queries import Queries
from orchestrator.store.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from sqlalchemy import Engine


class Store(Queries, Writer):
    """The results database: its queries and its writer on one engine. Not shared between threads."""

    def __init__(self, engine: Engine) -> None:
        Queries.__init__(self, engine)
        Writer.__init__(self, engine)
        self._engine = engine

    @classmethod
    def open(cls, url: str, *, create: bool = True, read_only: bool = False) -> Self:
        """Open the database at ``url``; raises `StoreError`.

        A new one is created, or without ``create`` left alone: what is opened then is empty and in memory. One that is
        ``read_only`` refuses to write.
        """
        engine = engines.connect(url, create=create)
        try:
            is_there = migrate.ensure(engine, create=create)
        except BaseException:
            engine.dispose()
            raise
        if not is_there:
            engine.dispose()
            engine = engines.connect("sqlite://")
            with engine.begin() as connection:
                schema.Base.metadata.create_all(connection)
                views.create(connection)
        if read_only:
            engines.refuse_writes(engine)
        return cls(engine)

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Yield a session that sees the database as it is at one moment, whatever others write meanwhile."""
        postgresql = self._engine.dialect.name == "postgresql"
        options = {"isolation_level": "REPEATABLE READ"} if postgresql else {}
        with self._engine.connect().execution_options(**options) as connection, connection.begin():
            yield Session(bind=connection)

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Yield a session whose changes are committed together at the end, or not at all."""
        with self._transaction() as connection:
            session = Session(bind=connection)
            yield session
            session.flush()
        self._cases.forget()

    @contextmanager
    def following(self, run: str, *, wait_s: float = 0.0) -> Iterator[bool]:
        """Yield whether ``run`` is this process's to store until the end, False where another process stores it for ``wait_s``."""
        with turns.turn(self._engine, run, wait_s) as is_ours:
            yield is_ours

    def samples_pruned(self, run: str) -> bool:
        """Return whether samples of the run were pruned, so that nothing can be derived from them again."""
        with self.reading() as session:
            return pruning.are_pruned(session, run)

    def reclaim(self) -> str:
        """Give the space of deleted rows back to the disk where that is ours to do; return what came of it, for people."""
        if self._engine.dialect.name != "sqlite":
            return "; PostgreSQL's autovacuum gives the space to what comes next"
        connection = self._engine.raw_connection()
        try:
            before = _file_bytes(connection)
            connection.cursor().execute("VACUUM")
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return f"; the file had {format_bytes(before)}, it has {format_bytes(_file_bytes(connection))}"
        except sqlite3.OperationalError as error:  # somebody else reads, or the disk lacks room for the copy
            return f"; its space is used again, but not given back to the disk: {error}"
        finally:
            connection.close()

    @property
    def name(self) -> str:
        """What names the database whoever asks; it shows no user and no password."""
        return engines.name_of(self._engine.url)

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()


def _file_bytes(connection: Any) -> int:
    pages, page_bytes = (
        connection.cursor().execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size")
    )
    return int(pages * page_bytes)
