"""Weights as int4, in the first layer as in the last int8; kernels quantize activations while running."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.models.schemes.dynamic_int4 import DynamicInt4

if TYPE_CHECKING:
    from collections.abc import Sequence


class MixedInt4(DynamicInt4):
    """Dynamic range quantization of two widths."""

    name = "mixed-int4"

    def __init__(self, *, int8_layers: Sequence[str] = ("first", "last"), float_layers: Sequence[str] = ()) -> None:
        super().__init__(int8_layers=int8_layers, float_layers=float_layers)
