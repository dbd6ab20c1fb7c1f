"""How long a case is measured."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from orchestrator.errors import UnknownName


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to measure. Totals are per case over all its attempts; both must be reached."""

    name: str
    attempts: int
    invocations: int
    seconds: float
    #: Warm-up of an attempt ends when steady, or after this long.
    warmup_max_s: float = 30.0
    #: Timing ends after this long even where invocations are missing.
    max_seconds: float | None = None

    @property
    def settles(self) -> bool:
        """Whether an attempt waits until the device is about as cool as when it is idle."""
        return self.seconds > 0


#: ``quick`` and ``mobile`` have the lengths of MLPerf Mobile, ``mlperf`` that of MLPerf Inference's single stream, whose
#: least number of samples is what early stopping asks for at p90; ``smoke`` takes what it asks for at p50. docs/methods.md
#: has the sources.
EFFORTS: dict[str, Effort] = {
    effort.name: effort
    for effort in (
        Effort(name="smoke", attempts=1, invocations=11, seconds=0.0, warmup_max_s=1.0),
        Effort(name="quick", attempts=3, invocations=64, seconds=6.0, warmup_max_s=10.0),
        Effort(name="standard", attempts=5, invocations=128, seconds=10.0),
        Effort(name="mobile", attempts=5, invocations=1024, seconds=60.0, max_seconds=600.0),
        Effort(name="mlperf", attempts=1, invocations=64, seconds=600.0),
        Effort(name="sustained", attempts=1, invocations=64, seconds=1800.0),
    )
}
#: Attempts of ``standard`` where a comparison is asked for.
ATTEMPTS_TO_COMPARE = 7


def effort(name: str, *, compare: bool = False, attempts: int | None = None) -> Effort:
    """Return the effort called ``name``; ``standard`` takes more attempts where its cases will be compared.

    ``attempts`` are made instead, each as long as one of the effort's own. Raises `UnknownName`.
    """
    if name not in EFFORTS:
        raise UnknownName("effort", name, EFFORTS)
    chosen = EFFORTS[name]
    if compare and name == "standard":
        chosen = replace(chosen, attempts=ATTEMPTS_TO_COMPARE)
    if attempts is None:
        return chosen
    ratio = attempts / chosen.attempts
    return replace(
        chosen,
        attempts=attempts,
        invocations=math.ceil(chosen.invocations * ratio),
        seconds=chosen.seconds * ratio,
        max_seconds=None if chosen.max_seconds is None else chosen.max_seconds * ratio,
    )
