"""Weights as int8 that become float32 again before they are used: a quarter of the size, computed in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.models.schemes.float16 import Float16
from orchestrator.models.schemes.quantized_weights import QuantizedWeights

if TYPE_CHECKING:
    from collections.abc import Sequence


class WeightsInt8(QuantizedWeights):
    """Weight-only quantization."""

    name = "weights-int8"
    bits = 8
    integer = False
    #: Everything but the stored weights is float, as in float16; tflite-runtime 2.14 and LiteRT differ by less than 1e-4.
    tolerance = Float16.tolerance

    def __init__(self, *, float_layers: Sequence[str] = ()) -> None:
        super().__init__(float_layers=float_layers)
