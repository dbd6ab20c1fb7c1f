"""Weights as float16; most processors compute in float32 all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.domain.artifact import Tolerance
from orchestrator.models.schemes.tflite import TFLiteScheme

if TYPE_CHECKING:
    from orchestrator.models.schemes.base import Calibration


class Float16(TFLiteScheme):
    """Half-precision weights."""

    name = "float16"
    #: Processors compute in float32 as a rule, and then differ as little as float32 does (6e-6 seen). One that computes in
    #: half precision may round every activation as the weights were rounded, which costs 2e-3 in single scores of
    #: tiny-cxr and 3e-4 on average; several times that is still far below any fault.
    tolerance = Tolerance(largest=2e-2, mean=1e-3, times_kernels=20.0)
    plausible = 2e-2

    def configure(self, converter: Any, calibration: Calibration) -> None:
        """Ask for float16 as the type of constants."""
        import tensorflow as tf

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
