"""What the store holds of a result that is compared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.analysis.significance import Side, sides
from orchestrator.domain.case import Case

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.domain.result import Measurement
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One result with the attempts behind it."""

    row: ResultRow
    case: Case
    good: tuple[Measurement, ...]
    #: Its attempts among those of all cases that the device measured in the run; ``None`` where there are not enough.
    side: Side | None
    hardware: str | None
    governors: frozenset[str]

    @property
    def versions(self) -> Mapping[str, str]:
        """Packages by name, as the first good attempt has them."""
        return dict(self.good[0].versions or {}) if self.good else {}


class MeasuredRuns:
    """Reads the results of runs, each run of a device once: what one case is compared with needs all its neighbours."""

    def __init__(self, store: Queries) -> None:
        self._store = store
        self._read: dict[tuple[str, str], Mapping[str, Measured]] = {}

    def measured(self, row: ResultRow) -> Measured:
        """Return what is known of ``row``."""
        key = row.run, row.device
        if key not in self._read:
            self._read[key] = self._all(*key)
        return self._read[key][row.case]

    def _all(self, run: str, device: str) -> Mapping[str, Measured]:
        rows = self._store.results(run=run, device=device)
        facts = self._store.facts(run, device)
        attempts = {
            row.case: tuple(each for each in self._store.measurements(run, Case.parse(row.case)) if each.error is None)
            for row in rows
        }
        found = dict(zip(attempts, sides([_rounds(good) for good in attempts.values()]), strict=True))
        hardware = facts.get("hardware_key")
        return {
            row.case: Measured(
                row=row,
                case=Case.parse(row.case),
                good=attempts[row.case],
                side=found[row.case],
                hardware=str(hardware) if hardware else None,
                governors=_governors(attempts[row.case], facts),
            )
            for row in rows
        }


def _rounds(attempts: tuple[Measurement, ...]) -> dict[int, float]:
    """Return by round the log of the attempt's median in ns, of throughput that of its ns per image."""
    times = {attempt.number: _time_ns(attempt) for attempt in attempts}
    return {number: math.log(time) for number, time in times.items() if time}


def _time_ns(attempt: Measurement) -> float | None:
    if not attempt.latency_ns:
        return None
    if attempt.case.interpreters:
        images = len(attempt.latency_ns) * attempt.invocations_per_sample * attempt.case.batch
        return attempt.span_ns / images if attempt.span_ns else None
    return float(np.median(attempt.per_invocation_ns))


def _governors(attempts: tuple[Measurement, ...], facts: Mapping[str, object]) -> frozenset[str]:
    seen = frozenset(name for attempt in attempts for name in attempt.governors)
    return seen or frozenset({str(facts["governor"])} if facts.get("governor") else ())
