"""The events of a run on their way into the store, or into a file while its database is out of reach."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orchestrator.domain.run_event import DatabaseBack, DatabaseLost
from orchestrator.errors import StoreError, StoreUnavailable
from orchestrator.store.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from orchestrator.domain.event import Event
    from orchestrator.store.store import Store

#: Between two tries to reach the database again; the pause doubles from the first to the last.
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0


class Recorder:
    """Stores events before anybody sees them; ``folder`` is for the file in which they wait.

    ``conceal`` returns an event as it is stored. ``clock`` and ``sleep`` are in seconds.
    """

    def __init__(
        self,
        store: Store,
        folder: Path,
        run: str,
        *,
        conceal: Callable[[Event], Event] = lambda event: event,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._store, self._folder, self._run = store, folder, run
        self._conceal = conceal
        self._clock, self._sleep = clock, sleep
        self._spool: Spool | None = None
        self._pause_s, self._next_try_at = FIRST_PAUSE_S, 0.0
        self._reason = ""

    @property
    def is_away(self) -> bool:
        """Whether events wait for the database."""
        return self._spool is not None

    def record(self, events: Sequence[Event]) -> Iterator[Event]:
        """Store ``events``, or write them where they wait; then yield them with what became of the database.

        Raises `StoreError` where neither is possible.
        """
        lost: tuple[Event, ...] = ()
        stored = tuple(map(self._conceal, events))
        if self._spool is None:
            try:
                self._store.record(*stored)
            except StoreUnavailable as error:
                lost = (self.lose(error),)
        if self._spool is not None:
            self._spool.write((*lost, *stored))
        yield from (*lost, *events)
        if self._spool is not None and self._clock() >= self._next_try_at:
            back = self._return()
            if back is not None:
                yield from self.record((back,))

    def lose(self, error: StoreUnavailable) -> DatabaseLost:
        """Begin to let events wait in a file, and return what is to be recorded first. Raises `StoreError`."""
        try:
            self._spool = Spool.open(self._folder, self._run, self._store.name)
        except StoreError as refused:
            message = f"{error.message}; what happens can't wait in a file either: {refused.message}"
            raise StoreError(message, hint=error.hint) from error
        self._reason, self._pause_s = error.message, FIRST_PAUSE_S
        self._next_try_at = self._clock() + self._pause_s
        return DatabaseLost(run=self._run, reason=error.message, file=str(self._spool.path))

    def wait(self, patience_s: float) -> DatabaseBack | None:
        """Wait until the database is back, for ``patience_s`` at most; return what is to be recorded then.

        Raises `StoreUnavailable` where it stays away.
        """
        end = self._clock() + patience_s
        while self._spool is not None:
            back = self._return()
            if back is not None:
                return back
            left_s = end - self._clock()
            if left_s <= 0:
                raise StoreUnavailable(
                    f"the results database is still out of reach: {self._reason}; "
                    f"what happened since waits in {self._spool.path}",
                    hint=f"once it is back: farm run --resume {self._run}",
                )
            self._sleep(min(self._pause_s, left_s))
        return None

    def _return(self) -> DatabaseBack | None:
        """Store what waits, where the database is back."""
        assert self._spool is not None  # noqa: S101  the callers looked
        try:
            count = self._spool.drain(self._store)
        except StoreUnavailable as error:
            self._reason = error.message
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            self._next_try_at = self._clock() + self._pause_s
            return None
        self._spool = None
        return DatabaseBack(run=self._run, events=count)

    def close(self) -> None:
        """Leave what waits where it is."""
        if self._spool is not None:
            self._spool.close()
            self._spool = None
