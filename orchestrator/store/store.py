"""The results database of one URL, opened."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from orchestrator.store import engine as engines
from orchestrator.store import migrate
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
    def open(cls, url: str) -> Self:
        """Open the database at ``url``, creating its schema when it is new; raises `StoreError`."""
        engine = engines.connect(url)
        try:
            migrate.ensure(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    def close(self) -> None:
        """Give all connections back."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()
