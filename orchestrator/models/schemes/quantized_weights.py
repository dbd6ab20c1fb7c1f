"""TensorFlow's float32 file with weights quantized by ai-edge-quantizer, as several schemes use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from orchestrator.models import layer_names, weight_bits
from orchestrator.models.schemes.tflite import TFLiteScheme
from orchestrator.models.weight_bits import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.models.layer_names import Layer

#: Operators that LiteRT has int4 kernels for; what else has weights is int8 in an int4 scheme.
INT4_OPERATORS = ("CONV_2D", "FULLY_CONNECTED")


class QuantizedWeights(TFLiteScheme):
    """A scheme that says how many ``bits`` a weight has, and whether kernels compute in ``integer``.

    ``float_layers`` stay float32, ``int8_layers`` are int8 in a scheme of 4 bits: names of layers as `farm models debug` lists
    them, regular expressions that match whole names, ``first`` or ``last``.
    """

    bits: ClassVar[int]
    integer: ClassVar[bool]

    def __init__(self, *, float_layers: Sequence[str] = (), int8_layers: Sequence[str] = ()) -> None:
        self._float_layers, self._int8_layers = tuple(float_layers), tuple(int8_layers)
        self.options: Mapping[str, Any] = {
            weight_bits.PACKAGE: weight_bits.installed(),
            "bits": self.bits,
            "integer": self.integer,
            **({"float_layers": list(float_layers)} if float_layers else {}),
            **({"int8_layers": list(int8_layers)} if int8_layers else {}),
        }

    @staticmethod
    def missing() -> str | None:
        """Return how to get ai-edge-quantizer, ``None`` where it is installed."""
        return weight_bits.missing()

    def convert_with(self, converter: Any, calibration: Any) -> bytes:
        """Return the file with quantized weights, made of the converter's float32 file."""
        content = super().convert_with(converter, calibration)
        return weight_bits.quantize(content, self.rules(weight_bits.layers_of(content)))

    def rules(self, layers: Sequence[Layer]) -> tuple[Rule, ...]:
        """Return how the weights of each operator are stored; raises `BuildError` where an option names no layer."""
        rules = [Rule(bits=8, integer=self.integer)]
        if self.bits != 8:
            rules.append(Rule(bits=self.bits, integer=self.integer, operators=INT4_OPERATORS))
        if self._int8_layers:
            chosen = layer_names.choose(self._int8_layers, layers, self.name)
            rules.append(Rule(bits=8, integer=self.integer, layers=chosen))
        if self._float_layers:
            rules.append(Rule(bits=None, layers=layer_names.choose(self._float_layers, layers, self.name)))
        return tuple(rules)
