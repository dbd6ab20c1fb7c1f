"""Weights as int8 with a scale for each channel of every operator; kernels quantize activations while running."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.models.schemes.dynamic import Dynamic
from orchestrator.models.schemes.quantized_weights import QuantizedWeights
from orchestrator.models.weight_bits import Rule
from orchestrator.runtimes import kernel_releases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.models.layer_names import Layer

#: The operator whose kernel older runtimes lack, or answer nonsense with (`orchestrator.models.kernel_needs`).
DENSE, DENSE_VERSION = "FULLY_CONNECTED", 12


class DynamicInt8(QuantizedWeights):
    """Dynamic range quantization of all operators with weights, also of small ones, which scheme ``dynamic`` leaves float.

    With ``compat`` (``tflite-2.14``) dense layers are computed in float32 of int8 weights where that release lacks their kernel.
    """

    name = "dynamic-int8"
    bits = 8
    integer = True
    tolerance = Dynamic.tolerance

    def __init__(self, *, float_layers: Sequence[str] = (), compat: str | None = None) -> None:
        super().__init__(float_layers=float_layers)
        needed = kernel_releases.first_with(DENSE, DENSE_VERSION)
        self._dense_is_float = compat is not None and needed is not None and kernel_releases.release_in(compat) < needed
        if self._dense_is_float:
            self.options = {**self.options, "dense": "float32"}

    def rules(self, layers: Sequence[Layer]) -> tuple[Rule, ...]:
        """Return how the weights of each operator are stored."""
        first, *others = super().rules(layers)
        dense = (Rule(bits=8, operators=(DENSE,)),) if self._dense_is_float else ()
        return (first, *dense, *others)
