"""Comparisons: how often they raise a false alarm, what they find, how they say it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks.comparisons import CASES, SCENES, farm, rates
from orchestrator.analysis.pooled_variance import Variance, prior
from orchestrator.analysis.rounds import without_rounds
from orchestrator.analysis.significance import (
    BELOW_NOISE,
    CANT_TELL,
    FASTER,
    LEVEL,
    NOTHING_SEEN,
    SLOWER,
    WITHIN,
    Contrast,
    contrast,
    differences,
    shift,
    sides,
    verdict,
    without_shift,
)
from tests.lab.simulations import simulations

TABLES = 400


def rows(table):
    return [dict(enumerate(row)) for row in table]


def make_contrast(log=0.0, error=0.01, df=20.0, attempts=5):
    return Contrast(log=log, error=error, df=df, attempts=attempts)


@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_table_of_twenty_cases_raises_a_false_alarm_rarely_and_finds_what_changed(scene):
    tables = simulations(TABLES)

    found = rates(farm, scene, tables)

    chance = 3 / tables  # so many may be false in a tenth of the tables
    # once a difference is rightly called, Benjamini and Hochberg's rule asks less of the next
    assert found.false_cases <= max(0.0015 if scene.effect else 0.001, chance / (CASES - 1))
    assert found.false_tables <= max(0.025 if scene.effect else 0.015, chance)
    if scene.effect:
        least = {
            "one is 10 % slower": 0.99,
            "two runs, 6 before, one is 5 % slower": 0.9,
            "two runs, one is 5 % slower": 0.9,
            "two runs, one is 10 % slower": 0.95,
        }
        assert found.found >= least.get(scene.name, 0.95)


def test_three_times_slower_is_called_with_five_attempts_in_a_table_of_twenty():
    random = np.random.default_rng(1)
    table = random.normal(0, 0.02, (40, 5))
    table[20] += math.log(3.02)
    both = sides(rows(table))

    found = differences([contrast(both[n], both[20 + n], same_rounds=True) for n in range(20)])

    assert verdict(found[0], None) == SLOWER
    assert found[0].interval.low < 3.02 < found[0].interval.high
    assert {verdict(each, None) for each in found[1:]} == {NOTHING_SEEN}


@pytest.mark.parametrize("attempts", [3, 5, 10])
def test_an_interval_holds_the_truth_in_95_of_100_tables_alone_or_pooled(attempts):
    random = np.random.default_rng(2)
    held = {"alone": 0, "pooled": 0}
    for _ in range(TABLES):
        table = random.normal(0, 0.02, (12, attempts))
        for name, chosen in (("alone", table[:2]), ("pooled", table)):
            both = sides(rows(chosen))
            (found,) = differences([contrast(both[0], both[1], same_rounds=False)])
            held[name] += found.interval.low <= 1 <= found.interval.high

    assert all(0.92 <= count / TABLES <= 0.99 for count in held.values()), held


def test_processes_of_two_kinds_do_not_raise_false_alarms():
    random = np.random.default_rng(3)
    alarms = 0
    for _ in range(TABLES):
        kinds = random.choice([math.log(0.95), math.log(1.05)], size=(8, 7)) + random.normal(0, 0.005, (8, 7))
        both = sides(rows(kinds))
        found = differences([contrast(both[n], both[n + 4], same_rounds=True) for n in range(4)])
        alarms += any(verdict(each, None) in (FASTER, SLOWER) for each in found)

    assert alarms / TABLES <= 0.02


def test_two_cases_of_a_run_are_compared_round_by_round():
    drift = {number: 0.05 * number for number in range(5)}
    slower = {number: value + 0.03 + 0.001 * (-1) ** number for number, value in drift.items()}
    both = sides([drift, slower])

    (by_round,) = differences([contrast(*both, same_rounds=True)])
    (apart,) = differences([contrast(*both, same_rounds=False)])

    assert verdict(by_round, None) == SLOWER
    assert verdict(apart, None) == CANT_TELL


def test_what_a_round_does_to_all_cases_is_taken_out():
    heat = np.array([0.0, 0.02, 0.05, 0.1])
    cleaned, correction = without_rounds(rows([1 + heat, 2 + heat, 3 + heat]))

    assert all(np.ptp(case) == pytest.approx(0) for case in cleaned)
    assert [case.mean() for case in cleaned] == pytest.approx([1 + heat.mean(), 2 + heat.mean(), 3 + heat.mean()])
    assert correction > 1


def test_a_round_that_one_case_missed_is_no_harm():
    heat = {0: 0.0, 1: 0.1, 2: 0.2}
    missing = {0: 5.0, 2: 5.2}

    cleaned, _ = without_rounds(
        [heat, {n: v + 1 for n, v in heat.items()}, {n: v + 2 for n, v in heat.items()}, missing]
    )

    assert len(cleaned[3]) == 2
    assert np.ptp(cleaned[0]) == pytest.approx(0, abs=0.02)


@pytest.mark.filterwarnings("error")
def test_cases_without_any_attempt_have_no_rounds_and_no_warning():
    cleaned, correction = without_rounds([{}, {}, {}])

    assert [case.size for case in cleaned] == [0, 0, 0]
    assert correction == pytest.approx(1)


@pytest.mark.parametrize("cases", [3, 4, 5, 8, 20])
def test_the_variance_that_goes_with_a_round_is_given_back(cases):
    random = np.random.default_rng(4)
    seen = []
    for _ in range(300):
        cleaned, correction = without_rounds(rows(random.normal(0, 1, (cases, 6))))
        seen += [case.var(ddof=1) * correction for case in cleaned]

    assert np.mean(seen) == pytest.approx(1, abs=0.08)


def test_the_prior_of_variances_is_the_one_they_were_drawn_from():
    random = np.random.default_rng(5)
    true = 0.04 * 8 / random.chisquare(8, 4000)
    drawn = [Variance(value=value * random.chisquare(4) / 4, df=4.0) for value in true]

    found = prior(drawn)

    assert found.df == pytest.approx(8, rel=0.15)
    assert found.value == pytest.approx(0.04, rel=0.1)


def test_variances_that_do_not_differ_are_pooled_whole():
    found = prior([Variance(value=2.0, df=4.0)] * 5)

    assert found.df == math.inf
    assert found.moderated(Variance(value=9.0, df=4.0)).df == 20


def test_two_variances_say_nothing_of_the_others():
    found = prior([Variance(value=2.0, df=4.0)] * 2)

    assert found.moderated(Variance(value=9.0, df=4.0)) == Variance(value=9.0, df=4.0)


def test_a_device_that_is_slower_as_a_whole_is_a_shift_not_twenty_slower_cases():
    random = np.random.default_rng(6)
    moved = [make_contrast(log=math.log(1.03) + random.normal(0, 0.005), error=0.005) for _ in range(20)]

    by = shift(moved)
    found = differences(without_shift(moved, by))

    assert math.exp(by) == pytest.approx(1.03, abs=0.005)
    assert not {verdict(each, None) for each in found} & {FASTER, SLOWER}


def test_four_cases_are_too_few_for_a_shift():
    assert shift([make_contrast(log=0.1)] * 4) is None


def test_a_table_that_scatters_more_than_its_attempts_say_has_wider_errors():
    random = np.random.default_rng(7)
    scattered = [make_contrast(log=random.normal(0, 0.03), error=0.01) for _ in range(20)]

    assert without_shift(scattered, 0.0)[0].error > 0.02


def test_one_changed_row_of_five_does_not_widen_the_errors_of_the_others():
    table = [make_contrast(log=log) for log in (0.005, -0.005, 0.0, 0.004, 0.3)]

    assert without_shift(table, 0.0)[0].error < 0.02


def test_no_difference_comes_with_the_smallest_that_would_have_been_found():
    (found,) = differences([make_contrast(error=0.01)])

    assert verdict(found, None) == NOTHING_SEEN
    assert 0.02 < found.smallest < 0.04


def test_a_table_that_could_not_show_ten_percent_can_not_tell_and_says_how_many_attempts_would():
    (found,) = differences([make_contrast(error=0.1, attempts=5)])

    assert verdict(found, None) == CANT_TELL
    assert found.attempts_needed > 5 * 4


@pytest.mark.parametrize(("cases", "attempts"), [(3, 3), (4, 3), (3, 5), (5, 5)])
def test_tables_of_few_like_cases_are_called_and_covered_as_often_as_promised(cases, attempts):
    random = np.random.default_rng(3)
    called = covered = shown = 0
    for _ in range(1000):
        logs = random.normal(0, 0.02, (cases, attempts)) + random.normal(0, 0.1, attempts)
        last, *others = reversed(sides([dict(enumerate(case)) for case in logs.tolist()]))
        found = differences([contrast(last, other, same_rounds=True) for other in others])
        called += any(each.p_adjusted <= LEVEL for each in found)
        covered += sum(each.interval.low <= 1 <= each.interval.high for each in found)
        shown += len(found)

    assert called / 1000 <= 0.018  # three standard errors above 1 %
    assert covered / shown >= 0.935


def test_what_the_interval_leaves_out_is_never_called_nothing():
    found = differences([make_contrast(log=0.025, error=0.01), *[make_contrast(error=0.01)] * 19])[0]

    assert found.interval.low > 1
    assert found.p_adjusted > 0.01
    assert verdict(found, None) == CANT_TELL


def test_a_difference_within_the_noise_floor_is_called_that():
    (found,) = differences([make_contrast(log=math.log(1.04), error=0.002)])

    assert verdict(found, 0.05) == BELOW_NOISE
    assert verdict(found, 0.03) == SLOWER
    assert verdict(differences([make_contrast(log=-0.1, error=0.002)])[0], 0.03) == FASTER


def test_attempts_that_do_not_vary_at_all_are_no_division_by_zero():
    (same, apart) = differences([make_contrast(error=0.0), make_contrast(log=0.5, error=0.0)])

    assert (same.p_value, apart.p_value) == (1.0, 0.0)
    assert verdict(apart, None) == SLOWER


def test_one_attempt_is_no_side():
    assert sides([{0: 1.0}, {0: 1.0, 1: 1.1}])[0] is None


@pytest.mark.parametrize("log", [-0.2, -0.05, -0.03, 0.0, 0.01, 0.03, 0.05, 0.2])
@pytest.mark.parametrize("error", [0.001, 0.005, 0.02, 0.2])
def test_interval_and_verdict_never_disagree_about_a_threshold(log, error):
    (found,) = differences([make_contrast(log=log, error=error)], 0.03)

    low, high = found.interval.low, found.interval.high
    answer = verdict(found, None, 0.03)

    assert answer in (SLOWER, FASTER, WITHIN, CANT_TELL)
    assert answer != SLOWER or low > 1.03
    assert answer != FASTER or high < 1 / 1.03
    assert (answer == WITHIN) == (low >= 1 / 1.03 and high <= 1.03)
    # 99 % decide, 95 % are shown: between the two it can't tell
    if answer == CANT_TELL and not low <= 1.03 <= high and not low <= 1 / 1.03 <= high:
        assert found.p_value > 0.01


def test_at_the_threshold_itself_one_table_in_a_hundred_is_called():
    random = np.random.default_rng(8)
    logs = math.log(1.03) + random.normal(0, 0.01, 4000)
    called = [verdict(*differences([make_contrast(log=log, error=0.01, df=1e6)], 0.03), None, 0.03) for log in logs]

    assert called.count(SLOWER) / len(called) == pytest.approx(0.01, abs=0.005)
