"""What a quantization scheme must offer: settings for TensorFlow's converter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.domain.artifact import Tolerance

    #: Yields preprocessed float32 batches [batch, height, width, channels].
    Calibration = Callable[[], Iterator[NDArray[np.float32]]]


class Scheme(Protocol):
    """A way to quantize."""

    name: str
    #: Of the artifact: ``tflite``, ``keras`` (the model as it is) or ``onnx`` (made of the ``.tflite`` of `configure`).
    format: str
    #: True where `configure` needs images; their hash is then part of the recipe.
    needs_calibration: bool
    #: What else the result depends on, JSON values only; part of the recipe.
    options: Mapping[str, Any]
    #: How far a device's scores may be from the controller's before it is taken to compute something else.
    tolerance: Tolerance

    def configure(self, converter: Any, calibration: Calibration) -> None:
        """Set up a ``tf.lite.TFLiteConverter``."""
        ...
