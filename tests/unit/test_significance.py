"""Comparisons: how often they cry wolf, what they find, and what they say."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.analysis import significance
from orchestrator.analysis.significance import adjusted, difference, least_p, p_value, verdict

SIMULATIONS = 400


def attempts(random, count, scale=1.0, samples=60):
    """Processes of two kinds, 5 % faster and 5 % slower than 1 ms, with a tail of slow samples in each."""
    modes = random.choice([0.95, 1.05], size=(count, 1)) * random.normal(1, 0.005, size=(count, 1))
    return list(1e6 * scale * modes * (1 + 0.003 * random.exponential(size=(count, samples))))


@pytest.mark.parametrize("count", [5, 7])
def test_a_case_compared_with_itself_is_flagged_no_more_often_than_the_level_says(count):
    random = np.random.default_rng(2026)
    flagged = outside = 0
    for seed in range(SIMULATIONS):
        found = difference(attempts(random, count), attempts(random, count), seed)
        flagged += verdict(found, found.p_value, None) in (significance.FASTER, significance.SLOWER)
        outside += not found.interval.low <= 1 <= found.interval.high

    # 0.05 and two standard errors of what is simulated; the interval, which no verdict is made of, twice that.
    assert flagged / SIMULATIONS <= 0.05 + 2 * (0.05 * 0.95 / SIMULATIONS) ** 0.5
    assert outside / SIMULATIONS <= 0.10


@pytest.mark.parametrize("count", [5, 7])
def test_a_real_difference_of_15_per_cent_is_found_in_spite_of_two_kinds_of_processes(count):
    random = np.random.default_rng(15)
    found = [difference(attempts(random, count), attempts(random, count, 1.15)) for _ in range(100)]
    said = [verdict(each, each.p_value, None) for each in found]

    assert said.count(significance.SLOWER) >= 90
    assert significance.FASTER not in said
    assert np.mean([each.interval.low <= 1.15 <= each.interval.high for each in found]) >= 0.90


def test_a_whole_table_of_things_compared_with_themselves_is_right_as_often_as_one_row():
    random = np.random.default_rng(7)
    wrong = 0
    for _ in range(100):
        rows = [p_value(random.normal(size=7), random.normal(size=7)) for _ in range(8)]
        wrong += min(adjusted(rows)) <= significance.LEVEL

    assert wrong / 100 <= 0.05 + 2 * (0.05 * 0.95 / 100) ** 0.5


def test_the_test_counts_every_way_to_deal_the_attempts():
    assert p_value(np.arange(5.0), np.arange(5.0) + 100) == pytest.approx(2 / 252) == least_p(5, 5)
    assert p_value(np.arange(3.0), np.arange(3.0) + 100) == pytest.approx(0.1) == least_p(3, 3)
    assert p_value(np.ones(5), np.ones(5)) == 1


def test_many_attempts_are_dealt_by_chance_and_p_is_never_zero():
    few, many = np.linspace(0, 1, 20), np.linspace(10, 11, 20)

    assert p_value(few, many) == p_value(few, many) == pytest.approx(1 / (significance.SOME_DEALS + 1))


def test_p_values_of_a_table_are_those_of_benjamini_and_hochberg():
    # p.adjust(c(0.01, 0.04, 0.03, 0.005), "BH") of R
    assert adjusted([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.02, 0.04, 0.04, 0.02))
    assert adjusted([]) == ()


def test_p_values_of_a_table_are_those_of_the_definition():
    random = np.random.default_rng(11)

    for count in (1, 2, 7, 40):
        p_values = np.sort(np.round(random.random(count), 1 if count == 40 else 9))  # with ties
        stepped_up = [min([1.0, *(p_values[j] * count / (j + 1) for j in range(i, count))]) for i in range(count)]

        assert adjusted(p_values.tolist()) == pytest.approx(stepped_up)


def test_a_difference_below_the_noise_floor_is_called_so():
    random = np.random.default_rng(1)
    a, b = (list(scale * random.normal(1e6, 100, size=(7, 50))) for scale in (1.0, 1.02))
    found = difference(a, b)

    assert found.ratio == pytest.approx(1.02, abs=0.001)
    assert verdict(found, found.p_value, None) == significance.SLOWER
    assert verdict(found, found.p_value, 0.01) == significance.SLOWER
    assert verdict(found, found.p_value, 0.03) == significance.BELOW_NOISE
    assert verdict(difference(b, a), found.p_value, None) == significance.FASTER


def test_one_slow_sample_in_a_thousand_does_not_make_a_case_slower():
    quiet = [np.full(1000, 1e6) + np.arange(1000) for _ in range(7)]
    spiky = [np.concatenate([samples[:-1], [1e9]]) for samples in quiet]

    assert difference(quiet, spiky).ratio == pytest.approx(1, abs=1e-6)


def test_the_same_seed_says_the_same():
    random = np.random.default_rng(3)
    a, b = attempts(random, 5), attempts(random, 5)

    assert difference(a, b, 4) == difference(a, b, 4)
    assert difference(a, b, 4).interval != difference(a, b, 5).interval


def test_two_attempts_have_no_interval_and_none_have_no_ratio():
    side = [np.full(10, 1e6)] * 2

    assert difference(side, side).interval is None
    with pytest.raises(ValueError, match="above zero"):
        difference(side, [])
    with pytest.raises(ValueError, match="above zero"):
        difference(side, [np.zeros(10)])
