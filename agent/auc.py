"""AUC-ROC per class, ties counted half."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def auc_per_class(labels: NDArray[np.uint8], scores: NDArray[Any]) -> tuple[Optional[float], ...]:
    """Return the area under each class's ROC curve, ``None`` for a class without both labels.

    ``labels`` are 0/1 [n, classes], ``scores`` [n, classes]. By average ranks, which is the Mann-Whitney U statistic
    with ties counted half (Hanley and McNeil 1982, doi:10.1148/radiology.143.1.7063747); a saturated sigmoid makes
    many ties. Computed in float64.
    """
    return tuple(_auc(labels[:, column] != 0, scores[:, column]) for column in range(labels.shape[1]))


def _auc(positive: NDArray[np.bool_], scores: NDArray[Any]) -> Optional[float]:
    positives = int(positive.sum())
    negatives = positive.size - positives
    if positives == 0 or negatives == 0:
        return None
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    average_rank = (last - (count - 1) / 2.0)[place.reshape(-1)]
    u = float(average_rank[positive].sum()) - positives * (positives + 1) / 2.0
    return u / (positives * negatives)
