"""An artifact: one built ``.tflite`` file, known by its sha256."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.domain.model import Preprocess


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
    #: What the build checked, JSON values only: largest score difference from Keras, images compared.
    checks: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSet:
    """The evaluation part of a dataset as two ``.npy`` blobs, ready for one preprocessing's size and channels."""

    dataset: str
    #: sha256 of uint8 pixels [n, height, width, stored channels (1 for grey images, else 3)].
    pixels_sha256: str
    #: sha256 of uint8 labels [n, classes].
    labels_sha256: str
    images: int
    classes: tuple[str, ...]
    synthetic: bool
