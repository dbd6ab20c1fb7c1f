"""Synthetic chest-radiograph phantoms with the 14 findings of ChestX-ray14: no patient, nothing to download.

Every finding is a caricature of what it looks like on a radiograph, faint enough, and enough disturbed by anatomy that
varies from patient to patient, that a small network makes mistakes: quantization needs something to lose.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.datasets.base import Images, resized
from orchestrator.datasets.blocks import Listing, regrouped
from orchestrator.datasets.phantom_drawing import FINDINGS, IMAGES_PER_PATIENT, draw_findings, drawn
from orchestrator.domain.dataset import DatasetSummary, PartSummary
from orchestrator.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from orchestrator.datasets.base import Part, Task

#: Raised whenever the drawing changes, so that nothing built on older phantoms is found again.
DRAWING = 1
#: Some 100 MB at 1024 × 1024.
RESIZED_AT_ONCE = 100
#: Patients of each part; images are three times as many.
PATIENTS = {"train": 2700, "validation": 200, "calibration": 70, "evaluation": 340}
_STREAMS = {"train": 1, "validation": 2, "calibration": 3, "evaluation": 4}


class Phantom:
    """The dataset ``phantom``.

    ``seed`` draws other patients; ``patients`` says how many the evaluation part has; ``labelled: false`` leaves images alone, for
    the latency of any model.
    """

    task: Task = "multi-label"
    synthetic = True
    classes: tuple[str, ...] = FINDINGS

    def __init__(
        self,
        *,
        seed: int = 0,
        patients: int = PATIENTS["evaluation"],
        labelled: bool = True,
        name: str = "phantom",
    ) -> None:
        if patients < 1 or seed < 0:
            raise DatasetError(f"phantom: seed {seed} and patients {patients}: at least 0 and 1")
        self.name = name
        if not labelled:
            self.classes = ()
        self._seed = seed
        self._patients = PATIENTS | {"evaluation": patients}

    def load(self, part: Part, *, height: int, width: int, limit: int | None = None) -> Images:
        """Draw a part: the same bits each time, whatever other parts are drawn; ``limit`` keeps its first images."""
        listing = self.listing(part)
        count = len(listing.labels[:limit])
        empty = np.empty((0, height, width, 1), np.uint8)
        return Images(
            pixels=np.concatenate([empty, *self._resized(part, np.arange(count), height, width)]),
            labels=listing.labels[:count],
            patients=listing.patients[:count],
            names=listing.names[:count],
        )

    def listing(self, part: Part) -> Listing:
        """Return the labels, patients and names of a part, drawing no image."""
        labels, owner = draw_findings(self._rng(part), self._patients[part])
        owners = tuple(f"{part}-{number:05d}" for number in owner)
        names = tuple(f"{owner}-{place % IMAGES_PER_PATIENT}" for place, owner in enumerate(owners))
        return Listing(labels=labels[:, : len(self.classes)], patients=owners, names=names)

    def blocks(
        self, part: Part, rows: Sequence[int], *, height: int, width: int, images: int
    ) -> Iterator[NDArray[np.uint8]]:
        """Draw some images of a part, and chance for those before them; yield so many at a time."""
        return regrouped(self._resized(part, np.asarray(rows, np.int64), height, width), images)

    def _resized(self, part: Part, rows: NDArray[np.int64], height: int, width: int) -> Iterator[NDArray[np.uint8]]:
        rng = self._rng(part)
        labels, owner = draw_findings(rng, self._patients[part])
        if len(rows):
            for pixels in drawn(rng, labels, owner, rows=rows):
                for some in range(0, len(pixels), RESIZED_AT_ONCE):
                    yield resized(pixels[some : some + RESIZED_AT_ONCE, ..., None], height, width)

    def _rng(self, part: Part) -> np.random.Generator:
        return np.random.default_rng([self._seed, DRAWING, _STREAMS[part]])

    def summary(self) -> DatasetSummary:
        """Return how many images each part has; which findings they show is known when they are drawn."""
        return DatasetSummary(
            name=self.name,
            synthetic=True,
            parts=tuple(
                PartSummary(part=part, images=patients * IMAGES_PER_PATIENT)
                for part, patients in self._patients.items()
            ),
            patients=sum(self._patients.values()),
        )

    def fingerprint(self) -> str:
        """Hash what decides every pixel."""
        recipe: dict[str, Any] = {"phantom": DRAWING, "seed": self._seed, "patients": self._patients}
        if not self.classes:
            recipe["labelled"] = False
        return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()
