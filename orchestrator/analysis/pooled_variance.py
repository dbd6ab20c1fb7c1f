"""The variance between attempts of a case, moderated by that of the device's other cases."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.analysis.distributions import polygamma

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Fewer variances show nothing of their distribution.
LEAST_VARIANCES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Variance:
    """A variance with its degrees of freedom."""

    value: float
    df: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What the variances of a device's cases have in common: a scaled inverse chi-square distribution.

    ``df`` is 0 where nothing is known, infinite where the cases do not differ; ``total_df`` bounds what pooling may claim.
    """

    value: float
    df: float
    total_df: float

    def moderated(self, variance: Variance) -> Variance:
        """Return the posterior mean of a case's variance with its degrees of freedom."""
        if not self.df:
            return variance
        if math.isinf(self.df):
            return Variance(value=self.value, df=self.total_df)
        df = self.df + variance.df
        value = (self.df * self.value + variance.df * variance.value) / df
        return Variance(value=value, df=min(df, self.total_df))


def prior(variances: Sequence[Variance]) -> Prior:
    """Return the prior by matching the first two moments of the log variances.

    Smyth, Linear models and empirical Bayes methods, Stat. Appl. Genet. Mol. Biol. 3 (2004), section 6.2, as the R package
    limma does in ``fitFDist``: five attempts say little of their own variance, five attempts of twenty cases say a lot.
    """
    used = [each for each in variances if each.value > 0 and each.df > 0]
    total = sum(each.df for each in used)
    if len(used) < LEAST_VARIANCES:
        return Prior(value=0.0, df=0.0, total_df=total)
    halves = {each.df: each.df / 2 for each in used}
    shifts = {df: math.log(half) - polygamma(0, half) for df, half in halves.items()}
    expected = {df: polygamma(1, half) for df, half in halves.items()}
    logs = np.log([each.value for each in used]) + np.array([shifts[each.df] for each in used])
    mean = float(logs.mean())
    spread = float(logs.var(ddof=1) - np.mean([expected[each.df] for each in used]))
    if spread <= 0:
        return Prior(value=math.exp(mean), df=math.inf, total_df=total)
    df = 2 * _trigamma_inverse(spread)
    return Prior(value=math.exp(mean + polygamma(0, df / 2) - math.log(df / 2)), df=df, total_df=total)


def _trigamma_inverse(value: float) -> float:
    """Solve trigamma(y) = value by Newton's method on 1 ÷ trigamma, which is convex (Smyth 2004, appendix)."""
    if value > 1e7:
        return 1 / math.sqrt(value)
    if value < 1e-6:
        return 1 / value
    y = 0.5 + 1 / value
    for _ in range(50):
        trigamma = polygamma(1, y)
        step = trigamma * (1 - trigamma / value) / polygamma(2, y)
        y += step
        if -step / y < 1e-8:
            break
    return y
