"""Our own distributions are those of SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special
from scipy.stats import false_discovery_control, rankdata

from orchestrator.analysis.auc import _ranks
from orchestrator.analysis.distributions import (
    binomial_at_most,
    corrected,
    normal_quantile,
    polygamma,
    student_below,
    student_quantile,
)

DFS = (1.0, 1.5, 2.0, 4.0, 7.3, 18.0, 31.9, 99.0, 900.0, 5e3, 1e4, 1e6)


@pytest.mark.parametrize("df", DFS)
def test_students_t_is_that_of_scipy_far_into_the_tail(df):
    for t in (-30.0, -8.0, -3.3, -1.7, -1.0, -0.2, -1e-5, 0.0, 0.7, 2.5, 9.0):
        assert student_below(df, t) == pytest.approx(float(special.stdtr(df, t)), rel=1e-12)


@pytest.mark.parametrize("df", DFS)
def test_quantiles_of_students_t_are_those_of_scipy(df):
    for share in (0.975, 0.995, 1 - 0.01 / 200, 1 - 1e-7, 0.6, 0.5, 0.025):
        assert student_quantile(df, share) == pytest.approx(float(special.stdtrit(df, share)), rel=1e-11)
        assert student_below(df, student_quantile(df, share)) == pytest.approx(share, rel=1e-11)


def test_normal_quantiles_are_those_of_scipy():
    for share in (0.5, 0.6, 0.925, 0.975, 1 - 1e-9, 0.1):
        assert normal_quantile(share) == pytest.approx(float(special.ndtri(share)), rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("order", [0, 1, 2])
def test_polygamma_is_that_of_scipy(order):
    for x in (1e-3, 0.5, 1.0, 1.4616, 2.0, 4.5, 15.9, 16.0, 100.0, 1e6):
        expected = special.digamma(x) if order == 0 else special.polygamma(order, x)
        assert polygamma(order, x) == pytest.approx(float(expected), rel=1e-12, abs=1e-14)


def test_binomial_probabilities_are_those_of_scipy():
    for count in (1, 11, 64, 130, 662, 5000):
        for most in {0, 1, count // 10, count // 2, count}:
            for share in (0.5, 0.1, 0.05, 0.01, 0.001):
                expected = float(special.bdtr(most, count, share))
                assert np.isclose(binomial_at_most(most, count, share), expected, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("values", [[3.0, 1.0, 2.0], [1.0, 1.0, 0.5, 1.0, 0.5], [0.1], [0.2, float("nan"), 0.1]])
def test_ranks_are_those_of_scipy(values):
    assert _ranks(np.array(values)) == pytest.approx(rankdata(values), nan_ok=True)


@pytest.mark.parametrize("count", [1, 2, 7, 40])
def test_the_correction_for_a_table_is_that_of_scipy(count):
    p_values = np.random.default_rng(count).random(count) ** 3

    assert corrected(p_values) == pytest.approx(false_discovery_control(p_values))
