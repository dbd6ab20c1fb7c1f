"""Weights, activations, input and output as int8, scaled by what calibration images show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.schemes.base import Calibration


class Int8:
    """Full integer quantization: no operator may stay in floating point."""

    name = "int8"
    needs_calibration = True
    options: Mapping[str, Any] = {"input": "int8", "output": "int8"}

    def configure(self, converter: Any, calibration: Calibration) -> None:
        """Give the converter images to find the ranges with, and allow int8 kernels alone."""
        import tensorflow as tf

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([batch] for batch in calibration())
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
