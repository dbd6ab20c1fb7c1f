"""The images of a dataset that a model is scored on, with the labels of the classes that it knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.datasets.subset import rows_of_patients
from orchestrator.domain.image_list import ImageList
from orchestrator.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from orchestrator.datasets.base import Dataset
    from orchestrator.domain.model import Preprocess


def read(
    source: Dataset, how: Preprocess, scored: Sequence[int], *, limit: int | None, seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], ImageList]:
    """Return pixels [n, height, width, channels], labels [n, scored] and what names them; ``scored`` are places of classes.

    With ``limit`` at most so many of the evaluation part's images, of whole patients drawn by ``seed``. Raises `DatasetError`.
    """
    images = source.load("evaluation", height=how.height, width=how.width)
    if limit is not None and limit < len(images.pixels):
        images = images.rows(rows_of_patients(images.labels, images.patients, limit, seed=seed))
    labels = np.ascontiguousarray(images.labels[:, list(scored)])
    try:
        listed = ImageList.of(
            dataset=source.name,
            task=source.task,
            classes=tuple(source.classes[place] for place in scored),
            names=images.names or [f"image {number}" for number in range(len(images.pixels))],
            patients=images.patients,
            labels=labels,
        )
    except ValueError as error:
        raise DatasetError(
            f"dataset {source.name}: {error}", hint="the plug-in's `load` must give one of each"
        ) from error
    return np.ascontiguousarray(images.pixels), labels, listed
