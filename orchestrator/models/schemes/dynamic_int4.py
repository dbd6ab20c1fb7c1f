"""Weights as int4 (of depthwise convolutions int8); kernels quantize activations while running."""

from __future__ import annotations

from orchestrator.models.schemes.dynamic import Dynamic
from orchestrator.models.schemes.quantized_weights import QuantizedWeights
from orchestrator.models.schemes.weights_int4 import WeightsInt4


class DynamicInt4(QuantizedWeights):
    """Dynamic range quantization; what 4 bits lose, it loses as weights-int4 does."""

    name = "dynamic-int4"
    bits = 4
    integer = True
    tolerance = Dynamic.tolerance
    plausible = WeightsInt4.plausible
    least_bytes_per_weight = WeightsInt4.least_bytes_per_weight
