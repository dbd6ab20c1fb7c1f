"""A part of the evaluation images that stands for all: whole patients, findings as frequent as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def rows_of_patients(labels: NDArray[np.uint8], patients: Sequence[str], limit: int, *, seed: int) -> NDArray[np.int64]:
    """Return sorted row numbers of at most ``limit`` images, and of one patient at least, for labels [n, classes].

    Patients are drawn by ``seed``, with all their images, from each group by its share of the images. Groups are by the rarest
    finding of a patient. Every group gives one patient first, as far as ``limit`` goes, the rarest groups before the others.
    """
    codes, owner = np.unique(np.asarray(patients), return_inverse=True)
    shown = np.zeros((len(codes), labels.shape[1]), bool)
    np.logical_or.at(shown, owner, labels.astype(bool))
    images = np.bincount(owner, minlength=len(codes))
    frequency = shown.sum(axis=0)
    rarest = np.where(shown, frequency[None], np.iinfo(np.int64).max).argmin(axis=1)
    group = np.where(shown.any(axis=1), rarest, labels.shape[1])
    order = np.random.default_rng(seed).permutation(len(codes))
    turn = np.empty(len(codes))
    for number in np.unique(group):
        members = order[group[order] == number]
        # the k-th of a group's n patients comes at k/n, so that a prefix of all has each group's share
        turn[members] = np.arange(len(members)) / len(members)
    size = np.bincount(group, minlength=labels.shape[1] + 1)
    drawn = np.lexsort((order.argsort(), size[group], turn))
    chosen: list[int] = []
    total = 0
    for patient in drawn:
        if chosen and total + images[patient] > limit:
            continue
        chosen.append(int(patient))
        total += int(images[patient])
        if total >= limit:
            break
    return np.flatnonzero(np.isin(owner, chosen))
