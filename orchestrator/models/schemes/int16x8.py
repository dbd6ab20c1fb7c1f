"""Weights as int8 with activations as int16, scaled by the range of calibration images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.domain.artifact import Tolerance
from orchestrator.models.schemes.tflite import TFLiteScheme

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.models.schemes.base import Calibration


class Int16x8(TFLiteScheme):
    """Integer quantization for accuracy: XNNPACK takes none of its operators, so that it was seen 17 to 37 times slower than float32."""

    name = "int16x8"
    needs_calibration = True
    options: Mapping[str, Any] = {"input": "float32", "output": "float32"}
    #: One kind of kernel computes it, in 32- or 64-bit integers: what differs between devices is rounding of the last step.
    tolerance = Tolerance(largest=0.02, mean=2e-3, times_kernels=3.0)

    def configure(self, converter: Any, calibration: Calibration) -> None:
        """Give the converter images to find the ranges with, and allow the kernels of 16 by 8 bits alone."""
        import tensorflow as tf

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([batch] for batch in calibration())
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        ]
