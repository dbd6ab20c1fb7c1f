"""What a model must offer: its preprocessing, a hash of its weights, and a Keras model when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from orchestrator.domain.model import Preprocess


class Model(Protocol):
    """A trained classifier, before quantization. Made from ``ModelSpec.options`` as keyword arguments."""

    preprocess: Preprocess

    def sha256(self) -> str:
        """Return a hash of everything the outputs depend on (architecture and weights), without TensorFlow."""
        ...

    def load(self) -> Any:
        """Return the ``keras.Model``: float32 [n, height, width, channels] to scores [n, classes] in 0..1."""
        ...
