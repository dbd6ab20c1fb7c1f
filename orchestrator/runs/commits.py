"""Lanes whose journals are stored to their ends."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from orchestrator.devices.remote.upkeep import note_stored
from orchestrator.domain.event import LaneEnded
from orchestrator.errors import FarmError

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from orchestrator.devices.remote.client import AgentClient
    from orchestrator.domain.event import Event

    T = TypeVar("T")

#: So long a device waits for the store. One that takes longer has the journal all the same; the device does not know, and keeps its copy.
PATIENCE_S = 10.0


class Commits:
    """What the writer of a run has stored, as far as the threads of its devices ask."""

    def __init__(self) -> None:
        self._lanes: set[str] = set()
        self._changed = threading.Condition()

    def note(self, events: Sequence[Event]) -> None:
        """Take note of ``events`` that are stored, or in a file that outlives this process."""
        ended = {event.lane for event in events if isinstance(event, LaneEnded)}
        if ended:
            with self._changed:
                self._lanes |= ended
                self._changed.notify_all()

    def wait(self, lane: str, timeout_s: float) -> bool:
        """Wait until the end of ``lane`` is stored; return False where that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: lane in self._lanes, timeout_s)


def acknowledged(
    events: Generator[Event, None, T], client: AgentClient, commits: Commits, *, patience_s: float = PATIENCE_S
) -> Generator[Event, None, T]:
    """Yield ``events`` of a device and return what they return; let the device know of each journal that is stored whole.

    A device that can't be reached for that keeps the journal until its own store says so in `farm devices clean`.
    """
    try:
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]  # of the events' own type
            yield event
            if isinstance(event, LaneEnded) and event.cursor is not None and commits.wait(event.lane, patience_s):
                with suppress(FarmError):
                    note_stored(client, event.lane)
    finally:
        events.close()
