"""ROC curves: the share of positive images found against that of false alarms, at every threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def roc(positive: NDArray[np.bool_], scores: NDArray[Any]) -> NDArray[np.float64]:
    """Return the corners of the ROC curve of one class, (false alarms, found) of shape [corners, 2], from (0, 0) to (1, 1).

    ``positive`` and ``scores`` are of shape [n]; images with the same score are one step (Fawcett, Pattern Recognition
    Letters 27, 2006). Without a row where all labels are alike.
    """
    positives = int(positive.sum())
    if positives in (0, len(positive)):
        return np.empty((0, 2))
    order = np.argsort(-scores.astype(np.float64), kind="stable")
    found, alarms = (np.cumsum(each[order], dtype=np.int64) for each in (positive, ~positive))
    steps = np.flatnonzero(np.append(np.diff(scores[order].astype(np.float64)) != 0, True))
    counts = np.concatenate([np.zeros((1, 2), np.int64), np.stack([alarms[steps], found[steps]], axis=1)])
    right, up = np.diff(counts, axis=0).T
    turns = np.flatnonzero(right[:-1] * up[1:] != right[1:] * up[:-1]) + 1
    corners: NDArray[np.float64] = counts[[0, *turns, len(counts) - 1]] / (alarms[-1], positives)
    return corners
