"""The changes of a case from run to run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from orchestrator.analysis.compare import between, compare
from orchestrator.analysis.significance import FASTER, SLOWER

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from orchestrator.analysis.compare import Comparison
    from orchestrator.domain.case import Case
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A case in one run."""

    row: ResultRow
    started_at: datetime
    #: Against the run before that has the case; ``None`` for the first.
    change: Comparison | None

    @property
    def changed(self) -> bool:
        """Whether it is faster or slower than the run before, beyond chance and noise."""
        return self.change is not None and self.change.verdict in (FASTER, SLOWER)


def history(store: Queries, case: Case, labels: Path, last: int) -> tuple[Point, ...]:
    """Return the last runs of ``case``, the oldest first.

    Each run is compared with the one before by all cases that both have on the device, so that what the device did to all of
    them is not taken for a change of this one. ``labels`` is the folder of farm's own files by sha256.
    """
    started = {run.id: run.started_at for run in store.runs()}
    rows = store.results(every=True, **asdict(case))
    found = sorted(((row, started[row.run]) for row in rows), key=lambda each: each[1])[-last:]
    points = []
    for place, (row, started_at) in enumerate(found):
        change = _change(store, found[place - 1][0], row, labels) if place else None
        points.append(Point(row=row, started_at=started_at, change=change))
    return tuple(points)


def _change(store: Queries, before: ResultRow, after: ResultRow, labels: Path) -> Comparison:
    sides: list[Sequence[ResultRow]] = [store.results(run=row.run, device=row.device) for row in (before, after)]
    pairs = compare(store, between(*sides), labels)
    return next(pair for pair in pairs if pair.b.case == after.case)
