"""Our early-stopping rule against MLPerf LoadGen's own.

The table was obtained on 2026-11-23 from the package ``mlcommons-loadgen`` 6.0.17: LoadGen ran its single-stream scenario with
exactly so many queries (``min_query_count`` = ``max_query_count``, ``min_duration_ms`` = 0) for each target percentile, with one
query less than in the table and with as many. In ``mlperf_log_summary.txt`` it says "Need to process at least N queries for early
stopping" where there are too few, and else "Would discard K highest latency queries", which is t - 1.
"""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.analysis import stats

#: percentile -> {t: the fewest queries of which LoadGen lets t lie above it}
LOADGEN = {
    0.5: {1: 11, 2: 14, 3: 17, 5: 22, 10: 35, 20: 59, 50: 128},
    0.9: {1: 64, 2: 81, 3: 97, 5: 127, 10: 197, 20: 325, 50: 681},
    0.95: {1: 130, 2: 165, 3: 198, 5: 259, 10: 398, 20: 656, 50: 1372},
    0.99: {1: 662, 2: 838, 3: 1001, 5: 1307, 10: 2010, 20: 3304, 50: 6898},
    0.999: {1: 6636, 2: 8403, 3: 10042},
}
CELLS = [(share, over, needed) for share, row in LOADGEN.items() for over, needed in row.items()]


@pytest.mark.parametrize(("share", "over", "needed"), CELLS)
def test_as_many_samples_are_needed_as_loadgen_asks_for(share, over, needed):
    assert stats.samples_needed(share, over=over) == needed


@pytest.mark.parametrize(("share", "over", "needed"), CELLS)
def test_the_estimate_discards_as_many_samples_as_loadgen_does(share, over, needed):
    samples = np.random.default_rng(over).permutation(np.arange(1, needed + 1))

    assert stats.early_stopping_estimate(samples, share) == needed - (over - 1)
    fewer = stats.early_stopping_estimate(np.arange(1, needed), share)
    assert fewer == (needed - 1 - (over - 2) if over > 1 else None)


def test_the_estimate_is_above_the_percentile_as_often_as_the_confidence_says():
    rng = np.random.default_rng(0)
    true_p90 = -np.log(0.1)  # of the exponential distribution

    estimates = np.array([stats.early_stopping_estimate(rng.exponential(size=1024), 0.9) for _ in range(1000)])

    assert stats.CONFIDENCE - 0.01 <= np.mean(estimates >= true_p90) < 1
