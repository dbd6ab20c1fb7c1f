"""The noise floor, from attempts whose noise is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.analysis import noise_floor as noise


def attempts(sd, count=20, seed=1):
    return list(1e6 * np.random.default_rng(seed).normal(1.0, sd, size=count))


def test_attempts_that_are_all_alike_have_no_noise():
    assert noise.floor([1e6] * 20, 3) == 0.0
    assert noise.observed([1e6] * 20) == 0.0


def test_the_floor_is_what_comparisons_of_independent_attempts_with_themselves_stay_below():
    random = np.random.default_rng(7)
    sides = np.median(random.normal(1.0, 0.01, size=(20_000, 2, 5)), axis=2)
    known = np.quantile(np.abs(sides[:, 0] / sides[:, 1] - 1), 0.95)

    floors = [noise.floor(attempts(0.01, count=40, seed=seed), 5) for seed in range(20)]

    assert np.median(floors) == pytest.approx(known, rel=0.15)


def test_more_attempts_a_side_have_less_noise():
    p50s = attempts(0.02, count=28)

    assert noise.floor(p50s, 14) < noise.floor(p50s, 7) < noise.floor(p50s, 3)


def test_an_unsteady_device_has_a_higher_floor():
    assert noise.floor(attempts(0.001), 3) < 0.01 < noise.floor(attempts(0.05), 3)


def test_the_same_seed_gives_the_same_figures():
    p50s = attempts(0.02)

    assert noise.floor(p50s, 3, seed=4) == noise.floor(p50s, 3, seed=4)
    assert noise.floor(p50s, 3, seed=4) == pytest.approx(noise.floor(p50s, 3, seed=5), rel=0.1)
    assert len({noise.observed(p50s, seed=seed) for seed in range(5)}) > 1


def test_neighbours_go_to_different_sides_so_that_drift_hits_both():
    warming = list(np.linspace(1e6, 2e6, 20))

    assert max(noise.observed(warming, seed=seed) for seed in range(20)) < 0.08


@given(st.lists(st.floats(1.0, 1e12), min_size=6, max_size=30), st.floats(0.1, 1e3))
def test_the_unit_of_time_does_not_matter(p50s, factor):
    scaled = [factor * p50 for p50 in p50s]

    assert noise.floor(scaled, 3) == pytest.approx(noise.floor(p50s, 3), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(("count", "group"), [(5, 3), (0, 1), (4, 0)])
def test_too_few_attempts_are_refused(count, group):
    with pytest.raises(ValueError, match="too few"):
        noise.floor([1.0] * count, group)


def test_one_attempt_cannot_be_compared_with_itself():
    with pytest.raises(ValueError, match="one attempt"):
        noise.observed([1.0])
