"""The model ``tiny-cxr``: a small network that ships with farm, trained on the synthetic phantoms.

``farm models train tiny-cxr --dataset phantom --size 64 --epochs 12 --seed 0 --out tiny-cxr.keras`` makes it again.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.datasets.phantom import FINDINGS
from orchestrator.domain.model import Preprocess
from orchestrator.errors import ModelError
from orchestrator.models.keras_source import KerasSource

if TYPE_CHECKING:
    from orchestrator.models.base import Form

WEIGHTS = Path(__file__).parent / "weights" / "tiny-cxr.keras"
#: Pixels become -1..1, as `farm models train` feeds them.
PREPROCESS = Preprocess(height=64, width=64, channels=1, scale=1 / 127.5, mean=(1.0,))


class TinyCxr:
    """Needs no options: weights and preprocessing are its own."""

    formats: tuple[Form, ...] = ("saved_model", "keras")
    classes: tuple[str, ...] = FINDINGS

    def __init__(self, *, preprocess: Preprocess | None = None) -> None:
        if preprocess not in (None, PREPROCESS):
            raise ModelError("model tiny-cxr: it knows its own preprocessing; leave `preprocess:` out")
        self.preprocess = PREPROCESS

    def sha256(self) -> str:
        """Hash the weights' file."""
        return file_sha256(WEIGHTS)

    def load(self) -> KerasSource:
        """Return the Keras model."""
        import keras

        return KerasSource(keras.models.load_model(WEIGHTS, compile=False))


def file_sha256(path: Path) -> str:
    """Hash one file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
