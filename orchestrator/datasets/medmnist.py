"""A MedMNIST set: one official ``.npz``, three parts in it."""

from __future__ import annotations

import hashlib
import math
import zipfile
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.datasets.base import Images, resized
from orchestrator.datasets.blocks import Listing, regrouped
from orchestrator.datasets.file_names import shown
from orchestrator.datasets.image_files import spread
from orchestrator.datasets.nih_names import FINDINGS
from orchestrator.domain.dataset import DatasetSummary, PartSummary
from orchestrator.errors import DatasetError, brief

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import IO

    from numpy.typing import NDArray

    from orchestrator.datasets.base import Part, Task

#: Part -> the name that the file gives it.
SPLITS: dict[Part, str] = {"train": "train", "validation": "val", "calibration": "val", "evaluation": "test"}
#: Classes by the beginning of the file's name (Yang et al., Scientific Data 10:41, 2023; ``medmnist.INFO``).
CLASSES = {
    "chestmnist": FINDINGS,
    "pneumoniamnist": ("normal", "pneumonia"),
    "breastmnist": ("malignant", "normal, benign"),
}
#: Of an array that is read whole: labels, 9 MB of which ChestMNIST has.
LARGEST_BYTES = 256 << 20
#: Of one image: those of MedMNIST have 150 kB at most.
LARGEST_IMAGE_BYTES = 256 << 20
#: Of the images that are read at a time.
READ_BYTES = 8 << 20
#: ImageNet has as many.
MOST_CLASSES = 1000
#: Images whose pixels are read for the summary.
SAMPLED = 32


class MedMnist:
    """The dataset ``medmnist``: ``path`` is the ``.npz`` as it is distributed.

    Several findings an image are multi-label, two classes binary (``positive`` names the positive one, by default the last), more
    one-of-n. ``classes`` names them where farm does not know the set. The calibration part is every other image of ``val``, the
    validation part the rest. The files name no patients: every image counts as one, and intervals are too narrow where several
    images are of one patient. ChestMNIST's split is its own, not that of ChestX-ray14: a model trained on either has seen images of
    the other's test part.
    """

    synthetic = False

    def __init__(
        self, path: str, *, classes: list[str] | None = None, positive: str | None = None, name: str | None = None
    ) -> None:
        self._path = Path(path)
        if not self._path.is_file():
            raise DatasetError(f"{shown(self._path)}: no such file", hint="`path:` is the .npz of MedMNIST")
        self.name = name or self._path.stem
        labels = self._labels("test")
        known = next((names for start, names in CLASSES.items() if self._path.stem.startswith(start)), None)
        count = (
            labels.shape[1]
            if labels.shape[1] > 1
            else max(2, *(int(self._labels(split).max()) + 1 for split in SPLITS.values()))
        )
        if count > MOST_CLASSES:
            raise DatasetError(f"{shown(self._path)}: labels of {count:,} classes, farm reads at most {MOST_CLASSES:,}")
        names = tuple(classes or known or map(str, range(count)))
        if len(names) != count:
            raise DatasetError(f"{shown(self._path)}: it has {count} classes, {len(names)} are named")
        self.task: Task = "multi-label" if labels.shape[1] > 1 else "binary" if count == 2 else "one-of-n"
        self._names, self.classes = names, names
        if self.task == "binary":
            chosen = positive or names[-1]
            if chosen not in names:
                raise DatasetError(f"{shown(self._path)}: no class {chosen!r}; there are {', '.join(names)}")
            self.classes = (chosen,)
        elif positive is not None:
            raise DatasetError(f"{shown(self._path)}: `positive:` is for two classes, there are {count}")

    def load(self, part: Part, *, height: int, width: int, limit: int | None = None) -> Images:
        """Return a part at this size; with ``limit`` images of every class, evenly spaced. Raises `DatasetError`."""
        labels = self._columns(SPLITS[part])
        rows = self._rows(part, len(labels))
        if limit is not None:
            groups = [tuple(label) for label in labels[rows]]
            rows = rows[spread(groups, limit)]
        names = tuple(f"{SPLITS[part]}-{row}" for row in rows)
        pixels = [np.empty((0, height, width, 1), np.uint8)] if not len(rows) else []
        pixels += self._resized(SPLITS[part], len(labels), rows, height, width)
        return Images(pixels=np.concatenate(pixels), labels=labels[rows], patients=names, names=names)

    def listing(self, part: Part) -> Listing:
        """Return the labels and names of a part."""
        labels = self._columns(SPLITS[part])
        rows = self._rows(part, len(labels))
        names = tuple(f"{SPLITS[part]}-{row}" for row in rows)
        return Listing(labels=labels[rows], patients=names, names=names)

    def blocks(
        self, part: Part, rows: Sequence[int], *, height: int, width: int, images: int
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield the pixels of some images, so many at a time. Raises `DatasetError`."""
        count = len(self._labels(SPLITS[part]))
        places = self._rows(part, count)[np.asarray(rows, np.int64)]
        return regrouped(self._resized(SPLITS[part], count, places, height, width), images)

    def _resized(
        self, split: str, count: int, rows: NDArray[np.int64], height: int, width: int
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield the pixels of ascending rows, a few at a time: the file is unpacked once, from its beginning."""
        start = 0
        for pixels in self._stored(split, count):
            chosen = rows[(rows >= start) & (rows < start + len(pixels))] - start
            if len(chosen):
                yield resized(pixels[chosen], height, width)
            start += len(pixels)

    def _stored(self, split: str, count: int) -> Iterator[NDArray[np.uint8]]:
        """Yield all images of a split as they are stored, [n, height, width, channels]."""
        name = f"{split}_images"
        self._expect(name)
        try:
            with zipfile.ZipFile(self._path) as archive, archive.open(f"{name}.npy") as member:
                shape = self._shape(member, name, count)
                image_bytes = math.prod(shape[1:])
                for start in range(0, count, step := max(1, READ_BYTES // image_bytes)):
                    wanted = min(step, count - start)
                    content = member.read(wanted * image_bytes)
                    pixels = np.frombuffer(content, np.uint8).reshape(wanted, *shape[1:])  # refuses what is cut off
                    yield pixels if pixels.ndim == 4 else pixels[..., None]
        except DatasetError:
            raise
        except Exception as error:  # zipfile and zlib raise what they like
            raise self._unreadable(error) from error

    def _shape(self, member: IO[bytes], name: str, count: int) -> tuple[int, ...]:
        """Read the header of an array of images; raises `DatasetError` where it is another kind of array."""
        version = np.lib.format.read_magic(member)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, is_fortran, dtype = read(member)
        if dtype.hasobject:
            raise self._unreadable(TypeError(f"{name} holds Python objects"))
        if dtype != np.uint8 or len(shape) not in (3, 4) or shape[0] != count or is_fortran:
            raise DatasetError(f"{shown(self._path)}: {name} is {dtype} {shape} for {count} labels")
        if len(shape) == 4 and shape[3] not in (1, 3):
            raise DatasetError(f"{shown(self._path)}: images of {shape[1:]}: farm reads flat ones, grey or RGB")
        if math.prod(shape[1:]) > LARGEST_IMAGE_BYTES:
            raise DatasetError(f"{shown(self._path)}: an image unpacks to {math.prod(shape[1:])} bytes")
        return shape

    def summary(self) -> DatasetSummary:
        """Return images of each class and part; raises `DatasetError`."""
        parts = []
        for part, split in SPLITS.items():
            labels = self._columns(split)
            labels = labels[self._rows(part, len(labels))]
            by_class = Counter(dict(zip(self.classes, labels.sum(axis=0).tolist(), strict=True)))
            parts.append(PartSummary(part=part, images=len(labels), by_class=dict(by_class)))
        few = self.load("calibration", height=28, width=28, limit=SAMPLED).pixels
        return DatasetSummary(
            name=self.name,
            synthetic=False,
            parts=tuple(parts),
            patients=sum(part.images for part in parts),
            sampled=len(few),
            modes=("L" if few.shape[3] == 1 else "RGB",),
            pixel_range=(int(few.min()), int(few.max())),
        )

    def fingerprint(self) -> str:
        """Hash settings, and name, size and time of change of the file."""
        facts = self._path.stat()
        identity = repr((self._path.name, self._names, self.classes, facts.st_size, facts.st_mtime_ns))
        return hashlib.sha256(identity.encode()).hexdigest()

    def _rows(self, part: Part, count: int) -> NDArray[np.int64]:
        rows = np.arange(count)
        return rows[::2] if part == "calibration" else rows[1::2] if part == "validation" else rows

    def _columns(self, split: str) -> NDArray[np.uint8]:
        """Return labels [n, classes] of 0 and 1."""
        labels = self._labels(split)
        if self.task == "multi-label":
            columns = labels
        else:
            positions = [self._names.index(name) for name in self.classes]
            columns = labels == np.array(positions)[None]
        return np.ascontiguousarray(columns, np.uint8)

    def _labels(self, split: str) -> NDArray[Any]:
        labels = self._array(f"{split}_labels")
        if labels.ndim != 2 or not len(labels) or labels.dtype.kind not in "iub" or labels.min() < 0:
            raise DatasetError(f"{shown(self._path)}: {split}_labels is {labels.dtype} {labels.shape}, not labels")
        if labels.shape[1] > 1 and labels.max() > 1:
            raise DatasetError(f"{shown(self._path)}: {split}_labels holds {labels.max()}, not 0 and 1")
        return labels

    @cached_property
    def _sizes(self) -> dict[str, int]:
        try:
            with zipfile.ZipFile(self._path) as archive:
                return {each.filename: each.file_size for each in archive.infolist()}
        except Exception as error:  # zipfile and zlib raise what they like
            raise self._unreadable(error) from error

    def _array(self, name: str) -> NDArray[Any]:
        """Read one array; nothing is unpickled, and none that unpacks to more than memory should hold."""
        size = self._expect(name)
        if size > LARGEST_BYTES:
            raise DatasetError(f"{shown(self._path)}: {name} unpacks to {size >> 20} MiB")
        try:
            with np.load(self._path, allow_pickle=False) as arrays:
                array = arrays[name]
        except Exception as error:  # zipfile, zlib and numpy raise what they like
            raise self._unreadable(error) from error
        if not isinstance(array, np.ndarray):  # bytes of a member that is no array
            raise self._unreadable(TypeError(f"{name} is no array"))
        return array

    def _expect(self, name: str) -> int:
        """Return the bytes that an array unpacks to; raises `DatasetError` where the file has none of that name."""
        size = self._sizes.get(f"{name}.npy")
        if size is None:
            raise DatasetError(
                f"{shown(self._path)}: it has no {name}: is it a MedMNIST file?",
                hint=f"it holds {', '.join(sorted(self._sizes)[:6])}",
            )
        return size

    def _unreadable(self, error: Exception) -> DatasetError:
        return DatasetError(f"{shown(self._path)}: can't be read as .npz: {brief(error)}", hint="download it again")
