"""Where an AUC-ROC, or the change from one to another, may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.analysis.accuracy.resampling import REPLICATES, auc_replicates, patient_weights
from orchestrator.analysis.auc import auc_components, auc_per_class
from orchestrator.analysis.stats import INTERVAL, Interval, tails

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from orchestrator.analysis.accuracy.scored import Scored

#: How an interval was made.
DELONG, BOOTSTRAP = "DeLong", "bootstrap by patient"
#: An interval of a class takes so many patients with its finding, and without; and so many of both together. Of two patients that
#: have both, an interval of 95 % would hold 60 % of true changes, of three 81 %, of four 94 % (simulated).
LEAST_PATIENTS, LEAST_TOGETHER = 2, 4
#: Differences that hang together by less are rounding of float64.
NOTHING = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with its 95 % interval, as far as there is one."""

    value: float
    interval: Interval | None
    #: Two-sided, that a change is none; ``None`` for what is no change, or has no interval.
    p_value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """An estimate for each class, ``None`` for one without both labels, and for the mean."""

    classes: tuple[Estimate | None, ...]
    #: Over the classes `over`; ``None`` where no class has both labels.
    mean: Estimate | None
    #: Places of the classes that the mean is over: those with enough patients for an interval, or else all that have both labels.
    over: tuple[int, ...]
    #: `DELONG` or `BOOTSTRAP`.
    method: str


def auc_estimates(of: Scored, spread: Spread | None = None) -> Estimates:
    """Return the AUC of each class and their mean, with intervals.

    ``spread`` is `Spread.of` the same, where it is known. A class whose images are all ranked right, or all wrong, has no
    interval: how often there would be a mistake in other images, that does not say.
    """
    return _estimates(of, spread or Spread.of(of), _values(of), change=False)


def change_estimates(a: Scored, b: Scored, spreads: tuple[Spread, Spread] | None = None) -> Estimates:
    """Return how much more AUC B has than A, from pairs of scores of the same images.

    ``spreads`` are `Spread.of` both, where they are known. Raises `ValueError` where they scored different images.
    """
    if a.images != b.images:
        raise ValueError("the two sides scored different images")
    of_a, of_b = spreads or (Spread.of(a), Spread.of(b))
    spread = of_b - of_a
    values = [
        None if one is None or other is None else other - one for one, other in zip(_values(a), _values(b), strict=True)
    ]
    return _estimates(b, spread, values, change=True)


def carrying(of: Scored) -> tuple[int, ...]:
    """Return the places of the classes that have enough patients with and without their finding for an interval."""
    if of.images.patient_count < LEAST_TOGETHER:
        return ()
    return tuple(column for column, counts in enumerate(patients_of_classes(of)) if min(counts) >= LEAST_PATIENTS)


def patients_of_classes(of: Scored) -> tuple[tuple[int, int], ...]:
    """Return for each class how many patients have an image with its finding, and how many one without."""
    return tuple(
        (len(np.unique(of.patients[shown])), len(np.unique(of.patients[~shown]))) for shown in (of.labels > 0).T
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """What chance may do to each class: components of images that add up (DeLong), or values drawn again (bootstrap)."""

    #: [images or replicates, classes]; NaN where there is nothing to say.
    values: NDArray[np.float64]
    method: str

    @classmethod
    def of(cls, of: Scored, *, seed: int = 0, replicates: int = REPLICATES) -> Spread:
        """Return what chance may do to ``of``: for images of one patient each without drawing; equal seeds draw equally."""
        if of.by_image:
            return cls(values=auc_components(of.labels, of.scores), method=DELONG)
        weights = patient_weights(of.images.patient_count, replicates, seed)
        return cls(values=auc_replicates(of.labels, of.scores, of.patients, weights), method=BOOTSTRAP)

    def __sub__(self, other: Spread) -> Spread:
        return Spread(values=self.values - other.values, method=self.method)

    def estimate(self, value: float, columns: Sequence[int], fewest: int, *, change: bool) -> Estimate:
        """Return ``value`` with its interval, the mean over ``columns``; ``fewest`` patients are on the side that has fewer."""
        chosen = self.values[:, list(columns)]
        if self.method == DELONG:
            error = float(np.sqrt((chosen.mean(axis=1) ** 2).sum()))
            # Student's t as the bootstrap below: of few patients on one side the error is little known
            half = _student_reach(fewest - 1) * error
            low, high = value - half, value + half
            p_value = _student_p(value, error, fewest - 1)
        else:
            has_any = ~np.isnan(chosen).all(axis=1)
            drawn = np.nanmean(chosen[has_any], axis=1)
            low, high = map(float, np.quantile(drawn, tails(fewest - 1, fewest)))
            p_value = _drawn_p(drawn)
        if not change:
            low, high = max(low, 0.0), min(high, 1.0)
            if high - low < NOTHING:
                return Estimate(value=value, interval=None)
        return Estimate(value=value, interval=Interval(low=low, high=high), p_value=p_value if change else None)


def _estimates(of: Scored, spread: Spread, values: Sequence[float | None], *, change: bool) -> Estimates:
    counts = patients_of_classes(of)
    enough = carrying(of)
    classes = [
        None
        if value is None
        else spread.estimate(value, [column], min(counts[column]), change=change)
        if column in enough
        else Estimate(value=value, interval=None)
        for column, value in enumerate(values)
    ]
    over = enough or tuple(column for column, value in enumerate(values) if value is not None)
    mean = None
    if over:
        value = float(np.mean([values[column] for column in over]))
        fewest = max(min(counts[column]) for column in over)
        mean = spread.estimate(value, over, fewest, change=change) if enough else Estimate(value=value, interval=None)
    return Estimates(classes=tuple(classes), mean=mean, over=over, method=spread.method)


def _values(of: Scored) -> tuple[float | None, ...]:
    return auc_per_class(of.labels, of.scores)


def _student_reach(df: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(df, (1 + INTERVAL) / 2))


def _student_p(value: float, error: float, df: int) -> float:
    from scipy.special import stdtr

    if error < NOTHING:
        return 1.0 if abs(value) < NOTHING else 0.0
    return float(2 * stdtr(df, -abs(value) / error))


def _drawn_p(drawn: NDArray[np.float64]) -> float:
    """Return how seldom patients drawn again show the opposite sign; one replicate more stands for what was not drawn."""
    side = min(int((drawn <= NOTHING).sum()), int((drawn >= -NOTHING).sum()))
    return min(1.0, 2 * (side + 1) / (len(drawn) + 1))
