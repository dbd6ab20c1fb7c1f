"""What samples carry: percentiles, intervals, drift, outliers."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.analysis.distributions import binomial_at_most, student_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: MLPerf Inference rules, "early stopping": a percentile counts when the sample supports it with this confidence.
CONFIDENCE = 0.99
#: Intervals are over attempts, by the bootstrap; below three attempts there is nothing to draw from.
INTERVAL = 0.95
REPLICATES = 2000
LEAST_ATTEMPTS = 3
#: An attempt stands for itself in the bootstrap by so many of its quantiles: drawing from them all would change nothing that
#: can be seen, and take long.
QUANTILES = 201
#: Tukey's fences, in interquartile ranges beyond the quartiles (Exploratory Data Analysis, 1977), as criterion has them.
MILD, SEVERE = 1.5, 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Where a figure may be, in its own unit."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outliers:
    """How many samples lie beyond Tukey's fences of their own attempt. They are counted, never dropped."""

    low: int
    mild: int
    severe: int


@cache
def samples_needed(percentile: float, confidence: float = CONFIDENCE, over: int = 1) -> int:
    """Return the smallest sample that carries ``percentile`` (0..1) by MLPerf's early-stopping rule.

    With n invocations of which ``over`` may lie above the percentile, Binomial(n, 1 - percentile) must give at most that many
    with a probability of at most 1 - ``confidence``: for one, 11 for p50, 64 for p90, 130 for p95, 662 for p99. It is
    ``h + t`` of ``MinPassingQueriesFinder`` in LoadGen's ``early_stopping.cc`` with t = ``over`` and no tolerance.
    """

    def is_enough(count: int) -> bool:
        return bool(binomial_at_most(over, count, 1 - percentile) <= 1 - confidence)

    most = 2 * over + 2
    while not is_enough(most):
        most *= 2
    return bisect_left(range(most), True, lo=over + 1, key=is_enough)


def early_stopping_estimate(samples: NDArray[np.float64] | NDArray[np.int64], share: float) -> float | None:
    """Return the percentile as MLPerf's single-stream result has it, ``None`` where the sample does not carry it.

    That is the latency which the true percentile is below with `CONFIDENCE`: of n samples the t-th largest, t being the most
    that may lie above (LoadGen's ``results.cc``, ``EarlyStopping``). It is never below `percentile`, and comes close to it
    with more samples.
    """

    def is_too_many(over: int) -> bool:
        return bool(binomial_at_most(over, len(samples), 1 - share) > 1 - CONFIDENCE)

    over = bisect_left(range(len(samples)), True, key=is_too_many) - 1
    return float(np.sort(samples)[-over]) if over > 0 else None


def percentile(samples: NDArray[np.float64] | NDArray[np.int64], share: float) -> float | None:
    """Return the nearest-rank percentile of latencies in ns, ``None`` where the sample does not carry it."""
    if len(samples) < samples_needed(share):
        return None
    return float(np.quantile(samples, share, method="inverted_cdf"))


def interval_of_percentile(attempts: Sequence[NDArray[np.float64]], share: float, seed: int = 0) -> Interval | None:
    """Return where the percentile of all samples together may be, by drawing attempts with replacement.

    Attempts are what varies from process to process (Georges, Buytaert, Eeckhout 2007; Kalibera, Jones 2013); within one,
    samples follow each other too closely to be drawn one by one. ``None`` below `LEAST_ATTEMPTS`, or where some attempt has
    no samples. ``seed`` makes it the same every time.
    """
    if len(attempts) < LEAST_ATTEMPTS or not all(len(samples) for samples in attempts):
        return None
    places = (np.arange(QUANTILES) + 0.5) / QUANTILES
    standing = np.stack([np.quantile(samples, places, method="inverted_cdf") for samples in attempts])
    drawn = np.random.default_rng(seed).integers(0, len(attempts), (REPLICATES, len(attempts)))
    return _middle(_pooled_percentiles(standing, drawn, share), len(attempts))


def _pooled_percentiles(standing: NDArray[np.float64], drawn: NDArray[np.int64], share: float) -> NDArray[np.float64]:
    """Return the percentile of each replicate: of all values of the rows of ``standing`` that it has ``drawn``, as often as it has.

    What is sorted is the values of all attempts, once. A value is the percentile of a replicate if no fewer of what was drawn
    are up to it than the percentile's rank: found by bisection, for all replicates at once.
    """
    count, size = standing.shape
    rank = int(np.quantile(np.arange(drawn.shape[1] * size), share, method="inverted_cdf")) + 1
    order = np.argsort(standing, axis=None, kind="stable")
    values = standing.ravel()[order]
    up_to = np.zeros((len(values), count), np.int64)
    up_to[np.arange(len(values)), order // size] = 1
    up_to = np.cumsum(up_to, axis=0)
    times = (drawn[:, :, None] == np.arange(count)).sum(axis=1)
    low, high = np.zeros(len(drawn), np.int64), np.full(len(drawn), len(values) - 1)
    while (low < high).any():
        middle = (low + high) // 2
        is_enough = (up_to[middle] * times).sum(axis=1) >= rank
        low, high = np.where(is_enough, low, middle + 1), np.where(is_enough, middle, high)
    found: NDArray[np.float64] = values[low]
    return found


def interval_of_median(values: Sequence[float], seed: int = 0) -> Interval | None:
    """Return where the median of one figure per attempt may be, by the bootstrap."""
    if len(values) < LEAST_ATTEMPTS:
        return None
    drawn = np.random.default_rng(seed).integers(0, len(values), (REPLICATES, len(values)))
    return _middle(np.median(np.asarray(values, np.float64)[drawn], axis=1), len(values))


def _middle(replicates: NDArray[np.float64], count: int) -> Interval:
    low, high = np.quantile(replicates, tails(count - 1, count))
    return Interval(low=float(low), high=float(high))


def tails(freedom: int, fewest: int) -> tuple[float, float]:
    """Return at which shares of bootstrap replicates an interval of `INTERVAL` ends.

    Percentiles of a bootstrap of five are too narrow: there is no division by n - 1, and no Student's t. They are taken
    farther out by as much (Hesterberg, What Teachers Should Know About the Bootstrap, Am. Stat. 69, 2015, section 3.1).
    ``freedom`` are the degrees of freedom, ``fewest`` the values on the side that has fewer.
    """
    beyond = student_quantile(freedom, (1 + INTERVAL) / 2) * math.sqrt(fewest / (fewest - 1))
    return math.erfc(beyond / math.sqrt(2)) / 2, math.erfc(-beyond / math.sqrt(2)) / 2


def outliers(attempts: Sequence[NDArray[np.float64]]) -> Outliers:
    """Count samples beyond the fences of their own attempt; an attempt with fewer than four samples has none."""
    low = mild = severe = 0
    for samples in attempts:
        if len(samples) < 4:
            continue
        first, third = np.quantile(samples, [0.25, 0.75])
        range_ns = third - first
        above = samples > third + MILD * range_ns
        beyond = samples > third + SEVERE * range_ns
        low += int((samples < first - MILD * range_ns).sum())
        mild += int((above & ~beyond).sum())
        severe += int(beyond.sum())
    return Outliers(low=low, mild=mild, severe=severe)


def drift(latency_ns: NDArray[np.int64]) -> float | None:
    """Return the median of an attempt's last quarter over that of its first, ``None`` below 20 samples, and from 0."""
    quarter = len(latency_ns) // 4
    first = float(np.median(latency_ns[:quarter])) if quarter >= 5 else 0.0
    return float(np.median(latency_ns[-quarter:])) / first if first else None


def draw_attempts(values: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """Return [replicates, attempts, ...]: whole attempts, drawn with replacement."""
    return values[random.integers(0, len(values), (REPLICATES, len(values)))]


def middle_by_rank(replicates: NDArray[np.float64]) -> Interval:
    """Return the middle share; by ranks, because between a number and infinity there is nothing to interpolate."""
    shares = [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2]
    low, high = np.quantile(replicates, shares, method="inverted_cdf")
    return Interval(low=float(low), high=float(high))
