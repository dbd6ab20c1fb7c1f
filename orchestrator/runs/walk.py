"""The lane of one device, walked from this process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from orchestrator.devices.session import connect
from orchestrator.errors import FarmError, Unreachable
from orchestrator.runs.commits import PATIENCE_S, acknowledged
from orchestrator.runs.lane import LaneRunner

if TYPE_CHECKING:
    from orchestrator.devices.remote.orders import LaneInputs
    from orchestrator.devices.remote.relay import Relay
    from orchestrator.devices.session import Session
    from orchestrator.domain.blob import Blob
    from orchestrator.domain.device import Device
    from orchestrator.domain.event import Cursor
    from orchestrator.domain.plan import Lane
    from orchestrator.runs.commits import Commits
    from orchestrator.runs.context import DeviceStage


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneWork:
    """What walking one lane takes, as values, wherever it is walked.

    The other fields are as `LaneRunner` takes them.
    """

    run: str
    device: Device
    lane: Lane
    inputs: LaneInputs
    done: frozenset[str]
    unfinished: tuple[Cursor, ...]
    lanes_before: int
    patience_s: float
    detaches: bool

    @property
    def files(self) -> tuple[Blob, ...]:
        """What it takes of files, each once."""
        steps = [step for step in self.lane.steps if step.id not in self.done]
        return (*self.inputs.needed(steps), *self.inputs.shards(steps, {}))


class LaneWalk(Protocol):
    """A lane on its way: one thread takes its events, another may cancel it."""

    work: LaneWork

    def events(self) -> DeviceStage[None]:
        """Yield what happens until every step is done or the device is given up."""
        ...

    def cancel(self) -> str | None:
        """Try nothing anew from here on, and return the lane that is on its way on the device."""
        ...

    def stop(self, lane: str) -> bool:
        """Stop a lane on its device, once cancelled; return False where it was over already. Raises `FarmError`."""
        ...

    @property
    def is_over(self) -> bool:
        """Whether the events came to their end, by ``failure`` or without."""
        ...

    @property
    def has_left(self) -> bool:
        """Whether the device was left to work on its own."""
        ...

    @property
    def failure(self) -> FarmError | None:
        """The error that gave the device up."""
        ...

    @property
    def damage(self) -> str | None:
        """A file that the device's disk changed meanwhile."""
        ...


class LocalWalk:
    """A lane that this process walks, over the connection of ``session``.

    A device is let know of a journal that ``commits`` has whole; ``commit_patience_s`` is how long it waits for that. ``relay`` is the
    jump host that keeps files for it.
    """

    def __init__(
        self,
        work: LaneWork,
        session: Session,
        commits: Commits,
        *,
        relay: Relay | None = None,
        commit_patience_s: float = PATIENCE_S,
    ) -> None:
        self.work = work
        self._session, self._commits, self._commit_patience_s = session, commits, commit_patience_s
        self._client = session.client(work.device)
        self._runner = LaneRunner(
            work.run,
            work.lane,
            self._client,
            work.inputs,
            done=work.done,
            unfinished=work.unfinished,
            lanes_before=work.lanes_before,
            patience_s=work.patience_s,
            limits=session.limits,
            detaches=work.detaches,
            relay=relay,
        )

    def events(self) -> DeviceStage[None]:
        """Yield what happens, as `LaneRunner.events` does."""
        return acknowledged(self._runner.events(), self._client, self._commits, patience_s=self._commit_patience_s)

    def cancel(self) -> str | None:
        """Try nothing anew from here on, and return the lane that is on its way on the device."""
        return self._runner.cancel()

    def stop(self, lane: str) -> bool:
        """Stop a lane on its device, over a second connection where the first is dead or serves one session at a time."""
        try:
            return self._client.stop(lane)
        except Unreachable:
            raise
        except FarmError:
            client = connect(self.work.device, self._session.connector)
            try:
                return client.stop(lane)
            finally:
                client.close()

    def leave(self) -> None:
        """Cancel, and take the connection from under the events, which end."""
        self.cancel()
        self._client.close()

    @property
    def is_over(self) -> bool:
        """Whether the events came to their end."""
        return self._runner.is_over

    @property
    def has_left(self) -> bool:
        """Whether the device was left to work on its own."""
        return self._runner.has_left

    @property
    def failure(self) -> FarmError | None:
        """The error that gave the device up."""
        return self._runner.failure

    @property
    def damage(self) -> str | None:
        """A file that the device's disk changed meanwhile."""
        return self._runner.breaker.damage
