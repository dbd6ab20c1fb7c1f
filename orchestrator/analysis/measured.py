"""What the store holds of a result that is compared."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from orchestrator.analysis.run_variance import LEAST_RUNS, RunVariance, run_variance
from orchestrator.analysis.significance import Side, sides
from orchestrator.domain.case import Case

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.domain.image_list import ImageList
    from orchestrator.domain.result import Scores
    from orchestrator.store.attempt_times import AttemptTime
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow


_IDENTITY = tuple(field.name for field in fields(Case))
#: Older runs say little of what runs differ by today.
MOST_RUNS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One result with the attempts behind it."""

    row: ResultRow
    case: Case
    good: tuple[AttemptTime, ...]
    #: Its attempts among those of all cases that the device measured in the run; ``None`` where there are not enough.
    side: Side | None
    hardware: str | None
    governors: frozenset[str]

    @property
    def versions(self) -> Mapping[str, str]:
        """Packages by name, as the first good attempt has them."""
        return dict(self.good[0].versions) if self.good else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class _DeviceRun:
    """Everything that one device measured in one run, by case."""

    artifacts: Mapping[str, str | None]
    good: Mapping[str, tuple[AttemptTime, ...]]
    sides: Mapping[str, Side | None]
    facts: Mapping[str, object]


class MeasuredRuns:
    """Reads the results of runs, each run of a device once: what one case is compared with needs all its neighbours."""

    def __init__(self, store: Queries) -> None:
        self._store = store
        self._read: dict[tuple[str, str], _DeviceRun] = {}
        self._floors: dict[str, float | None] = {}
        self._scores: dict[tuple[str | int, ...], Scores | None] = {}
        self._image_lists: dict[str, ImageList | None] = {}

    def measured(self, row: ResultRow) -> Measured:
        """Return what is known of ``row``."""
        of_run = self._device_run(row.run, row.device)
        hardware = of_run.facts.get("hardware_key")
        return Measured(
            row=row,
            case=Case(**{name: getattr(row, name) for name in _IDENTITY}),
            good=of_run.good[row.case],
            side=of_run.sides[row.case],
            hardware=str(hardware) if hardware else None,
            governors=_governors(of_run.good[row.case], of_run.facts),
        )

    def noise_floor(self, device: str) -> float | None:
        """Return the relative difference that is noise on a device; ``None`` where it was never calibrated as it is."""
        if device not in self._floors:
            self._floors[device] = self._store.noise_floor(device)
        return self._floors[device]

    def scores(self, row: ResultRow) -> Scores | None:
        """Return the scoring behind ``row``, which cases that differ in threads alone share."""
        key = row.run, row.device, row.model, row.scheme, row.runtime, row.batch
        if key not in self._scores:
            self._scores[key] = self._store.scores(row.run, Case(**{name: getattr(row, name) for name in _IDENTITY}))
        return self._scores[key]

    def image_list(self, sha256: str) -> ImageList | None:
        """Return the images that scores name."""
        if sha256 not in self._image_lists:
            self._image_lists[sha256] = self._store.image_list(sha256)
        return self._image_lists[sha256]

    def run_variance(self, before: ResultRow, after: ResultRow, *, shifts_apart: bool) -> RunVariance | None:
        """Return how much runs of the device differed up to ``before``, ``None`` where too few show it.

        Runs between the two count as well, ``after`` does not: what changed with it is in question. Only attempts with the
        artifact and the versions that the case has in ``before`` count: others are another program.
        """
        runs = [name for name in self._store.earlier_runs(before.device, after.run, MOST_RUNS) if name != after.run]
        if len(runs) < LEAST_RUNS:
            return None
        of_run = self._device_run(before.run, before.device)
        programs = {
            case: (of_run.artifacts[case], dict(good[0].versions) if good else {}) for case, good in of_run.good.items()
        }
        by_run: dict[str, dict[str, list[AttemptTime]]] = {}
        for each in self._store.attempt_times(before.device, runs):
            if programs.get(each.case) == (each.artifact, each.versions):
                by_run.setdefault(each.run, {}).setdefault(each.case, []).append(each)
        found = []
        for cases in by_run.values():
            both = zip(cases, sides([_rounds(attempts) for attempts in cases.values()]), strict=True)
            found.append({case: side for case, side in both if side is not None})
        return run_variance(found, shifts_apart=shifts_apart) if len(found) >= LEAST_RUNS else None

    def _device_run(self, run: str, device: str) -> _DeviceRun:
        key = run, device
        if key not in self._read:
            artifacts = self._store.judged_artifacts(device, run)
            good: dict[str, list[AttemptTime]] = {case: [] for case in artifacts}
            for each in self._store.attempt_times(device, [run]):
                if each.case in good:
                    good[each.case].append(each)
            both = zip(good, sides([_rounds(attempts) for attempts in good.values()]), strict=True)
            self._read[key] = _DeviceRun(
                artifacts=artifacts,
                good={case: tuple(attempts) for case, attempts in good.items()},
                sides=dict(both),
                facts=self._store.facts(run, device),
            )
        return self._read[key]


def _rounds(attempts: Sequence[AttemptTime]) -> dict[int, float]:
    """Return by round the log of the attempt's median in ns, of throughput that of its ns per image."""
    return {each.number: math.log(each.time_ns) for each in attempts if each.time_ns}


def _governors(attempts: Sequence[AttemptTime], facts: Mapping[str, object]) -> frozenset[str]:
    seen = frozenset(name for attempt in attempts for name in attempt.governors)
    return seen or frozenset({str(facts["governor"])} if facts.get("governor") else ())
