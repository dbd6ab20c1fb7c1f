"""What to do next when a lane did not go as planned."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from orchestrator.errors import DeviceBusy, FarmError

if TYPE_CHECKING:
    from collections.abc import Callable

#: A lane that ends this often in a row without finishing a step is given up.
MOST_LANES_WITHOUT_PROGRESS = 3
#: The longest wait doubles from the first to the last, in seconds.
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 20.0


class Next(Enum):
    """What the lane's runner does now."""

    AGAIN = "do the same again, from where it stopped"
    GIVE_UP = "report the lane as lost; `farm run --resume` can collect it later"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What to do, and how long to wait before."""

    next: Next
    wait_s: float = 0.0
    #: So many failures in a row are the end.
    most: int = 0


def wait_s(failures: int, draw: Callable[[float, float], float]) -> float:
    """Return the wait after the ``failures``-th failure in a row: exponential, with full jitter.

    A seeded ``draw(least, most)`` makes it known. Devices that one dead switch cut off do not come back in step: Brooker, "Exponential
    Backoff And Jitter", AWS Architecture Blog, 2015; Beyer et al., Site Reliability Engineering, 2016, chapter 22.
    """
    doublings = min(failures - 1, math.ceil(math.log2(LONGEST_WAIT_S / FIRST_WAIT_S)))
    return draw(0.0, min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**doublings))


def most_failures(error: FarmError, patience_s: float) -> int:
    """Return how many failures in a row are the end: the error's own limit, or twice what waits of ``patience_s`` have room for."""
    if error.most_failures is not None:
        return error.most_failures
    return 5 + math.ceil(4 * patience_s / LONGEST_WAIT_S)


def after_link_error(
    error: FarmError,
    *,
    failures: int,
    silent_s: float,
    patience_s: float,
    held_by_us: bool = False,
    draw: Callable[[float, float], float] = random.uniform,
) -> Decision:
    """Decide after the ``failures``-th broken link in a row, ``silent_s`` after the device was heard last.

    Whether the same is tried again is a property of the error's class. ``held_by_us``: a busy device may be held by the
    last worker of a lane of ours that died; that ends by itself.
    """
    most = most_failures(error, patience_s)
    is_retried = error.is_retried or (held_by_us and isinstance(error, DeviceBusy))
    if not is_retried or failures >= most or silent_s >= patience_s:
        return Decision(next=Next.GIVE_UP, most=most)
    return Decision(next=Next.AGAIN, wait_s=min(wait_s(failures, draw), patience_s - silent_s), most=most)


def after_lane_end(*, without_progress: int) -> Next:
    """Decide after a lane ended with steps left (power cut, out of memory, ``kill -9``, stopped by a person).

    ``without_progress`` counts the lanes in a row that finished no step.
    """
    return Next.GIVE_UP if without_progress >= MOST_LANES_WITHOUT_PROGRESS else Next.AGAIN
