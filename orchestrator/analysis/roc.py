"""ROC curves: the share of positive images found against that of false alarms, at every threshold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def roc(positive: NDArray[np.bool_], scores: NDArray[Any], points: int) -> list[tuple[float, float]]:
    """Return (false alarms, found) of one class, from (0, 0) to (1, 1), at most ``points`` of them.

    ``positive`` and ``scores`` are of shape [n]; images with the same score are one step (Fawcett, Pattern Recognition
    Letters 27, 2006). Empty where all labels are alike.
    """
    positives = int(positive.sum())
    if positives in (0, len(positive)):
        return []
    order = np.argsort(-scores.astype(np.float64), kind="stable")
    found, alarms = np.cumsum(positive[order]), np.cumsum(~positive[order])
    steps = np.flatnonzero(np.append(np.diff(scores[order].astype(np.float64)) != 0, True))
    curve = np.stack([alarms[steps] / alarms[-1], found[steps] / positives], axis=1)
    curve = np.concatenate([np.zeros((1, 2)), curve])
    places = np.unique(np.linspace(0, len(curve) - 1, min(points, len(curve))).round().astype(int))
    return [(float(x), float(y)) for x, y in curve[places]]
