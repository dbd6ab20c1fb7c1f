"""Which images a dataset is evaluated on, whatever size they are fed at."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

#: Bounds of what a list holds: ChestX-ray14 has 25,596 test images, and 2 MB of names and labels.
MOST_IMAGES = 1 << 21
MOST_BYTES = 1 << 28
LONGEST_NAME = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageList:
    """The images of an evaluation part in their order, with their patients and labels.

    Patients are numbers, counted from 0 in the order in which they come: what belongs together is all that statistics need of
    them. Raises `ValueError` where the parts do not fit together.
    """

    dataset: str
    #: ``multi-label``, ``binary`` or ``one-of-n``.
    task: str
    classes: tuple[str, ...]
    #: As the dataset names them, such as a path below its root.
    names: tuple[str, ...]
    patients: tuple[int, ...]
    #: For each class the places of the images that show it, ascending.
    positives: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        count = len(self.names)
        if count > MOST_IMAGES or len(self.patients) != count or len(self.positives) != len(self.classes):
            raise ValueError(
                f"{count} images, {len(self.patients)} patients, {len(self.classes)} classes with "
                f"{len(self.positives)} lists of positives do not fit together"
            )
        if any(not 0 <= place < count for places in self.positives for place in places):
            raise ValueError(f"a positive image is not among the {count} images")

    @classmethod
    def of(
        cls,
        *,
        dataset: str,
        task: str,
        classes: Sequence[str],
        names: Sequence[str],
        patients: Sequence[str],
        labels: NDArray[Any],
    ) -> Self:
        """Return the list of images with ``labels`` 0/1 [n, classes] and the dataset's own patient identifiers."""
        numbers: dict[str, int] = {}
        return cls(
            dataset=dataset,
            task=task,
            classes=tuple(classes),
            names=tuple(name[:LONGEST_NAME] for name in names),
            patients=tuple(numbers.setdefault(patient, len(numbers)) for patient in patients),
            positives=tuple(tuple(labels[:, column].nonzero()[0].tolist()) for column in range(labels.shape[1])),
        )

    @property
    def sha256(self) -> str:
        """The hash that the list is stored under."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @property
    def patient_count(self) -> int:
        """How many patients the images are of."""
        return len(set(self.patients))

    def labels(self) -> NDArray[np.uint8]:
        """Return the labels, uint8 0/1 [n, classes]."""
        import numpy as np

        labels = np.zeros((len(self.names), len(self.classes)), np.uint8)
        for column, places in enumerate(self.positives):
            labels[list(places), column] = 1
        return labels

    def to_bytes(self) -> bytes:
        """Return the one form of the list that its hash is of: JSON."""
        plain = {
            "dataset": self.dataset,
            "task": self.task,
            "classes": self.classes,
            "names": self.names,
            "patients": self.patients,
            "positives": self.positives,
        }
        return json.dumps(plain, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Undo `to_bytes`; raises `ValueError`."""
        try:
            plain = json.loads(data)
            return cls(
                dataset=str(plain["dataset"]),
                task=str(plain["task"]),
                classes=tuple(map(str, plain["classes"])),
                names=tuple(map(str, plain["names"])),
                patients=tuple(map(int, plain["patients"])),
                positives=tuple(tuple(map(int, places)) for places in plain["positives"]),
            )
        except (KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"no list of images: {error!r}") from error

    def packed(self) -> bytes:
        """Return the list as a database keeps it."""
        return zlib.compress(self.to_bytes(), 6)

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Undo `packed`, never holding more than `MOST_BYTES`; raises `ValueError`."""
        unpacking = zlib.decompressobj()
        try:
            plain = unpacking.decompress(data, MOST_BYTES)
        except zlib.error as error:
            raise ValueError(f"no list of images: {error}") from error
        if not unpacking.eof:
            raise ValueError("a list of images is torn, or too long")
        return cls.from_bytes(plain)
