"""Verdicts on their way to the store: those together that come within a moment."""

from __future__ import annotations

import itertools

from orchestrator.domain.result import Verdict
from orchestrator.runs.judge import LONGEST_S, TOGETHER, together
from orchestrator.testing import make_case
from tests.lab.telling import judged


def verdicts(count, *, each_s):
    """Return how many verdicts come at once of ``count`` that take so long, and what `together` returns."""
    ticks = itertools.count(0, each_s)
    stage = together((judged(make_case(threads=each)) for each in range(1, count + 1)), clock=lambda: next(ticks))
    sizes = []
    while True:
        try:
            sizes.append(len(next(stage)))
        except StopIteration as end:
            return sizes, end.value


def test_verdicts_that_take_no_time_are_stored_together():
    sizes, returned = verdicts(TOGETHER + 3, each_s=0.0)

    assert sizes == [TOGETHER, 3]
    assert len(returned) == TOGETHER + 3
    assert set(returned) <= set(Verdict)


def test_a_verdict_that_takes_long_waits_for_no_other():
    assert verdicts(3, each_s=LONGEST_S)[0] == [1, 1, 1]
