"""AUC-ROC with its interval: the chance that a positive image scores higher than a negative one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

#: 95 % of a normal distribution are within so many standard errors.
NORMAL = 1.959963984540054
#: Differences that hang together by less are rounding of float64.
NOTHING = 1e-12


def auc_per_class(labels: NDArray[Any], scores: NDArray[Any]) -> tuple[float | None, ...]:
    """Return the AUC-ROC of each class from labels 0/1 [n, classes] and scores [n, classes].

    Ties count half: ranks are averaged (Mann-Whitney U; Hanley & McNeil, Radiology 143, 1982). ``None`` for a class
    whose labels are all alike. Raises `ValueError` for shapes that differ.
    """
    if labels.shape != scores.shape or labels.ndim != 2:
        raise ValueError(f"labels {labels.shape} and scores {scores.shape} must both be [images, classes]")
    return tuple(_auc(labels[:, column] > 0, scores[:, column]) for column in range(labels.shape[1]))


def mean_auc(per_class: Sequence[float | None]) -> float | None:
    """Return the mean over the classes that have an AUC, ``None`` where none has."""
    defined = [auc for auc in per_class if auc is not None]
    return float(np.mean(defined)) if defined else None


def mean_auc_error(labels: NDArray[Any], scores: NDArray[Any]) -> float | None:
    """Return the standard error of the mean AUC of scores [n, classes], by structural components as in `auc_difference`.

    Classes with a single image of a label are left out. ``None`` where no other has an AUC, or every class is separated without a mistake: how
    often there would be one in other images, that does not say. Raises `ValueError` for shapes that differ.
    """
    if labels.shape != scores.shape or labels.ndim != 2:
        raise ValueError(f"labels {labels.shape} and scores {scores.shape} must both be [images, classes]")
    columns = _columns(labels)
    if columns is None:
        return None
    _, added = _mean_components(labels, scores, columns)
    return float(np.sqrt((added**2).sum())) or None


def auc_interval(mean: float, error: float) -> tuple[float, float]:
    """Return where an AUC is with 95 %, by the normal distribution, within 0 to 1."""
    return max(0.0, mean - NORMAL * error), min(1.0, mean + NORMAL * error)


def rank_interval(auc: float, positives: int, negatives: int) -> tuple[float, float]:
    """Return where an AUC is with 95 %, from so many images, or patients, of each label alone.

    The ends are the AUCs that lie just so many standard errors of their own away, as Wilson's ends of a share are; so there is an
    interval where no pair is in the wrong order, too (R. Newcombe, Confidence intervals for an effect size measure based on the
    Mann-Whitney statistic, part 2, Statistics in Medicine 25, 2006, method 5).
    """

    def is_within(true: float) -> bool:
        more = (positives + negatives) / 2 - 1
        factor = 1 + more * ((1 - true) / (2 - true) + true / (1 + true))
        return (auc - true) ** 2 <= NORMAL**2 * true * (1 - true) * factor / (positives * negatives)

    return _last_within(is_within, auc, 0.0), _last_within(is_within, auc, 1.0)


def _last_within(is_within: Callable[[float], bool], inside: float, outside: float) -> float:
    """Return the point nearest to ``outside`` that is within, by halving."""
    for _ in range(60):
        middle = (inside + outside) / 2
        if is_within(middle):
            inside = middle
        else:
            outside = middle
    return inside


def _auc(positive: NDArray[np.bool_], scores: NDArray[Any]) -> float | None:
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if positives == 0 or negatives == 0:
        return None
    ranks = _ranks(scores.astype(np.float64))
    wins = ranks[positive].sum() - positives * (positives + 1) / 2
    return float(wins / (positives * negatives))


@dataclass(frozen=True, slots=True, kw_only=True)
class AucDifference:
    """How much more mean AUC-ROC B has than A on the same images."""

    difference: float
    #: The standard error; 0 where both sides have the same scores.
    error: float
    #: The ends of its 95 % interval where they are known otherwise than by the error.
    ends: tuple[float, float] | None = None

    @property
    def interval(self) -> tuple[float, float]:
        """Where the difference is with 95 %: its ends, else by the normal distribution."""
        if self.ends is not None:
            return self.ends
        return self.difference - NORMAL * self.error, self.difference + NORMAL * self.error

    def p_beyond(self, bound: float) -> float:
        """Return how often chance would put the difference as far beyond ``bound``, were it exactly there."""
        far = abs(self.difference - bound)
        if not self.error:
            return 0.0 if far else 1.0
        return math.erfc(far / self.error / math.sqrt(2)) / 2


def auc_difference(
    labels: NDArray[Any], a: NDArray[Any], b: NDArray[Any], patients: NDArray[np.intp] | None = None
) -> AucDifference | None:
    """Return the difference of the mean AUCs of scores ``a`` and ``b`` [n, classes] of the same n images.

    The error is by structural components (DeLong, DeLong, Clarke-Pearson, Biometrics 44, 1988): what each image adds to the
    difference, squared and summed, because images are independent of each other and the two scores of one are not. It is
    theirs exactly for one class; for several, what an image adds to every class is added first. Where ``patients`` [n], numbers
    from 0, have several images, what those add is added before it is squared (N. Obuchowski, Biometrics 53, 1997). Classes with
    a single image of a label are left out; ``None`` where no other has an AUC. Where all images are in the same order on both sides
    with other scores, the error is that of a share of which not one pair was in the other order (`rank_interval`). Raises
    `ValueError` for shapes that differ.
    """
    if not labels.shape == a.shape == b.shape or labels.ndim != 2:
        raise ValueError(f"labels {labels.shape} and scores {a.shape} and {b.shape} must all be [images, classes]")
    columns = _columns(labels, patients)
    if columns is None:
        return None
    (auc_a, of_a), (auc_b, of_b) = (_mean_components(labels, scores, columns) for scores in (a, b))
    added = of_b - of_a
    of_each = added if patients is None else np.bincount(patients, weights=added).astype(np.float64)
    error = float(np.sqrt((of_each**2).sum()))
    if error < NOTHING and not np.array_equal(a[:, columns], b[:, columns]):
        counts = [_with_and_without(shown, patients) for shown in (labels > 0).T[columns]]
        error = (1 - rank_interval(1.0, *max(counts, key=min))[0]) / NORMAL
    return AucDifference(difference=auc_b - auc_a, error=error)


def auc_components(labels: NDArray[Any], scores: NDArray[Any]) -> NDArray[np.float64]:
    """Return what each image adds to each AUC, [n, classes]: the squares of a column sum up to DeLong's variance.

    NaN for a class with fewer than two images of a label.
    """
    counts = (labels > 0).sum(axis=0)
    return np.stack(
        [
            _components(labels[:, column] > 0, scores[:, column])[1]
            if min(count, len(labels) - count) > 1
            else np.full(len(labels), np.nan)
            for column, count in enumerate(counts)
        ],
        axis=1,
    )


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ranks from 1, those of ties averaged, as ``scipy.stats.rankdata`` does; importing that takes half a second."""
    if np.isnan(values).any():
        return np.full(len(values), np.nan)
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[places], np.float64)


def _columns(labels: NDArray[Any], patients: NDArray[np.intp] | None = None) -> NDArray[np.intp] | None:
    """Return the classes with two patients or more of each label, ``None`` where there is none."""
    columns = np.flatnonzero([min(_with_and_without(shown, patients)) > 1 for shown in (labels > 0).T])
    return columns if len(columns) else None


def _with_and_without(shown: NDArray[np.bool_], patients: NDArray[np.intp] | None) -> tuple[int, int]:
    """Return how many patients have an image with a finding, and how many one without; without ``patients``, how many images."""
    of = np.arange(len(shown)) if patients is None else patients
    return len(np.unique(of[shown])), len(np.unique(of[~shown]))


def _mean_components(
    labels: NDArray[Any], scores: NDArray[Any], columns: NDArray[np.intp]
) -> tuple[float, NDArray[np.float64]]:
    """Return the mean AUC over ``columns``, and for each image what it adds to that."""
    each = [_components(labels[:, column] > 0, scores[:, column]) for column in columns]
    return float(np.mean([auc for auc, _ in each])), np.mean([added for _, added in each], axis=0)


def _components(positive: NDArray[np.bool_], scores: NDArray[Any]) -> tuple[float, NDArray[np.float64]]:
    """Return an AUC, and for each image what it adds to it; the squares of that sum up to DeLong's variance."""
    values = scores.astype(np.float64)
    together = _ranks(values)
    added = np.empty(len(values))
    for of, sign in ((~positive, -1), (positive, 1)):
        count = int(of.sum())
        # How many of the others an image has below itself, ties counting half.
        below = (together[of] - _ranks(values[of])) / (len(values) - count)
        added[of] = sign * (below - below.mean()) / np.sqrt(count * (count - 1))
    return float(below.mean()), added
