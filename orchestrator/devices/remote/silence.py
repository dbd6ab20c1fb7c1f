"""How long the journal of a lane may stay without a record."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from agent import wire
from orchestrator.errors import Overdue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Of a loaded device between two records, whatever a user's patience is.
LEAST_PATIENCE_S = 60.0


class SilenceLimit:
    """Watches one lane: a step may take its own time-out and its settling, plus patience.

    Each step writes two records, and one for each shard that it scores, so that the sum over its steps is the most that a lane takes. ``clock`` is in seconds.
    """

    def __init__(
        self,
        lane: str,
        device: str,
        steps: Sequence[wire.Step],
        *,
        patience_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = f"{device}: the journal of lane {lane}"
        self._steps = {step.id: step for step in steps}
        self._patience_s = max(patience_s, LEAST_PATIENCE_S)
        self._clock = clock
        self._since = clock()
        self._current: wire.Step | None = None

    def begin(self) -> None:
        """Begin to count anew: what the device wrote while nothing was read is still to come."""
        self._since = self._clock()

    def note(self, record: Any) -> None:
        """Note that ``record`` arrived."""
        self._since = self._clock()
        goes_on = isinstance(record, wire.StepBegan | wire.ShardScored)
        self._current = self._steps.get(record.id) if goes_on else None

    def check(self) -> None:
        """Raise `Overdue` where the last record is too long ago."""
        possible = tuple(self._steps.values()) if self._current is None else (self._current,)
        limit_s = self._patience_s + max(map(_may_take_s, possible), default=0.0)
        if self._clock() - self._since > limit_s:
            what = "any of its steps" if self._current is None else self._current.label
            raise Overdue(f"{self._source} has had no record for {limit_s:.0f} s, longer than {what} may take")


def _may_take_s(step: wire.Step) -> float:
    settles = step.start_below_c is not None or step.settle_margin_c is not None
    return step.timeout_s + (step.settle_at_most_s if settles else 0.0)
