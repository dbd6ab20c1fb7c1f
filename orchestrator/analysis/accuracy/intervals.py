"""Where an AUC-ROC, or the change from one to another, may be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.analysis.accuracy.resampling import REPLICATES, auc_replicates, patient_weights
from orchestrator.analysis.auc import NORMAL, NOTHING, auc_components, auc_per_class, rank_interval
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
#: Below so many patients on one side, what is drawn again shows too few values (simulated: of two patients with a finding its
#: interval holds the true AUC in 73 of 100 cases, the true change in 84): an AUC has the interval of its ranks as well, a change
#: that of Student's t.
FEW, FEW_CHANGED = 20, 8
#: Of what `math.exp` takes.
MOST_EXPONENT = 700.0


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

    ``spread`` is `Spread.of` the same, where it is known. One class has at least the interval that its numbers of patients alone
    give (`rank_interval`): DeLong's error knows nothing of mistakes that a few images happen not to show. Simulated, by
    `benchmarks/coverage.py`, intervals hold the true AUC in 87 to 99 of 100 cases, those of 1.96 DeLong errors in 3 to 97.
    """
    return _estimates(of, spread or Spread.of(of), _values(of), change=False)


def change_estimates(a: Scored, b: Scored, spreads: tuple[Spread, Spread] | None = None) -> Estimates:
    """Return how much more AUC B has than A, from pairs of scores of the same images; where all scores are the same, exactly 0.

    ``spreads`` are `Spread.of` both, where they are known. Raises `ValueError` where they scored different images.
    """
    if a.images != b.images:
        raise ValueError("the two sides scored different images")
    of_a, of_b = spreads or (Spread.of(a), Spread.of(b))
    spread = of_b - of_a
    values = [
        None if one is None or other is None else other - one for one, other in zip(_values(a), _values(b), strict=True)
    ]
    same = (a.scores == b.scores).all(axis=0)
    return _estimates(b, spread, values, change=True, same=same)


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

    def estimate(
        self, value: float, columns: Sequence[int], patients: tuple[int, int], *, change: bool, same: bool = False
    ) -> Estimate:
        """Return ``value``, the mean over ``columns``, with its interval.

        ``patients`` have the finding, and have it not: of several classes those of the class with most. ``same`` is true where both
        sides of a change have the same scores.
        """
        chosen, fewest = self.values[:, list(columns)], min(patients)
        if self.method == DELONG:
            # Student's t as the bootstrap below: of few patients on one side the error is little known
            error = float(np.sqrt((chosen.mean(axis=1) ** 2).sum()))
            drawn = None
        else:
            drawn = np.nanmean(chosen[~np.isnan(chosen).all(axis=1)], axis=1)
            error = float(drawn.std()) * math.sqrt(fewest / (fewest - 1))
        if change:
            return _change(value, error, drawn, patients, same=same)
        if error < NOTHING:
            low, high = rank_interval(value, *patients)
        elif drawn is None:
            low, high = _logit_ends(value, error, NORMAL if len(columns) == 1 else _student_reach(fewest - 1))
        else:
            low, high = map(float, np.quantile(drawn, tails(fewest - 1, fewest)))
        if len(columns) == 1 and (drawn is None or fewest < FEW):
            of_ranks = rank_interval(value, *patients)
            low, high = min(low, of_ranks[0]), max(high, of_ranks[1])
        return Estimate(value=value, interval=Interval(low=low, high=high))


def _change(
    value: float, error: float, drawn: NDArray[np.float64] | None, patients: tuple[int, int], *, same: bool
) -> Estimate:
    fewest = min(patients)
    if error < NOTHING:
        # all images changed alike, most often not at all, so the share of pairs that did otherwise is as that of mistakes at an AUC of 1
        half = 0.0 if same else 1 - rank_interval(1.0, *patients)[0]
        p_value = math.erfc(NORMAL * abs(value) / half / math.sqrt(2)) if half else 1.0
        return _changed(value, value - half, value + half, p_value)
    if drawn is None or fewest < FEW_CHANGED:
        half, p_value = _student_reach(fewest - 1) * error, _student_p(value, error, fewest - 1)
        low, high = value - half, value + half
    else:
        low, high = map(float, np.quantile(drawn, tails(fewest - 1, fewest)))
        p_value = _drawn_p(drawn)
    return _changed(value, low, high, p_value)


def _changed(value: float, low: float, high: float, p_value: float) -> Estimate:
    """Return a change within what is possible: -1 to 1."""
    return Estimate(value=value, interval=Interval(low=max(low, -1.0), high=min(high, 1.0)), p_value=p_value)


def _logit_ends(value: float, error: float, reach: float) -> tuple[float, float]:
    """Return the ends of an interval that is even on the logit scale: near 1 there is more room below than above.

    M. Pepe, The Statistical Evaluation of Medical Tests for Classification and Prediction, 2003, section 5.2.4.
    """
    odds, half = math.log(value / (1 - value)), reach * error / (value * (1 - value))
    low, high = (1 / (1 + math.exp(min(-end, MOST_EXPONENT))) for end in (odds - half, odds + half))
    return low, high


def _estimates(
    of: Scored,
    spread: Spread,
    values: Sequence[float | None],
    *,
    change: bool,
    same: NDArray[np.bool_] | None = None,
) -> Estimates:
    same = np.zeros(len(values), bool) if same is None else same
    counts = patients_of_classes(of)
    enough = carrying(of)
    classes = [
        None
        if value is None
        else spread.estimate(value, [column], counts[column], change=change, same=bool(same[column]))
        if column in enough
        else Estimate(value=value, interval=None)
        for column, value in enumerate(values)
    ]
    over = enough or tuple(column for column, value in enumerate(values) if value is not None)
    mean = None
    if over:
        value = float(np.mean([values[column] for column in over]))
        most = max((counts[column] for column in over), key=min)
        mean = Estimate(value=value, interval=None)
        if enough:
            mean = spread.estimate(value, over, most, change=change, same=bool(same[list(over)].all()))
    return Estimates(classes=tuple(classes), mean=mean, over=over, method=spread.method)


def _values(of: Scored) -> tuple[float | None, ...]:
    return auc_per_class(of.labels, of.scores)


def _student_reach(df: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(df, (1 + INTERVAL) / 2))


def _student_p(value: float, error: float, df: int) -> float:
    from scipy.special import stdtr

    return float(2 * stdtr(df, -abs(value) / error))


def _drawn_p(drawn: NDArray[np.float64]) -> float:
    """Return how seldom patients drawn again show the opposite sign; one replicate more stands for what was not drawn."""
    side = min(int((drawn <= NOTHING).sum()), int((drawn >= -NOTHING).sum()))
    return min(1.0, 2 * (side + 1) / (len(drawn) + 1))
