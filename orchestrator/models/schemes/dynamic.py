"""Weights as int8; activations are quantized while running, where a kernel knows how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.domain.artifact import Tolerance
from orchestrator.models import dense_version
from orchestrator.models.schemes.tflite import TFLiteScheme

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.models.schemes.base import Calibration


class Dynamic(TFLiteScheme):
    """Dynamic range quantization.

    Dense layers are quantized per tensor: per channel they need FULLY_CONNECTED version 12, which tflite-runtime 2.14
    refuses, and devices without LiteRT have nothing newer.
    """

    name = "dynamic"
    options: Mapping[str, Any] = {"per_channel_dense": False, "dense_version": "as needed"}
    #: Kernels quantize activations while running, each in its own way: XNNPACK and the built-in ones differ by 0.024 in single
    #: scores of tiny-cxr and by 0.0013 on average (0.0025 over the golden images), on x86-64, aarch64 and armv7l alike.
    #: Faults move the mean by 0.022 (a mean of the preprocessing that is off by 2.5 % of the range) and more.
    tolerance = Tolerance(largest=0.1, mean=5e-3, times_kernels=3.0)

    def configure(self, converter: Any, calibration: Calibration) -> None:
        """Ask for TensorFlow's default optimization, without images."""
        import tensorflow as tf

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter._experimental_disable_per_channel_quantization_for_dense_layers = True  # noqa: SLF001  it has no other name

    def convert_with(self, converter: Any, calibration: Calibration) -> bytes:
        """Return the file, its dense layers with the version that they need."""
        return dense_version.lowered(super().convert_with(converter, calibration))
