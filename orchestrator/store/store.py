"""The results database of one URL, opened."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from sqlalchemy.orm import Session

from orchestrator.store import engine as engines
from orchestrator.store import migrate, schema
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
    def open(cls, url: str, *, create: bool = True) -> Self:
        """Open the database at ``url``; raises `StoreError`.

        A new one is created, or without ``create`` left alone: what is opened then is empty and in memory.
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
            schema.Base.metadata.create_all(engine)
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

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()
