"""The golden check: a few images whose scores are known tell whether a device computes what the controller does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from orchestrator.domain.artifact import Tolerance

#: Few, because every attempt pays for each with an invocation after the timed ones, and enough for faults, which no image hides.
IMAGES = 4
#: A bound is never widened beyond this share of what answering the same to every image would differ.
SHARE_OF_CONSTANT = 0.5


def choose(scores: NDArray[np.float32], count: int = IMAGES) -> list[int]:
    """Return the rows of ``scores`` [n, columns] that differ most from each other, ``count`` or as many as there are.

    Images with nearly equal scores would not tell a constant answer from a right one. The first is the one farthest from
    the mean, each further one is farthest from its nearest neighbour among those before.
    """
    return _farthest(scores, [], count)


def choose_checked(labels: NDArray[Any], scores: NDArray[np.float32], count: int) -> list[int]:
    """Return the rows of ``labels`` and ``scores`` [n, columns] that an artifact is checked on, ``count`` or as many as there are.

    Half of them are taken in turn from images with different labels, the others are those whose scores differ most: neither a
    dataset sorted by class nor one whose images all score alike hides a constant answer.
    """
    turns: dict[bytes, int] = {}
    order = []
    for row, label in enumerate(np.asarray(labels, np.uint8)):
        turn = turns.get(label.tobytes(), 0)
        turns[label.tobytes()] = turn + 1
        order.append((turn, row))
    return sorted(_farthest(scores, [row for _, row in sorted(order)[: count // 2]], count))


def _farthest(scores: NDArray[np.float32], chosen: list[int], count: int) -> list[int]:
    """Add to ``chosen`` the row farthest from the mean, or from its nearest neighbour among those before, and so on."""
    if not len(scores):
        return []

    def from_row(row: int) -> NDArray[np.float32]:
        apart: NDArray[np.float32] = np.abs(scores - scores[row]).sum(axis=1)
        return apart

    distances = (
        np.min([from_row(row) for row in chosen], axis=0)
        if chosen
        else np.abs(scores - scores.mean(axis=0)).sum(axis=1)
    )
    distances[chosen] = -1.0
    while len(chosen) < min(count, len(scores)):
        chosen.append(int(np.argmax(distances)))
        nearest = from_row(chosen[-1])
        distances = nearest if len(chosen) == 1 else np.minimum(distances, nearest)
        distances[chosen] = -1.0  # also where all others are their equals
    return chosen


def difference(scores: ArrayLike, expected: ArrayLike) -> tuple[float, float]:
    """Return (largest, mean) absolute difference; infinite where a score is not a number, or there are more or fewer."""
    found, known = np.asarray(scores, np.float64), np.asarray(expected, np.float64)
    if found.shape != known.shape:
        return math.inf, math.inf
    apart = np.abs(found - known)
    largest, mean = float(apart.max()), float(apart.mean())
    return (largest, mean) if math.isfinite(mean) else (math.inf, math.inf)


def bound(
    tolerance: Tolerance, scores: NDArray[np.float32], kernels: tuple[float, float], spread: float
) -> tuple[float, float]:
    """Return the (largest, mean) difference from ``scores`` [n, columns] that a right device may show.

    ``kernels`` is the (largest, mean) difference between the controller's own two sets of kernels, ``spread`` is how far
    scores reach (1 for probabilities). A model that depends much on rounding gets a wider bound, but never one that
    would let a constant answer pass.
    """
    constant = difference(scores, np.broadcast_to(np.median(scores, axis=0), scores.shape))
    least = tolerance.largest * spread, tolerance.mean * spread
    return (
        max(least[0], min(tolerance.times_kernels * kernels[0], SHARE_OF_CONSTANT * constant[0])),
        max(least[1], min(tolerance.times_kernels * kernels[1], SHARE_OF_CONSTANT * constant[1])),
    )
