"""What to do next when a lane did not go as planned."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from orchestrator.errors import ConnectionLost, Unreachable

#: A lane that dies this often without finishing a step between is given up.
MOST_DEATHS = 2
#: Waits between attempts to reach a device again, in seconds; the last one repeats.
BACKOFF_S = (0.5, 1, 2, 5, 10, 15)


class Next(Enum):
    """What the lane's keeper does now."""

    FOLLOW = "follow the journal again from where we stopped"
    RESTART = "start a new lane with what is left"
    GIVE_UP = "report the lane as lost; `farm run --resume` can collect it later"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do, and how long to wait before."""

    next: Next
    wait_s: float = 0.0


def after_link_error(error: Exception, *, failures: int, silent_s: float, patience_s: float) -> Decision:
    """Decide after the ``failures``-th broken link in a row, ``silent_s`` after the last word from the device."""
    if not isinstance(error, ConnectionLost | Unreachable):
        return Decision(next=Next.GIVE_UP)
    if silent_s >= patience_s:
        return Decision(next=Next.GIVE_UP)
    return Decision(next=Next.FOLLOW, wait_s=BACKOFF_S[min(failures, len(BACKOFF_S)) - 1])


def after_lane_death(*, deaths_without_progress: int) -> Decision:
    """Decide after the lane's process vanished from the device (power cut, out of memory, ``kill -9``)."""
    if deaths_without_progress >= MOST_DEATHS:
        return Decision(next=Next.GIVE_UP)
    return Decision(next=Next.RESTART)
