"""Weights in float32 as they were trained: the scheme that the others are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.domain.artifact import Tolerance
from orchestrator.models.schemes.tflite import TFLiteScheme

if TYPE_CHECKING:
    pass


class Float32(TFLiteScheme):
    """No quantization."""

    name = "float32"
    #: Seen on the trained tiny-cxr: 8e-7 between XNNPACK and the built-in kernels, 2e-7 to a Cortex-A72, 7e-6 to armv7l
    #: (both emulated). Deep or ill-conditioned models differ more (1.4e-3 was seen on random noise); how much, their own
    #: kernels tell, and other processors were seen to differ by up to ten times that.
    tolerance = Tolerance(largest=1e-4, mean=2e-5, times_kernels=20.0)
    plausible = 1e-3
