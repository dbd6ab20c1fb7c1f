"""The AUC of stored cases, read once for all that is asked about them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.analysis.accuracy.intervals import Spread, auc_estimates, change_estimates
from orchestrator.analysis.accuracy.scored import with_images
from orchestrator.runtimes.catalogue import BASELINES

if TYPE_CHECKING:
    from orchestrator.analysis.accuracy.intervals import Estimates
    from orchestrator.analysis.accuracy.scored import Scored
    from orchestrator.domain.case import Case
    from orchestrator.store.queries import Queries


class AccuracyReader:
    """Reads scores, each scoring once: cases that differ in threads share one, and all are compared with float32.

    What it has read stays as it is.
    """

    def __init__(self, store: Queries) -> None:
        self._store = store
        #: By run and everything of a case that decides its scores.
        self._read_before: dict[tuple[str, Case], tuple[str, Scored] | None] = {}
        self._scored: dict[str, Scored | None] = {}
        self._spreads: dict[str, Spread] = {}

    def estimates(self, run: str, case: Case) -> Estimates | None:
        """Return the AUC of ``case`` in ``run``, ``None`` without scores, or where an older farm did not store their images."""
        found = self._read(run, case)
        return None if found is None else auc_estimates(found[1], self._spread(*found))

    def change(self, run: str, case: Case) -> Estimates | None:
        """Return the change from the baseline of ``case`` in the same run, ``None`` for a baseline, or without one."""
        baseline = self.baseline(run, case)
        return None if baseline is None else self.between((run, baseline), (run, case))

    def between(self, a: tuple[str, Case], b: tuple[str, Case]) -> Estimates | None:
        """Return the change from one case (in a run) to another, ``None`` unless both scored the same images."""
        one, other = self._read(*a), self._read(*b)
        if one is None or other is None or one[1].images != other[1].images:
            return None
        return change_estimates(one[1], other[1], (self._spread(*one), self._spread(*other)))

    def baseline(self, run: str, case: Case) -> Case | None:
        """Return the float32 case of the same setting that has scores in ``run``; ``None`` for that one itself."""
        if case.scheme in BASELINES:
            return None
        others = (replace(case, scheme=scheme) for scheme in BASELINES)
        return next((other for other in others if self._read(run, other) is not None), None)

    def scored(self, run: str, case: Case) -> Scored | None:
        """Return the scores of ``case`` in ``run`` with their images."""
        found = self._read(run, case)
        return None if found is None else found[1]

    def _read(self, run: str, case: Case) -> tuple[str, Scored] | None:
        key = run, replace(case, threads=1, interpreters=0)
        if key not in self._read_before:
            self._read_before[key] = self._look(run, case)
        return self._read_before[key]

    def _look(self, run: str, case: Case) -> tuple[str, Scored] | None:
        scores = self._store.scores(run, case)
        if scores is None:
            return None
        if scores.scoring not in self._scored:
            self._scored[scores.scoring] = with_images(self._store, scores)
        found = self._scored[scores.scoring]
        return None if found is None else (scores.scoring, found)

    def _spread(self, scoring: str, of: Scored) -> Spread:
        if scoring not in self._spreads:
            self._spreads[scoring] = Spread.of(of)
        return self._spreads[scoring]
