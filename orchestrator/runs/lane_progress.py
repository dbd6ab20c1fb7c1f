"""How far a lane has come, by its events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.domain.event import AttemptEnded, Profiled, Scored, ScoringPaused, ShardScored

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.devices.remote.orders import LaneInputs
    from orchestrator.domain.event import Event
    from orchestrator.domain.plan import Step


class LaneProgress:
    """What is done of ``steps``, of which those that ``inputs`` have no artifact for are not to be done; ``done`` are ids."""

    def __init__(self, steps: Sequence[Step], inputs: LaneInputs, done: Iterable[str]) -> None:
        self._steps, self._inputs = steps, inputs
        self.done = set(done)
        #: Scoring -> places of the shards that the device has scores of, as far as it has said so.
        self.scored: dict[str, set[int]] = {}

    def note(self, event: Event | None) -> None:
        """Take in what happened next."""
        if isinstance(event, AttemptEnded):
            self.done.add(event.measurement.attempt)
        elif isinstance(event, Scored):
            self.done.add(event.scores.scoring)
        elif isinstance(event, Profiled):
            self.done.add(event.profile.profile)
        elif isinstance(event, ShardScored):
            self.scored.setdefault(event.scoring, set()).add(event.place)
        elif isinstance(event, ScoringPaused):
            self.scored[event.scoring] = set(range(event.shards)) - set(event.absent)

    def left(self) -> list[Step]:
        """Return the steps that are still to be done."""
        return [step for step in self._steps if step.id not in self.done and self._inputs.artifact(step) is not None]

    def so_far(self) -> tuple[int, int]:
        """Return how many steps and how many shards are done: more of either is progress, shards that are lacked again are none."""
        return -len(self.left()), sum(map(len, self.scored.values()))
