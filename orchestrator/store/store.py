"""The results database of one URL, opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from orchestrator.store import engine as engines
from orchestrator.store import migrate, schema
from orchestrator.store.queries import Queries
from orchestrator.store.writer import Writer

if TYPE_CHECKING:
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

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()
