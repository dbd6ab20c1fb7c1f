"""What samples carry."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from hypothesis.extra import numpy as hnp
from scipy import special

from orchestrator.analysis import stats

#: Up to 104 days: what float64 holds exactly.
LATENCIES = some.lists(some.integers(1, 2**53), min_size=1, max_size=300)


@pytest.mark.parametrize(("share", "needed"), [(0.5, 11), (0.9, 64), (0.95, 130), (0.99, 662), (0.999, 6636)])
def test_samples_needed_are_those_that_mlperf_publishes(share, needed):
    assert stats.samples_needed(share) == needed


def at_most_one_above(count, share):
    return sum(math.comb(count, k) * (1 - share) ** k * share ** (count - k) for k in (0, 1))


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.75, 0.9, 0.99])
def test_samples_needed_are_the_smallest_number_that_the_binomial_supports(share, confidence):
    needed = next(n for n in range(1, 2000) if at_most_one_above(n, share) <= 1 - confidence)

    assert stats.samples_needed(share, confidence) == needed


@pytest.mark.parametrize(("share", "needed"), [(0.5, 11), (0.9, 64), (0.99, 662)])
def test_a_percentile_exists_from_the_sample_on_that_carries_it(share, needed):
    samples = np.arange(1, needed + 1, dtype=np.int64)

    assert stats.percentile(samples[:-1], share) is None
    assert stats.percentile(samples, share) == math.ceil(share * needed)


def test_nothing_has_no_percentile():
    assert stats.percentile(np.empty(0, np.int64), 0.5) is None


@given(LATENCIES, some.sampled_from([0.5, 0.9]))
def test_a_percentile_is_a_sample_with_its_share_of_the_samples_at_or_below(latency_ns, share):
    samples = np.array(latency_ns * stats.samples_needed(share), np.int64)

    found = stats.percentile(samples, share)

    assert found in {float(value) for value in latency_ns}
    assert (samples <= found).mean() >= share - 1e-12
    assert (samples < found).mean() <= share + 1e-12


@given(hnp.arrays(np.int64, some.integers(64, 300), elements=some.integers(1, 2**53)), some.integers(0, 2**32))
def test_percentiles_grow_with_their_share_and_do_not_know_the_order(samples, seed):
    shuffled = np.random.default_rng(seed).permutation(samples)

    p50, p90 = (stats.percentile(samples, share) for share in (0.5, 0.9))

    assert samples.min() <= p50 <= p90 <= samples.max()
    assert stats.percentile(shuffled, 0.9) == p90


def test_drift_is_the_last_quarter_over_the_first_and_needs_twenty_samples():
    assert stats.drift([100] * 5 + [7, 9, 8, 7, 9, 8, 7, 9, 8, 7] + [150] * 5) == 1.5
    assert stats.drift([100] * 19) is None
    assert stats.drift([]) is None


@given(some.integers(1, 10**12), some.integers(20, 200))
def test_what_never_changes_never_drifts(latency, count):
    assert stats.drift([latency] * count) == 1.0


def test_an_interval_holds_what_attempts_differ_by_and_is_the_same_every_time():
    rng = np.random.default_rng(3)
    several = [rng.normal(centre, 1.0, 2000) for centre in (100, 104, 98, 101, 103)]

    found = stats.interval_of_percentile(several, 0.5)

    assert 98 <= found.low < np.median(np.concatenate(several)) < found.high <= 104
    assert stats.interval_of_percentile(several, 0.5) == found
    assert stats.interval_of_percentile(several, 0.9).high > found.high


@given(
    some.lists(
        some.lists(some.sampled_from([1.0, 2.0, 2.5, 7.0, 9.0]), min_size=1, max_size=40), min_size=3, max_size=7
    ),
    some.sampled_from([0.1, 0.5, 0.9, 0.99]),
)
@settings(max_examples=25)
def test_an_interval_is_that_of_the_samples_of_all_drawn_attempts_together(attempts, share):
    attempts = [np.array(samples) for samples in attempts]
    places = (np.arange(stats.QUANTILES) + 0.5) / stats.QUANTILES
    standing = np.stack([np.quantile(samples, places, method="inverted_cdf") for samples in attempts])
    drawn = np.random.default_rng(0).integers(0, len(attempts), (stats.REPLICATES, len(attempts)))
    replicates = np.quantile(standing[drawn].reshape(stats.REPLICATES, -1), share, axis=1, method="inverted_cdf")
    low, high = np.quantile(replicates, stats.tails(len(attempts) - 1, len(attempts)))

    assert stats.interval_of_percentile(attempts, share) == stats.Interval(low=low, high=high)


@pytest.mark.parametrize("fewest", [2, 3, 5, 30, 1000])
def test_an_interval_ends_where_student_s_t_says(fewest):
    beyond = special.stdtrit(fewest - 1, 0.975) * math.sqrt(fewest / (fewest - 1))

    assert stats.tails(fewest - 1, fewest) == pytest.approx((special.ndtr(-beyond), special.ndtr(beyond)), rel=1e-9)


def test_attempts_that_are_equal_leave_no_doubt():
    assert stats.interval_of_percentile([np.full(50, 7.0)] * 5, 0.5) == stats.Interval(low=7.0, high=7.0)
    assert stats.interval_of_median([3.0] * 3) == stats.Interval(low=3.0, high=3.0)


def test_few_attempts_have_no_interval():
    assert stats.interval_of_percentile([np.arange(9.0)] * 2, 0.5) is None
    assert stats.interval_of_percentile([np.arange(9.0), np.arange(9.0), np.empty(0)], 0.5) is None
    assert stats.interval_of_median([1.0, 2.0]) is None


def test_outliers_are_counted_by_tukeys_fences_of_their_own_attempt():
    level = np.tile([9.0, 10.0, 11.0], 40)  # quartiles 9 and 11

    found = stats.outliers([np.append(level, [5.9, 14.1, 17.1, 99.0]), level + 1000])

    assert found == stats.Outliers(low=1, mild=1, severe=2)
    assert stats.outliers([np.array([1.0, 1.0, 99.0])]) == stats.Outliers(low=0, mild=0, severe=0)
