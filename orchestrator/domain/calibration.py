"""How far apart two measurements of the same thing come out on a device."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """One case compared with itself on one device; docs/tuning.md says how."""

    device: str
    at: datetime
    run: str
    #: The case in its text form.
    case_name: str
    effort: str
    #: Attempts that were measured.
    attempts: int
    #: Attempts of each side of a comparison: as many as the effort has.
    group_size: int
    #: The relative difference that 95 of 100 comparisons of the case with itself stay below: 0.01 is one per cent.
    noise_floor: float
    #: The relative difference between the attempts assigned to A and those to B.
    observed: float
    p50_ns: float
    #: What a sample costs in which nothing is invoked, and a look at the clock.
    loop_ns: int | None
    clock_ns: int | None
    governor: str | None
    hardware_key: str | None
    seed: int

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return asdict(self) | {"at": self.at.isoformat()}
