"""The few images that artifacts of one model are built with, as a file that goes to another machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from orchestrator.datasets.base import Images
from orchestrator.domain.dataset import DatasetSummary, PartSummary
from orchestrator.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

    from numpy.typing import NDArray

    from orchestrator.datasets.base import Dataset, Part, Task


def write(file: IO[bytes], checking: Images, calibrating: NDArray[np.uint8] | None) -> None:
    """Write images to check artifacts with, and those of uint8 [n, height, width, channels] to calibrate with, if any."""
    none = np.empty((0, *checking.pixels.shape[1:]), np.uint8)
    np.savez(
        file,
        pixels=checking.pixels,
        labels=checking.labels,
        calibrating=none if calibrating is None else calibrating,
    )


def described(dataset: Dataset) -> dict[str, Any]:
    """Return what `SentImages` takes beside its file, as JSON values."""
    return {
        "name": dataset.name,
        "classes": list(dataset.classes),
        "task": dataset.task,
        "synthetic": dataset.synthetic,
    }


class SentImages:
    """The dataset that `write` wrote, with those images alone, at the one size that they have."""

    def __init__(self, path: str, name: str, classes: Sequence[str], task: str, *, synthetic: bool) -> None:
        self.name, self.classes, self.task, self.synthetic = name, tuple(classes), cast("Task", task), synthetic
        with np.load(path, allow_pickle=False) as arrays:
            self._pixels: dict[str, NDArray[np.uint8]] = {
                "evaluation": arrays["pixels"],
                "calibration": arrays["calibrating"],
            }
            self._labels: NDArray[np.uint8] = arrays["labels"]

    def load(self, part: Part, *, height: int, width: int, limit: int | None = None) -> Images:
        """Return the images of ``evaluation`` or ``calibration`` that were sent; raises `DatasetError` for others."""
        pixels = self._pixels.get(part)
        if pixels is None or pixels.shape[1:3] != (height, width):
            raise DatasetError(f"no {height} × {width} images of {self.name}'s {part} part were sent")
        labels = self._labels if part == "evaluation" else np.zeros((len(pixels), len(self.classes)), np.uint8)
        return Images(pixels=pixels, labels=labels, patients=("",) * len(pixels)).rows(range(len(pixels))[:limit])

    def summary(self) -> DatasetSummary:
        """Return how many images of each part were sent."""
        parts = tuple(PartSummary(part=part, images=len(pixels)) for part, pixels in self._pixels.items())
        return DatasetSummary(name=self.name, synthetic=self.synthetic, parts=parts, patients=0)

    def fingerprint(self) -> str:
        """Raise `DatasetError`: what these images are of is known where they come from."""
        raise DatasetError(f"{self.name}: images that were sent have no fingerprint")
