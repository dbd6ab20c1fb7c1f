"""An artifact: one built ``.tflite`` file, known by its sha256."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.domain.model import Preprocess


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance:
    """How far a right device's scores may be from the controller's, as its scheme knows it, for scores within 0..1."""

    #: Of a single score, and of the mean over all golden scores. Faults move many scores, rounding moves few: the mean
    #: tells them apart where the largest difference can't.
    largest: float
    mean: float
    #: Where this artifact's scores depend more on the kernels than that: how many times the difference between the
    #: controller's own two sets of kernels is allowed instead.
    times_kernels: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """A few images with their known scores, and how far from them a device's may be."""

    #: sha256 of uint8 pixels [n, height, width, stored channels], a ``.npy`` blob.
    pixels_sha256: str
    #: [n][output columns], of the artifact in the controller's own interpreter, and of the model it was made of.
    scores: tuple[tuple[float, ...], ...]
    keras_scores: tuple[tuple[float, ...], ...]
    #: The bound: of a single score, and of the mean over all of them.
    largest: float
    mean: float

    @classmethod
    def from_json(cls, plain: Mapping[str, Any] | None) -> Golden | None:
        """Undo `dataclasses.asdict` and a trip through JSON; ``None`` stays ``None``."""
        if plain is None:
            return None
        rows = {name: tuple(tuple(row) for row in plain[name]) for name in ("scores", "keras_scores")}
        return cls(**{**plain, **rows})


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """A built file with everything that explains its content."""

    sha256: str
    size_bytes: int
    model: str
    scheme: str
    #: The batch size the input shape is fixed to.
    batch: int
    preprocess: Preprocess
    #: Everything the content depends on, JSON values only: model hash, scheme and its options, batch, sha256 of the
    #: calibration pixels (or ``None``), versions of TensorFlow and Keras. Equal recipes are never built twice.
    recipe: Mapping[str, Any]
    #: What the build checked, JSON values only: largest score difference from the model itself, images compared; and
    #: ``doubt``, what is odd about the model's own scores; ``reads``, of a file with several outputs the numbers of those that
    #: are read.
    checks: Mapping[str, Any]
    #: ``None`` for artifacts that an older farm built.
    golden: Golden | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Some images of an image set, in their order: a blob of `agent.shards`."""

    sha256: str
    images: int
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSet:
    """The evaluation part of a dataset at one preprocessing's size and channels."""

    dataset: str
    #: What the pixels are known by, in the database too: sha256 of all of them as one ``.npy``, uint8 [n, height, width,
    #: stored channels (1 for grey images, else 3)]. The controller keeps that file; devices get shards.
    pixels_sha256: str
    #: sha256 of uint8 labels [n, classes], a ``.npy`` blob.
    labels_sha256: str
    #: sha256 of the `ImageList` that names them, a blob of its own.
    image_list: str
    images: int
    #: Those that are scored, in the dataset's order.
    classes: tuple[str, ...]
    synthetic: bool
    #: All images in their order.
    shards: tuple[Shard, ...]
    #: The column of the model's output for each of `classes`, ``None`` where they are the same by place.
    columns: tuple[int, ...] | None = None
