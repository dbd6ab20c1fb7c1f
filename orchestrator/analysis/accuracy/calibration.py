"""Whether a score of 0.3 is right in 30 % of images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Of equal width, as C. Guo, G. Pleiss, Y. Sun, K. Weinberger have them (On calibration of modern neural networks, ICML 2017).
BINS = 15


def are_probabilities(scores: NDArray[Any]) -> bool:
    """Check whether all ``scores`` are within 0 and 1: logits have no calibration."""
    return bool(len(scores)) and bool(scores.min() >= 0) and bool(scores.max() <= 1)


def brier(positive: NDArray[np.bool_], scores: NDArray[Any]) -> float | None:
    """Return the mean squared distance of scores [n] from labels (G. Brier, 1950), ``None`` where they are no probabilities."""
    if not are_probabilities(scores):
        return None
    return float(((scores.astype(np.float64) - positive) ** 2).mean())


def expected_calibration_error(positive: NDArray[np.bool_], scores: NDArray[Any]) -> float | None:
    """Return how far the mean score of images with like scores is from their share of positives, on average over images.

    Images are put into `BINS` bins by score; ``None`` where the scores [n] are no probabilities.
    """
    if not are_probabilities(scores):
        return None
    values = scores.astype(np.float64)
    places = np.minimum((values * BINS).astype(np.intp), BINS - 1)
    apart = np.bincount(places, weights=values - positive, minlength=BINS)
    return float(np.abs(apart).sum() / len(values))
