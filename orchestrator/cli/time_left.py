"""How long a lane still takes, from what its finished steps took."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from orchestrator.domain.plan import Attempt, Scoring
from orchestrator.domain.units import format_seconds

if TYPE_CHECKING:
    from datetime import datetime

    from orchestrator.domain.effort import Effort
    from orchestrator.domain.plan import Lane, Step

#: Of a process that measures, beside its timed invocations: start, load, the shortest warm-up, the golden check.
AROUND_AN_ATTEMPT_S = 1.5


class TimeLeft:
    """Estimates the rest of one lane; a kind of step that has not ended yet takes what its effort asks for."""

    def __init__(self, lane: Lane, effort: Effort) -> None:
        self._left = [type(step) for step in lane.steps]
        self._attempt_s = effort.seconds / effort.attempts + AROUND_AN_ATTEMPT_S
        self._took_s: dict[type[Step], list[float]] = {}
        self._since: datetime | None = None

    def begin(self, at: datetime) -> None:
        """Begin to count: the device works from here on."""
        self._since = at

    def end(self, kind: type[Step], at: datetime) -> None:
        """Take a step off what is left, with what it took since the one before."""
        if self._since is not None:
            self._took_s.setdefault(kind, []).append((at - self._since).total_seconds())
        self._since = at
        if kind in self._left:
            self._left.remove(kind)

    def words(self) -> str:
        """Return ``about 40 s left``; empty where it is not known yet, or nothing is left."""
        if self._since is None or not self._left or (Scoring in self._left and Scoring not in self._took_s):
            return ""
        return f"about {_rough(sum(map(self._step_s, self._left)))} left"

    def _step_s(self, kind: type[Step]) -> float:
        took = self._took_s.get(kind) or self._took_s.get(Attempt)
        return fmean(took) if took else self._attempt_s


def _rough(seconds: float) -> str:
    """Return a duration that is no more exact than an estimate is: ``40 s``, ``12 min``."""
    if seconds < 57.5:
        return f"{max(5, round(seconds / 5) * 5)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else format_seconds(minutes * 60.0)
