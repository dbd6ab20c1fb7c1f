"""AUC-ROC: the chance that a positive image scores higher than a negative one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


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


def _auc(positive: NDArray[np.bool_], scores: NDArray[Any]) -> float | None:
    from scipy.stats import rankdata

    positives = int(positive.sum())
    negatives = len(positive) - positives
    if positives == 0 or negatives == 0:
        return None
    ranks = rankdata(scores.astype(np.float64))
    wins = ranks[positive].sum() - positives * (positives + 1) / 2
    return float(wins / (positives * negatives))
