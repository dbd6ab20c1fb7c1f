"""The noise floor: how far apart a case comes out when it is compared with itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Of 100 comparisons of a thing with itself, 5 say there is a difference: the usual rate of false alarms.
SHARE = 0.95
#: Resamples; the 95th percentile of so many moves by 2 % of itself from seed to seed (standard deviation, simulated).
RESAMPLES = 10_000


def floor(p50s: Sequence[float], group: int, *, seed: int = 0) -> float:
    """Return the relative difference that `SHARE` of A/A comparisons with ``group`` attempts a side stay below.

    ``p50s`` are the medians of attempts of one case. Under the hypothesis that A and B are the same, both sides are drawn,
    with replacement, from all of them (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, section 16.2); what is
    drawn is whole attempts, because samples of one process are not independent of each other (Kalibera and Jones,
    Rigorous Benchmarking in Reasonable Time, ISMM 2013). A side is the median of its attempts. Raises `ValueError` for less
    than two attempts a side.
    """
    if group < 1 or len(p50s) < 2 * group:
        raise ValueError(f"{len(p50s)} attempts are too few for two groups of {group}")
    draws = np.random.default_rng(seed).choice(np.asarray(p50s, float), size=(RESAMPLES, 2, group))
    sides = np.median(draws, axis=2)
    return float(np.quantile(np.abs(sides[:, 0] / sides[:, 1] - 1.0), SHARE))


def observed(p50s: Sequence[float], *, seed: int = 0) -> float:
    """Return the relative difference of two halves: of each two attempts in a row one is A, the other B, by a seeded coin.

    Neighbours go to different sides, so that what changes slowly, such as heat, is the same for both.
    """
    pairs = np.asarray(p50s[: len(p50s) // 2 * 2], float).reshape(-1, 2)
    if not len(pairs):
        raise ValueError("one attempt can't be compared with itself")
    first = np.random.default_rng(seed).integers(0, 2, size=len(pairs))
    rows = np.arange(len(pairs))
    return float(abs(np.median(pairs[rows, first]) / np.median(pairs[rows, 1 - first]) - 1.0))
