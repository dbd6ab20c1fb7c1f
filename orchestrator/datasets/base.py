"""The interface of a dataset: named classes, parts that share no patient."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, cast

import numpy as np

from orchestrator import registry
from orchestrator.config import plugin_options
from orchestrator.errors import DatasetError, brief

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from orchestrator.domain.dataset import DatasetSummary
    from orchestrator.domain.model import DatasetSpec

#: ``calibration`` is a piece of the training side; no patient of ``evaluation`` is in any other part.
Part = Literal["train", "validation", "calibration", "evaluation"]
Task = Literal["multi-label", "binary", "one-of-n"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Images:
    """Labelled images in memory."""

    #: uint8 [n, height, width, 1 for grey, else 3]
    pixels: NDArray[np.uint8]
    #: uint8 0/1 [n, classes]; a binary dataset has one class, the positive one.
    labels: NDArray[np.uint8]
    #: One for each image.
    patients: tuple[str, ...]
    #: What the dataset calls each image, such as its path below the root; empty where it has no names for them.
    names: tuple[str, ...] = ()

    def rows(self, numbers: Iterable[int]) -> Images:
        """Return the images of these rows."""
        kept = list(numbers)
        return Images(
            pixels=self.pixels[kept],
            labels=self.labels[kept],
            patients=tuple(self.patients[row] for row in kept),
            names=tuple(self.names[row] for row in kept) if self.names else (),
        )


class Dataset(Protocol):
    """Labelled images with a calibration part and an evaluation part, disjoint by patient."""

    name: str
    classes: tuple[str, ...]
    task: Task
    #: True where the images are drawn by a program; shown wherever the dataset is.
    synthetic: bool

    def load(self, part: Part, *, height: int, width: int, limit: int | None = None) -> Images:
        """Return a part at this size, in an order that never changes; raises `DatasetError`.

        With ``limit``, at most so many images that stand for the part (of every class where it has them), decoding no
        other.
        """
        ...

    def summary(self) -> DatasetSummary:
        """Return what is read and left out, decoding a few images at most; raises `DatasetError`."""
        ...

    def fingerprint(self) -> str:
        """Return a sha256 that changes whenever any image, label or setting does, without decoding images."""
        ...


class Datasets:
    """The datasets of one run by what a suite says of them, each made once: reading the labels of a large one takes seconds."""

    def __init__(self) -> None:
        self._made: dict[str, Dataset] = {}

    def of(self, spec: DatasetSpec) -> Dataset:
        """Return the dataset that ``spec`` names; raises what `make_dataset` raises."""
        key = json.dumps([spec.kind, spec.options], sort_keys=True)
        if key not in self._made:
            self._made[key] = make_dataset(spec)
        return self._made[key]


def make_dataset(spec: DatasetSpec) -> Dataset:
    """Return the dataset that a suite names; raises `DatasetError` naming the option that does not fit."""
    plug_in = registry.find("dataset", spec.kind)
    wrong = plugin_options.complaint(plug_in, spec.options)
    if wrong is not None:
        raise DatasetError(f"{registry.label('dataset', spec.kind)}: {wrong.words}")
    try:
        return cast("Dataset", registry.make("dataset", spec.kind, **spec.options))
    except OSError as error:
        where = os.fsencode(error.filename or "").decode(errors="backslashreplace")
        raise DatasetError(f"dataset {spec.kind}: {where}: {error.strerror or brief(error)}") from error


def resized(pixels: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """Return uint8 images [n, height, width, channels], averaging where they shrink (Pillow's box-aware bilinear)."""
    from PIL import Image

    if pixels.shape[1:3] == (height, width):
        return pixels
    grey = pixels.shape[3] == 1
    shrunk = [
        np.asarray(Image.fromarray(image[..., 0] if grey else image).resize((width, height), Image.Resampling.BILINEAR))
        for image in pixels
    ]
    return np.stack(shrunk).reshape(len(pixels), height, width, pixels.shape[3])
