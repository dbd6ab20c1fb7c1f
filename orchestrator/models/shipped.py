"""The models that ship with farm: depthwise-separable networks, trained on the synthetic phantoms.

``farm models train tiny-cxr --dataset phantom --size 64 --epochs 12 --seed 0 --output tiny-cxr.keras`` makes the tiny one
again, ``scripts/small-cxr small-cxr.keras`` the small one.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from orchestrator.datasets.phantom_drawing import FINDINGS
from orchestrator.domain.model import Preprocess
from orchestrator.errors import ModelError
from orchestrator.models.keras_source import KerasSource

if TYPE_CHECKING:
    from orchestrator.models.base import Form

_FOLDER = Path(__file__).parent / "weights"
#: Side -> pixels that become -1..1, as `farm models train` feeds them.
PIXELS = {side: Preprocess(height=side, width=side, channels=1, scale=1 / 127.5, mean=(1.0,)) for side in (64, 256)}


class Shipped:
    """Needs no options: weights and preprocessing are its own."""

    formats: tuple[Form, ...] = ("saved_model", "keras")
    classes: tuple[str, ...] = FINDINGS
    name: ClassVar[str]
    #: The file of the trained model.
    weights: ClassVar[Path]
    #: What the model was trained on.
    images: ClassVar[Preprocess]

    def __init__(self, *, preprocess: Preprocess | None = None) -> None:
        if preprocess not in (None, self.images):
            raise ModelError(f"model {self.name}: it knows its own preprocessing; leave `preprocess:` out")
        self.preprocess = self.images

    def sha256(self) -> str:
        """Hash the weights' file."""
        return file_sha256(self.weights)

    def load(self) -> KerasSource:
        """Return the Keras model."""
        import keras

        return KerasSource(keras.models.load_model(self.weights, compile=False))


class SmallCxr(Shipped):
    """What a bare `farm run` measures: of a size that people deploy."""

    name, weights, images = "small-cxr", _FOLDER / "small-cxr.keras", PIXELS[256]


class TinyCxr(Shipped):
    """A model that is built and measured in a moment, for first contacts and tests."""

    name, weights, images = "tiny-cxr", _FOLDER / "tiny-cxr.keras", PIXELS[64]


def file_sha256(path: Path) -> str:
    """Hash one file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
