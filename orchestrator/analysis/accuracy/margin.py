"""Whether a change of AUC is within what one is ready to lose."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.analysis.accuracy.intervals import Estimate

#: What one is ready to lose of the mean AUC-ROC, unless the user names another.
MARGIN = 0.01
WITHIN, MORE, CANT_TELL = "within", "loses more", "can't tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A change of AUC against a margin: non-inferiority, by where the 95 % interval lies."""

    #: `WITHIN`, `MORE` or `CANT_TELL`.
    verdict: str
    margin: float
    images: int
    #: How many images like these would tell; ``None`` where no interval says so, or the change is the margin itself.
    images_needed: int | None = None

    @property
    def words(self) -> str:
        """The answer in a few words."""
        if self.verdict == WITHIN:
            return f"within {self.margin:g} of float32 (95 %)"
        if self.verdict == MORE:
            return f"loses more than {self.margin:g} (95 %)"
        would = f"; about {self.images_needed:,} would" if self.images_needed else ""
        return f"can't tell with {self.images:,} image{'s' if self.images != 1 else ''}{would}"


def loss(change: Estimate | None, images: int, margin: float = MARGIN) -> Loss:
    """Return whether ``change``, measured on so many images, is a loss within ``margin``.

    An interval shrinks with the root of the number of images.
    """
    if change is None or change.interval is None:
        return Loss(verdict=CANT_TELL, margin=margin, images=images)
    low, high = change.interval.low, change.interval.high
    if low >= -margin:
        return Loss(verdict=WITHIN, margin=margin, images=images)
    if high < -margin:
        return Loss(verdict=MORE, margin=margin, images=images)
    room = change.value + margin  # above 0: the lower end must rise; below: the upper end must fall
    reach = change.value - low if room > 0 else high - change.value
    times = (reach / room) ** 2 if room else math.inf
    needed = images * times
    return Loss(verdict=CANT_TELL, margin=margin, images=images, images_needed=_about(needed) if needed < 1e9 else None)


def _about(count: float) -> int:
    """Return a number rounded up to two digits: it is an estimate."""
    unit: int = 10 ** max(0, math.floor(math.log10(count)) - 1)
    return int(math.ceil(count / unit) * unit)
