"""What a round of attempts did to every case alike."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

#: A round's effect needs so many cases: with two, what remains of one is the mirror of the other.
LEAST_CASES = 3
#: Variance of the median of 3, 4, … normal numbers of variance 1 (Teichroew, Ann. Math. Stat. 27, 1956).
_OF_MEDIAN = (0.4487, 0.2982, 0.2868, 0.2147, 0.2104, 0.1682, 0.1661, 0.1383)


def without_rounds(cases: Sequence[Mapping[int, float]]) -> tuple[tuple[NDArray[np.float64], ...], float]:
    """Return the attempts of each case of one device in one run without what their rounds did to all cases alike.

    ``cases`` hold a number for each round, usually the log of an attempt's median; rounds may be missing. All cases take
    turns in a round, so a device that warms up or a neighbour that wakes hits every case of it: the median over cases of how far
    each is from its own mean. The second value is what variances within a case must be multiplied with, because
    taking that median out takes a part of each case's own noise with it. With fewer than `LEAST_CASES` cases, or no
    attempt at all, nothing is taken out.
    """
    if len(cases) < LEAST_CASES:
        return tuple(np.array([case[number] for number in sorted(case)], np.float64) for case in cases), 1.0
    numbers = sorted({number for case in cases for number in case})
    if not numbers:
        return tuple(np.empty(0) for _ in cases), 1.0
    table = np.array([[case.get(number, np.nan) for number in numbers] for case in cases], np.float64)
    there = ~np.isnan(table)
    kept = there.any(axis=1)
    apart = table[kept] - np.nanmean(table[kept], axis=1, keepdims=True)
    # a round that fewer cases took part in says too little of what it did to all
    effects = np.array(
        [
            np.nanmedian(apart[:, place]) if there[:, place].sum() >= LEAST_CASES else 0.0
            for place in range(len(numbers))
        ]
    )
    effects -= effects.mean()
    left = table - effects
    return tuple(row[present] for row, present in zip(left, there, strict=True)), _correction(len(cases))


def df_share(cases: int) -> float:
    """Return the share of a case's degrees of freedom that is left once what rounds did is taken out of so many cases.

    A mean over cases would leave 1 − 1 ÷ cases of them all together; the median takes more of some cases than of others, which
    leaves less, and unevenly, to a single case: 1 − 2 ÷ cases keeps what the level of a table promises (simulated). To claim them all would
    call differences in 3.5 of 100 tables of three like cases.
    """
    return 1.0 - 2.0 / cases if cases >= LEAST_CASES else 1.0


def _correction(cases: int) -> float:
    """Return 1 ÷ the share of a case's variance that is left: 1 − 2 cov(x, median) + var(median), where cov is 1 ÷ cases."""
    place = cases - LEAST_CASES
    of_median = _OF_MEDIAN[place] if place < len(_OF_MEDIAN) else math.pi / 2 / cases
    return 1.0 / (1.0 - 2.0 / cases + of_median)
