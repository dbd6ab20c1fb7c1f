"""Weights as int4 that become float32 again before they are used; depthwise convolutions have int8."""

from __future__ import annotations

from orchestrator.models.schemes.float16 import Float16
from orchestrator.models.schemes.quantized_weights import QuantizedWeights


class WeightsInt4(QuantizedWeights):
    """Weight-only quantization; 4 bits lose accuracy in small networks, up to 0.75 in single scores of tiny-cxr."""

    name = "weights-int4"
    bits = 4
    integer = False
    #: Everything but the stored weights is float.
    tolerance = Float16.tolerance
    plausible = 0.9
    least_bytes_per_weight = 0.25
