"""The evaluation images of a dataset at one size, packed in shards."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.datasets.blocks import open_part
from orchestrator.datasets.subset import rows_of_patients
from orchestrator.domain.artifact import ImageSet, Shard
from orchestrator.domain.image_list import ImageList
from orchestrator.errors import DatasetError
from orchestrator.models.blob_folder import digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.datasets.base import Dataset
    from orchestrator.datasets.blocks import OpenedPart
    from orchestrator.domain.model import Preprocess
    from orchestrator.models.blob_folder import BlobFolder, Recipes
    from orchestrator.models.class_match import ClassMatch

#: Of the pixels of a shard: a device holds one at a time in memory.
SHARD_BYTES = 32 << 20
#: Raised whenever the format of a shard changes.
PACKING = 1
#: Shards hold whole batches of every usual size.
_BATCHES = 64


class ImageSets:
    """Image sets in a folder of blobs: pixels as one ``.npy`` that is mapped into memory, its shards, labels, names.

    Each is found by the dataset's fingerprint, the size and the subset, and verified by its hashes; what is damaged is made again.
    """

    def __init__(self, blobs: BlobFolder, recipes: Recipes) -> None:
        self._blobs, self._recipes = blobs, recipes

    def get(
        self, source: Dataset, preprocess: Preprocess, match: ClassMatch, *, limit: int | None, seed: int
    ) -> ImageSet:
        """Return the evaluation part at this size, decoding images only when something changed.

        With ``limit`` at most so many of its images, of whole patients drawn by ``seed``. Raises `DatasetError`.
        """
        key = _key(source, preprocess, match, limit, seed)
        images = self._kept(key) or self._make(key, source, preprocess, match, limit, seed)
        return replace(images, columns=match.columns)

    def find(
        self, source: Dataset, preprocess: Preprocess, match: ClassMatch, *, limit: int | None, seed: int
    ) -> ImageSet | None:
        """Return what `get` made before, ``None`` where a file of it is gone; nothing is read."""
        plain = self._recipes.read(_key(source, preprocess, match, limit, seed))
        images = None if plain is None else _from_json(plain)
        if images is None:
            return None
        files = (images.labels_sha256, *(shard.sha256 for shard in images.shards))
        return images if all(self._blobs.path(sha256).exists() for sha256 in files) else None

    def pixels(self, images: ImageSet) -> NDArray[np.uint8]:
        """Return all pixels, mapped into memory, uint8 [n, height, width, channels]."""
        import numpy as np

        return np.load(self._blobs.path(images.pixels_sha256), mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]

    def _kept(self, key: str) -> ImageSet | None:
        plain = self._recipes.read(key)
        images = None if plain is None else _from_json(plain)
        if images is None or not all(map(self._blobs.is_whole, (images.labels_sha256, images.image_list))):
            return None
        damaged = [place for place, shard in enumerate(images.shards) if not self._blobs.is_whole(shard.sha256)]
        if damaged and not self._packed_again(images, damaged):
            return None
        return images

    def _packed_again(self, images: ImageSet, damaged: list[int]) -> bool:
        """Make shards anew from the pixels; return False where those are damaged, too."""
        from agent import shards

        if not self._blobs.is_whole(images.pixels_sha256):
            return False
        pixels = self.pixels(images)
        starts = [sum(shard.images for shard in images.shards[:place]) for place in damaged]
        made = [
            self._blobs.keep_bytes(shards.pack(pixels[start : start + images.shards[place].images]))
            for place, start in zip(damaged, starts, strict=True)
        ]
        return made == [images.shards[place].sha256 for place in damaged]

    def _make(  # noqa: PLR0917  what decides the images
        self, key: str, source: Dataset, preprocess: Preprocess, match: ClassMatch, limit: int | None, seed: int
    ) -> ImageSet:
        import numpy as np

        part = open_part(source, "evaluation", height=preprocess.height, width=preprocess.width)
        rows: NDArray[np.int64] = np.arange(len(part.labels))
        if limit is not None and limit < len(rows):
            rows = rows_of_patients(part.labels, part.patients, limit, seed=seed)
        listed = _listed(source, part, rows, match.scored)
        pixels_sha256, shards = self._keep_pixels(part, rows)
        image_set = ImageSet(
            dataset=source.name,
            image_list=self._blobs.keep_bytes(listed.to_bytes()),
            pixels_sha256=pixels_sha256,
            labels_sha256=self._blobs.keep_array(np.ascontiguousarray(part.labels[rows][:, list(match.scored)])),
            images=len(rows),
            classes=listed.classes,
            synthetic=source.synthetic,
            shards=shards,
        )
        self._recipes.write(key, asdict(image_set))
        return image_set

    def _keep_pixels(self, part: OpenedPart, rows: NDArray[np.int64]) -> tuple[str, tuple[Shard, ...]]:
        """Decode shard by shard into the ``.npy``; return its sha256, and the shards."""
        import numpy as np

        from agent import shards

        made: list[Shard] = []
        with self._blobs.unfinished() as file:
            for pixels in _blocks(part, rows):
                if not made:
                    shape = (len(rows), *pixels.shape[1:])
                    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(file, header)
                file.write(pixels.data)
                packed = shards.pack(pixels)
                made.append(Shard(sha256=self._blobs.keep_bytes(packed), images=len(pixels), size_bytes=len(packed)))
        return self._blobs.keep_file(Path(file.name)), tuple(made)


def shard_images(image_bytes: int) -> int:
    """Return how many images of so many bytes a shard holds, one at least."""
    count = max(1, SHARD_BYTES // image_bytes)
    return count - count % _BATCHES if count > _BATCHES else count


def _blocks(part: OpenedPart, rows: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    """Yield the pixels of each shard; the first image says how many bytes one has."""
    (first,) = part.blocks([int(rows[0])], 1)
    yield from part.blocks(rows.tolist(), shard_images(first.nbytes))


def _key(source: Dataset, preprocess: Preprocess, match: ClassMatch, limit: int | None, seed: int) -> str:
    identity: dict[str, Any] = {"images": source.fingerprint()}
    identity |= {"height": preprocess.height, "width": preprocess.width}
    identity |= {"packing": PACKING, "shard_bytes": SHARD_BYTES}
    if match.columns is not None:
        identity |= {"scored": match.scored, "columns": match.columns}
    return digest(identity if limit is None else identity | {"limit": limit, "seed": seed})


def _listed(source: Dataset, part: OpenedPart, rows: NDArray[np.int64], scored: Sequence[int]) -> ImageList:
    counts = {len(part.labels), len(part.patients), len(part.names or part.labels)}
    if len(counts) > 1:
        raise DatasetError(
            f"dataset {source.name}: {len(part.labels)} images, {len(part.patients)} patients, {len(part.names)} names",
            hint="the plug-in's `load` must give one of each",
        )
    try:
        return ImageList.of(
            dataset=source.name,
            task=source.task,
            classes=tuple(source.classes[place] for place in scored),
            names=[part.names[row] if part.names else f"image {row}" for row in rows],
            patients=[part.patients[row] for row in rows],
            labels=part.labels[rows][:, list(scored)],
        )
    except ValueError as error:
        raise DatasetError(f"dataset {source.name}: {error}") from error


def _from_json(plain: dict[str, Any]) -> ImageSet | None:
    try:
        shards = tuple(Shard(**shard) for shard in plain["shards"])
        return ImageSet(**{**plain, "classes": tuple(plain["classes"]), "shards": shards})
    except (KeyError, TypeError):  # of an older farm
        return None
