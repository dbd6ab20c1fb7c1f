"""Whether two cases differ: a ratio with an interval, a test that keeps its level with few attempts, and a verdict."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.analysis.stats import LEAST_ATTEMPTS, REPLICATES, Interval, tails

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: How often a table of comparisons of things with themselves may say that there is a difference.
LEVEL = 0.05
#: Every way to deal the attempts to two sides is looked at up to so many ways (9 and 9 are 48,620), else so many by chance.
EVERY_DEAL, SOME_DEALS = 50_000, 10_000
#: Shares of a sum of logarithms that are the same but for the order in which they were added.
TIE = 1e-9

FASTER, SLOWER = "faster", "slower"
NOTHING_SEEN, BELOW_NOISE = "no difference seen", "smaller than the noise floor"
NOT_COMPARABLE = "not comparable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How many times as long B takes as A."""

    ratio: float
    #: Where it may be; ``None`` where a side has too few attempts to draw from.
    interval: Interval | None
    #: How often chance alone deals the attempts to two sides that are at least so far apart.
    p_value: float


def difference(a: Sequence[NDArray[np.float64]], b: Sequence[NDArray[np.float64]], seed: int = 0) -> Difference:
    """Compare two cases by the samples of their attempts, each an array of times in the same unit.

    A side is the geometric mean over its attempts of their medians: the median over all samples jumps from one mode to the
    other where processes come in two kinds. Raises `ValueError` where a side has no attempt, or a median is not above zero.
    """
    medians = [np.array([np.median(samples) for samples in side]) for side in (a, b)]
    if not all(len(side) and np.all(side > 0) for side in medians):
        raise ValueError("both sides take attempts with times above zero")
    logs = [np.log(side) for side in medians]
    return Difference(
        ratio=float(np.exp(logs[1].mean() - logs[0].mean())),
        interval=_interval_of_ratio(a, b, seed) if min(len(a), len(b)) >= LEAST_ATTEMPTS else None,
        p_value=p_value(logs[0], logs[1], seed),
    )


def p_value(a: NDArray[np.float64], b: NDArray[np.float64], seed: int = 0) -> float:
    """Return the two-sided p of a permutation test on the difference of means of ``a`` and ``b``, one number for each attempt.

    If nothing differs, which attempt is on which side is chance, whatever the distribution of attempts: the test keeps its
    level exactly, with five attempts as with fifty (Fisher 1935; Good, Permutation Tests, 2000). An interval by the bootstrap
    leaves 1.0 out too often with so few.
    """
    both = np.concatenate([a, b])
    seen = abs(b.mean() - a.mean())
    if math.comb(len(both), len(a)) <= EVERY_DEAL:
        dealt = _deals(len(both), len(a))
        extra = 0  # what was seen is among them
    else:
        places = np.random.default_rng(seed).permuted(np.tile(np.arange(len(both)), (SOME_DEALS, 1)), axis=1)
        dealt, extra = places[:, : len(a)], 1  # Phipson and Smyth 2010: p is never 0
    sums = both[dealt].sum(axis=1)
    apart = np.abs(sums / len(a) - (both.sum() - sums) / len(b))
    as_far = int((apart >= seen - TIE).sum())
    return (as_far + extra) / (len(dealt) + extra)


@cache
def _deals(count: int, side: int) -> NDArray[np.intp]:
    """Return every choice of ``side`` of ``count``, a row each."""
    return np.array(list(combinations(range(count), side)), np.intp)


def least_p(a: int, b: int) -> float:
    """Return the smallest p that so many attempts can have: 1 for none, 0.1 for 3 and 3, 0.008 for 5 and 5, 0.0006 for 7 and 7."""
    return min(1.0, (2 if a == b else 1) / math.comb(a + b, a))


def adjusted(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return p values for a whole table by Benjamini and Hochberg (J. R. Stat. Soc. B 57, 1995).

    Of the differences that are called so at `LEVEL`, that share is expected to be none; where nothing differs, the whole table
    is right with 95 %. Holm's stricter rule could not be met by five attempts a side in a table of seven rows.
    """
    if not p_values:
        return ()
    from scipy.stats import false_discovery_control  # takes most of a second to import: here, where it is needed

    return tuple(float(value) for value in false_discovery_control(p_values, method="bh"))


def verdict(found: Difference, p_adjusted: float, floor: float | None) -> str:
    """Return what to say of a difference on a device whose noise floor, a relative difference, is ``floor``."""
    if p_adjusted > LEVEL:
        return NOTHING_SEEN
    # The floor is a difference up or down: 5 % slower and 1/1.05 as slow are equally far.
    if floor is not None and abs(math.log(found.ratio)) <= math.log1p(floor):
        return BELOW_NOISE
    return SLOWER if found.ratio > 1 else FASTER


def _interval_of_ratio(a: Sequence[NDArray[np.float64]], b: Sequence[NDArray[np.float64]], seed: int) -> Interval:
    """Return the interval of the ratio by drawing attempts, then samples within each (Kalibera and Jones, ISMM 2013).

    Its ends are as far out as few attempts ask for (`orchestrator.analysis.stats.tails`).
    """
    random = np.random.default_rng(seed)
    replicates = _logs_drawn(b, random) - _logs_drawn(a, random)
    low, high = np.exp(np.quantile(replicates, tails(len(a) + len(b) - 2, min(len(a), len(b)))))
    return Interval(low=float(low), high=float(high))


def _logs_drawn(side: Sequence[NDArray[np.float64]], random: np.random.Generator) -> NDArray[np.float64]:
    """Return replicates of the mean over attempts of the log of their medians.

    The median of n samples drawn from n is the sample at the place ``n * u``, where u is the middle one of n uniform numbers
    and so Beta distributed: that spares drawing them.
    """
    middles = np.empty((REPLICATES, len(side)))
    chosen = random.integers(0, len(side), middles.shape)
    for number, samples in enumerate(side):
        drawn = chosen == number
        half = (len(samples) + 1) / 2
        places = np.floor(len(samples) * random.beta(half, half, int(drawn.sum()))).astype(int)
        middles[drawn] = np.sort(samples)[np.minimum(places, len(samples) - 1)]
    means: NDArray[np.float64] = np.log(middles).mean(axis=1)
    return means
