"""Moments by a device's clock as ours has them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What a moment may lie behind now, because offsets are measured over a network.
SLACK_NS = 2_000_000_000
#: A device may send any number as a fact.
MOST_NS = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceClock:
    """What a device's clock showed when it was asked."""

    #: How far it was ahead of ours.
    offset_ns: int = 0
    #: When that was by ours.
    asked_ns: int = 0

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> DeviceClock:
        """Return the clock of a device with ``facts``: as ours where its offset is not known, or no more than the measurement is unsure of."""
        known = [facts.get(f"clock_{name}ns") for name in ("", "offset_", "uncertainty_")]
        now, offset, unsure = (each if isinstance(each, int) and abs(each) <= MOST_NS else 0 for each in known)
        return cls(offset_ns=offset, asked_ns=now - offset) if abs(offset) > unsure else cls()

    def moment(self, at_ns: int) -> datetime:
        """Return when ``at_ns`` by the device's clock was by ours.

        A clock that is set after it was asked is right from then on: what would be before that or in the future stays as the device had it,
        where that is neither.
        """
        ours_ns, now_ns = at_ns - self.offset_ns, time.time_ns() + SLACK_NS
        was_set = not self.asked_ns <= ours_ns <= now_ns and self.asked_ns <= at_ns <= now_ns
        return datetime.fromtimestamp((at_ns if was_set else ours_ns) / 1e9, UTC)
