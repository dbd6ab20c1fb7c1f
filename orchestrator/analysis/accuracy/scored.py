"""The scores of a case with the images that they are of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.errors import StoreError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestrator.domain.case import Case
    from orchestrator.domain.image_list import ImageList
    from orchestrator.domain.result import Scores
    from orchestrator.store.queries import Queries


@dataclass(frozen=True, kw_only=True, eq=False)
class Scored:
    """Labelled images with one set of scores; raises `ValueError` where their numbers differ."""

    images: ImageList
    #: float32 [n, classes]
    scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        expected = len(self.images.names), len(self.images.classes)
        if self.scores.shape != expected:
            raise ValueError(f"scores {self.scores.shape} are not of {expected[0]} images and {expected[1]} classes")

    @cached_property
    def labels(self) -> NDArray[np.uint8]:
        """The labels, 0/1 [n, classes]."""
        return self.images.labels()

    @cached_property
    def patients(self) -> NDArray[np.intp]:
        """The patient of each image, from 0, [n]."""
        return np.array(self.images.patients, np.intp)

    @property
    def by_image(self) -> bool:
        """Whether each image is of a patient of its own."""
        return self.images.patient_count == len(self.images.names)


def scored(store: Queries, run: str, case: Case) -> Scored | None:
    """Return the scores of ``case`` with their images, ``None`` where it has none, or an older farm did not store the images."""
    return with_images(store, store.scores(run, case))


def with_images(store: Queries, scores: Scores | None) -> Scored | None:
    """Return ``scores`` with their images, as far as both are there; raises `StoreError` where they do not fit."""
    if scores is None or scores.error is not None or scores.image_list is None:
        return None
    images = store.image_list(scores.image_list)
    if images is None:
        return None
    try:
        return Scored(images=images, scores=np.frombuffer(scores.scores, "<f4").reshape(scores.shape))
    except ValueError as error:
        raise StoreError(f"the database is damaged: {error}", hint="restore a copy of it") from None
