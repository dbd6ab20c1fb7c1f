"""A part of a dataset in blocks of bounded size, never all of its pixels at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from orchestrator.datasets.base import Dataset, Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What is known of the images of a part without decoding them."""

    #: uint8 0/1 [n, classes]
    labels: NDArray[np.uint8]
    #: One for each image.
    patients: tuple[str, ...]
    #: What the dataset calls each image; empty where it has no names for them.
    names: tuple[str, ...] = ()


@runtime_checkable
class InBlocks(Protocol):
    """What a dataset may have beside `Dataset`, so that a part larger than memory can be read."""

    def listing(self, part: Part) -> Listing:
        """Return the images of a part in the order of `load`, decoding none; raises `DatasetError`."""
        ...

    def blocks(
        self, part: Part, rows: Sequence[int], *, height: int, width: int, images: int
    ) -> Iterator[NDArray[np.uint8]]:
        """Yield the pixels of ``rows``, which ascend, as `load` gives them, ``images`` at a time; raises `DatasetError`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedPart:
    """A part at one size."""

    labels: NDArray[np.uint8]
    patients: tuple[str, ...]
    names: tuple[str, ...]
    #: ``blocks(rows, images)`` yields the pixels of ascending rows, uint8 [at most ``images``, height, width, channels].
    blocks: Callable[[Sequence[int], int], Iterator[NDArray[np.uint8]]]


def open_part(source: Dataset, part: Part, *, height: int, width: int) -> OpenedPart:
    """Return a part at this size; a dataset that is not `InBlocks` is loaded whole. Raises `DatasetError`."""
    if isinstance(source, InBlocks):
        listing = source.listing(part)

        def read(rows: Sequence[int], images: int) -> Iterator[NDArray[np.uint8]]:
            return source.blocks(part, rows, height=height, width=width, images=images)

        return OpenedPart(labels=listing.labels, patients=listing.patients, names=listing.names, blocks=read)
    loaded = source.load(part, height=height, width=width)

    def cut(rows: Sequence[int], images: int) -> Iterator[NDArray[np.uint8]]:
        for start in range(0, len(rows), images):
            yield loaded.pixels[list(rows[start : start + images])]

    return OpenedPart(labels=loaded.labels, patients=loaded.patients, names=loaded.names, blocks=cut)


def regrouped(pieces: Iterable[NDArray[np.uint8]], images: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the images of ``pieces`` so many at a time; the last block has the rest."""
    kept: list[NDArray[np.uint8]] = []
    count = 0
    for piece in pieces:
        rest = piece
        while count + len(rest) >= images:
            yield np.concatenate([*kept, rest[: images - count]])
            rest = rest[images - count :]
            kept, count = [], 0
        if len(rest):
            kept.append(rest)
            count += len(rest)
    if kept:
        yield np.concatenate(kept)
