"""Differences in words."""

from __future__ import annotations

import pytest

from orchestrator.analysis.auc import AucDifference
from orchestrator.analysis.compare import Comparison
from orchestrator.analysis.significance import (
    BELOW_NOISE,
    CANT_TELL,
    FASTER,
    NOT_COMPARABLE,
    NOTHING_SEEN,
    SLOWER,
    Difference,
)
from orchestrator.analysis.stats import Interval
from orchestrator.reports.difference_words import (
    auc_change_words,
    smaller_words,
    speedup_words,
    time_words,
)
from tests.unit.test_reports import make_row


def make_pair(verdict, ratio, low, high, **changes):
    difference = Difference(
        ratio=ratio,
        interval=Interval(low=low, high=high),
        p_value=0.5,
        p_adjusted=0.5,
        smallest=0.04,
        attempts_needed=9,
        error=0.01,
        df=8,
    )
    fields = {"a": make_row(), "b": make_row(scheme="int8"), "blockers": (), "notes": (), "compared": "latency"}
    return Comparison(**(fields | {"verdict": verdict, "difference": difference, "floors": {}} | changes))


@pytest.mark.parametrize(
    ("verdict", "times", "words"),
    [
        (SLOWER, (1.8, 1.6, 2.0), "1.8× slower (1.6–2.0)"),
        (FASTER, (1 / 2.1, 1 / 2.3, 1 / 1.9), "2.1× faster (1.9–2.3)"),
        (SLOWER, (1.543, 1.538, 1.549), "1.54× slower (1.54–1.55)"),
        (SLOWER, (1.15, 1.08, 1.22), "15 % slower (8–22 %)"),
        (FASTER, (1 / 1.043, 1 / 1.045, 1 / 1.041), "4.3 % faster (4.1–4.5 %)"),
        (CANT_TELL, (1.1, 1 / 1.05, 1.25), "can't tell (5 % faster to 25 % slower)"),
        (NOTHING_SEEN, (1.0, 0.99, 1.01), "no difference (4 % would show)"),
        (BELOW_NOISE, (1.03, 1.02, 1.04), "3 % slower (2–4 %), smaller than the noise floor"),
    ],
)
def test_a_difference_is_a_factor_or_a_percentage_with_its_interval(verdict, times, words):
    assert time_words(make_pair(verdict, *times)) == words


def test_what_is_not_comparable_has_a_ratio_without_an_interval():
    pair = make_pair(NOT_COMPARABLE, 2.0, 1.9, 2.1, blockers=("other efforts",))

    assert time_words(pair) == "2.0× slower, not comparable"
    assert time_words(make_pair(NOT_COMPARABLE, 2, 1, 3, difference=None)) == "not comparable"


@pytest.mark.parametrize(
    ("ratio", "words"),
    [(2.3256, "−57 %"), (1.0, "0 %"), (0.97, "+3 %"), (1.001, "0 %")],
)
def test_a_size_is_how_much_smaller_the_file_is(ratio, words):
    assert smaller_words(ratio) == words


def test_a_change_of_auc_has_a_sign_and_its_interval():
    change = AucDifference(difference=-0.0007, error=0.00025)
    pair = make_pair(SLOWER, 2, 1.9, 2.1, auc_change=-0.0007, auc=change)

    assert auc_change_words(pair) == "−0.0007 ± 0.0005"
    assert auc_change_words(make_pair(SLOWER, 2, 1.9, 2.1, auc_change=0.00001)) == "0.0000"
    assert auc_change_words(make_pair(SLOWER, 2, 1.9, 2.1)) == "-"
    nothing = AucDifference(difference=0.0, error=0.00001)
    assert auc_change_words(make_pair(SLOWER, 2, 1.9, 2.1, auc_change=0.0, auc=nothing)) == "0.0000"


@pytest.mark.parametrize(("speedup", "words"), [(1.0, "same"), (1 / 150, "150× slower"), (1.004, "same")])
def test_ends_of_what_speedups_can_be(speedup, words):
    assert speedup_words(speedup) == words
