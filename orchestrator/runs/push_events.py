"""Files on their way to a device, as events of a run."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from orchestrator.devices.remote.push import NotRelayed, Pushing, Waiting
from orchestrator.domain.event import BlobSent, DamageMended, PreparationStarted, PushStarted, RelayRefused

if TYPE_CHECKING:
    from collections.abc import Generator

    from orchestrator.devices.remote.push import PushStep
    from orchestrator.domain.event import Event

#: What a try to push yields although nothing has arrived by it.
BEFORE_ARRIVAL = (PreparationStarted, PushStarted, RelayRefused)


def push_events(run: str, device: str, pushing: Generator[PushStep, None, bool]) -> Generator[Event, None, bool]:
    """Yield as events what ``pushing`` yields; return what it returns."""
    while True:
        try:
            pushed = next(pushing)
        except StopIteration as end:
            return bool(end.value)
        if isinstance(pushed, Waiting):
            yield PreparationStarted(run=run, device=device, what=pushed.what)
            continue
        if isinstance(pushed, NotRelayed):
            yield RelayRefused(run=run, device=device, **asdict(pushed))
            continue
        if isinstance(pushed, Pushing):
            yield PushStarted(run=run, device=device, **asdict(pushed))
            continue
        if pushed.was_damaged:
            yield DamageMended(run=run, device=device, what=pushed.blob.what)
        yield BlobSent(
            run=run,
            device=device,
            what=pushed.blob.what,
            sha256=pushed.blob.sha256,
            size_bytes=pushed.blob.path.stat().st_size,
            sent_bytes=pushed.sent_bytes,
        )
