"""The limits of a lane: how long it may take, how long its journal may stay without a record."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from agent import wire
from orchestrator.domain.units import format_seconds
from orchestrator.errors import Overdue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Of a loaded device between two records, whatever a user's patience is.
LEAST_PATIENCE_S = 60.0
#: Between two looks at the clock, the most that counts: a controller that slept longer has not waited for the device.
LONGEST_LOOK_S = 60.0


class SilenceLimit:
    """Watches one lane: a step may take its own time-out and its settling, plus patience; the lane what its steps may take together.

    Only time in which the lane was watched counts. ``clock`` is in seconds.
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
        self._total_s = lane_limit_s(steps, patience_s)
        self._clock = clock
        self._looked_at = clock()
        self._silent_s = self._watched_s = 0.0
        self._current: wire.Step | None = None

    def begin(self) -> None:
        """Begin to count silence anew: what the device wrote while nothing was read is still to come."""
        self._looked_at = self._clock()
        self._silent_s = 0.0

    def note(self, record: Any) -> None:
        """Note that ``record`` arrived."""
        self._look()
        self._silent_s = 0.0
        goes_on = isinstance(record, wire.StepBegan | wire.ShardScored)
        self._current = self._steps.get(record.id) if goes_on else None

    def check(self) -> None:
        """Raise `Overdue` where the last record is too long ago, or the lane takes longer than all its steps may."""
        self._look()
        possible = tuple(self._steps.values()) if self._current is None else (self._current,)
        limit_s = self._patience_s + max(map(_may_take_s, possible), default=0.0)
        if self._silent_s > limit_s:
            what = "any of its steps" if self._current is None else self._current.label
            raise Overdue(f"{self._source} has had no record for {limit_s:.0f} s, longer than {what} may take")
        if self._watched_s > self._total_s:
            most = format_seconds(self._total_s)
            raise Overdue(
                f"{self._source} goes on after {most}, longer than its steps may take together: {len(self._steps)}"
            )

    def _look(self) -> None:
        """Count the time since the last look."""
        now = self._clock()
        passed_s = min(now - self._looked_at, LONGEST_LOOK_S)
        self._looked_at = now
        self._silent_s += passed_s
        self._watched_s += passed_s


def lane_limit_s(steps: Sequence[wire.Step], patience_s: float) -> float:
    """Return the most that a lane of ``steps`` may take: of each its time-out, its settling, the start of its worker; plus patience."""
    return max(patience_s, LEAST_PATIENCE_S) + sum(
        LEAST_PATIENCE_S + _may_take_s(step) * (max(1, len(step.shards)) if step.kind == "score" else 1)
        for step in steps
    )


def _may_take_s(step: wire.Step) -> float:
    settles = step.start_below_c is not None or step.settle_margin_c is not None
    return step.timeout_s + (step.settle_at_most_s if settles else 0.0)
