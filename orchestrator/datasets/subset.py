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
    finding of a patient. Before that, every finding gets a patient who has it and one who has it not, the rarest first, as far as
    ``limit`` goes: a finding without either has no AUC.
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
    lacking = np.zeros_like(shown)
    np.logical_or.at(lacking, owner, ~labels.astype(bool))
    chosen: list[int] = []
    total = 0
    for column in np.argsort(frequency, kind="stable"):
        for has in (shown[:, column], lacking[:, column]):
            fitting = drawn[has[drawn] & (total + images[drawn] <= limit)]
            if len(fitting) and not has[chosen].any():
                chosen.append(int(fitting[0]))
                total += int(images[fitting[0]])
    first = set(chosen)
    for patient in drawn:
        if total >= limit:
            break
        if int(patient) not in first and (not chosen or total + images[patient] <= limit):
            chosen.append(int(patient))
            total += int(images[patient])
    return np.flatnonzero(np.isin(owner, chosen))
