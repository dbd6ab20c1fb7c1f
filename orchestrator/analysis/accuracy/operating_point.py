"""What a threshold on the scores of one finding gives: sensitivity, specificity, precision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: A share that is asked for is reached where it is only rounding away.
ROUNDING = 1e-12


def sensitivity_at(positive: NDArray[np.bool_], scores: NDArray[Any], specificity: float) -> float | None:
    """Return the largest share of positive images found at a threshold that keeps at least ``specificity``.

    ``positive`` and ``scores`` are of shape [n]. ``None`` where all labels are alike. Nothing is interpolated: the threshold is a
    score that an image has.
    """
    found, alarms = _steps(positive, scores)
    if found is None or alarms is None:
        return None
    return float(found[1 - alarms >= specificity - ROUNDING].max(initial=0.0))


def specificity_at(positive: NDArray[np.bool_], scores: NDArray[Any], sensitivity: float) -> float | None:
    """Return the largest share of negative images passed at a threshold that keeps at least ``sensitivity``."""
    found, alarms = _steps(positive, scores)
    if found is None or alarms is None:
        return None
    return float(1 - alarms[found >= sensitivity - ROUNDING].min(initial=1.0))


def average_precision(positive: NDArray[np.bool_], scores: NDArray[Any]) -> float | None:
    """Return the area under the precision-recall curve as the mean precision over positives, ``None`` where labels are alike.

    Precision is not interpolated between thresholds (J. Davis, M. Goadrich, ICML 2006); images with the same score are one step.
    """
    if not 0 < positive.sum() < len(positive):
        return None
    found, alarms = _counts(positive, scores)
    gained = np.diff(found, prepend=0)
    return float((gained * found / (found + alarms)).sum() / found[-1])


def _steps(
    positive: NDArray[np.bool_], scores: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | tuple[None, None]:
    """Return (share of positives found, share of negatives alarmed) from none on, none at all for labels that are alike."""
    if not 0 < positive.sum() < len(positive):
        return None, None
    found, alarms = _counts(positive, scores)
    return np.concatenate([[0.0], found / found[-1]]), np.concatenate([[0.0], alarms / alarms[-1]])


def _counts(positive: NDArray[np.bool_], scores: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many positives and negatives score at least as high, at each distinct score from the highest down."""
    order = np.argsort(-scores.astype(np.float64), kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order].astype(np.float64)) != 0, True))
    return np.cumsum(positive[order], dtype=np.int64)[ends], np.cumsum(~positive[order], dtype=np.int64)[ends]
