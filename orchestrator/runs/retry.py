"""What to do next when a lane did not go as planned."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from orchestrator.errors import ConnectionLost, DeviceBusy, TransferBroken, Unreachable

#: A lane that ends this often without finishing a step is given up.
MOST_LANES_WITHOUT_PROGRESS = 2
#: A transfer that arrives damaged this often in a row is given up: it is no longer bad luck.
MOST_BROKEN_TRANSFERS = 3
#: Waits between attempts to reach a device again, in seconds; the last one repeats.
BACKOFF_S = (0.5, 1, 2, 5, 10, 15)


class Next(Enum):
    """What the lane's runner does now."""

    AGAIN = "do the same again, from where it stopped"
    GIVE_UP = "report the lane as lost; `farm run --resume` can collect it later"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do, and how long to wait before."""

    next: Next
    wait_s: float = 0.0


def after_link_error(
    error: Exception, *, failures: int, silent_s: float, patience_s: float, held_by_us: bool = False
) -> Decision:
    """Decide after the ``failures``-th broken link in a row, ``silent_s`` after the last word from the device.

    ``held_by_us``: a busy device may be held by the last worker of a lane of ours that died; that ends by itself.
    """
    give_up = Decision(next=Next.GIVE_UP)
    if isinstance(error, TransferBroken) and failures >= MOST_BROKEN_TRANSFERS:
        return give_up
    again = isinstance(error, ConnectionLost | Unreachable | TransferBroken)
    again = again or (held_by_us and isinstance(error, DeviceBusy))
    if not again or silent_s >= patience_s:
        return give_up
    return Decision(next=Next.AGAIN, wait_s=BACKOFF_S[min(failures, len(BACKOFF_S)) - 1])


def after_lane_end(*, without_progress: int) -> Next:
    """Decide after a lane ended with steps left (power cut, out of memory, ``kill -9``, stopped by someone).

    ``without_progress`` counts the lanes in a row that finished no step.
    """
    return Next.GIVE_UP if without_progress >= MOST_LANES_WITHOUT_PROGRESS else Next.AGAIN
