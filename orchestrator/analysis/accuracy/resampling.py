"""AUC-ROC of patients drawn again: the cluster bootstrap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: How often patients are drawn.
REPLICATES = 2000
#: Of one array of a class while it is worked on.
CHUNK_BYTES = 8 << 20


def patient_weights(patients: int, replicates: int = REPLICATES, seed: int = 0) -> NDArray[np.float32]:
    """Return how often each of ``patients`` is drawn in each replicate, [patients, replicates]; equal seeds draw equally."""
    drawn = np.random.default_rng(seed).integers(0, patients, (replicates, patients))
    drawn += np.arange(replicates)[:, None] * patients
    counts = np.bincount(drawn.ravel(), minlength=replicates * patients)
    return np.ascontiguousarray(counts.reshape(replicates, patients).T, np.float32)


def auc_replicates(
    labels: NDArray[Any], scores: NDArray[Any], patients: NDArray[np.intp], weights: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the AUC of each replicate and class, [replicates, classes].

    ``labels`` are 0/1 and ``scores`` numbers [n, classes], ``patients`` [n] are rows of ``weights`` [patients, replicates]. An image
    counts as often as its patient was drawn; ties count half. NaN where a replicate drew no positive or no negative image of a
    class. All images of a patient are drawn together, because they resemble each other (B. Efron, R. Tibshirani, An introduction
    to the bootstrap, 1993, section 8.5).
    """
    columns = [
        _of_a_class(labels[:, column] > 0, scores[:, column], patients, weights) for column in range(labels.shape[1])
    ]
    return np.stack(columns, axis=1)


def _of_a_class(
    positive: NDArray[np.bool_], scores: NDArray[Any], patients: NDArray[np.intp], weights: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Count pairs by the distinct scores of the rarer label: what lies between two of them is summed up once a patient."""
    from scipy.sparse import csr_array

    rare = positive if 2 * positive.sum() <= len(positive) else ~positive
    places = np.unique(scores[rare])
    # 0: below the first; 1: equal to it; 2: between it and the second; …
    bins = np.searchsorted(places, scores[~rare], "left") + np.searchsorted(places, scores[~rare], "right")
    ones, count = np.ones(len(scores), np.float32), len(weights)
    common = csr_array((ones[~rare], (bins, patients[~rare])), shape=(2 * len(places) + 1, count))
    own = csr_array(
        (ones[rare], (np.searchsorted(places, scores[rare]), patients[rare])), shape=(max(len(places), 1), count)
    )
    step = max(1, CHUNK_BYTES // (4 * (2 * len(places) + 1)))
    wins = [_share_won(own @ part, common @ part) for part in _parts(weights, step)]
    share = np.concatenate(wins)
    return share if rare is positive else 1 - share


def _parts(weights: NDArray[np.float32], step: int) -> list[NDArray[np.float32]]:
    starts = range(0, weights.shape[1], step)
    return [np.ascontiguousarray(weights[:, start : start + step]) for start in starts]


def _share_won(own: NDArray[np.float32], common: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the share of pairs in which the rarer label scores higher, of its counts [k, m] between others' [2 k + 1, m]."""
    if len(common) == 1:  # no image has the rarer label
        return np.full(common.shape[1], np.nan)
    # float32 holds counts of up to 16 million exactly, halves of 8; pairs are more
    pairs = own.sum(axis=0, dtype=np.float64) * common.sum(axis=0, dtype=np.float64)
    won = np.cumsum(common[:-1:2] + np.vstack([np.zeros_like(common[:1]), common[1:-2:2]]), axis=0)
    won += common[1::2] / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(pairs > 0, np.einsum("ij,ij->j", own, won, dtype=np.float64) / pairs, np.nan)
