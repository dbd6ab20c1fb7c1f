"""The pure parts of `benchmarks/repeatability.py`."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import repeatability
from tests.lab.simulations import simulations


def test_the_coefficient_of_variation_is_the_sample_deviation_over_the_mean():
    assert repeatability.coefficient_of_variation([9.0, 10.0, 11.0]) == pytest.approx(0.1)


def test_two_hands_share_no_attempt():
    attempts = [np.array([float(number)]) for number in range(15)]

    dealt = list(repeatability.hands(attempts, 7, 50))

    assert len(dealt) == 50
    for one, other in dealt:
        assert len({float(each[0]) for each in [*one, *other]}) == 14


def test_too_few_attempts_for_two_hands_are_not_dealt():
    assert not list(repeatability.hands([np.ones(1)] * 13, 7, 50))


def test_false_alarms_are_counted():
    pairs = [([1], [2]), ([3], [3]), ([4], [5])]

    assert repeatability.false_alarms(pairs, lambda one, other: one != other) == (2, 3)


@pytest.mark.slow
def test_three_attempts_do_not_cover_what_ten_do():
    assert repeatability.covered(3, simulations(250)) < 0.95
    assert repeatability.covered(10, simulations(250)) > 0.7


def test_the_test_calls_what_differs_and_not_what_is_the_same():
    random = np.random.default_rng(1)
    one, same, slower = ([scale * random.normal(1, 0.01) * np.ones(5) for _ in range(7)] for scale in (1.0, 1.0, 1.2))

    assert not repeatability.called_by_test(one, same)
    assert repeatability.called_by_test(one, slower)
    assert repeatability.called_by_interval(one, slower)
