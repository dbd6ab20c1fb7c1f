"""How far each layer of an int8 artifact is from float32, by TensorFlow's quantization debugger."""

from __future__ import annotations

import csv
import io
import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.models import layer_names

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.models.schemes.base import Calibration

#: RMSE by scale of a layer that int8 suits: rounding alone gives 1/√12 = 0.29; TensorFlow's guide takes more than 0.7 as suspect
#: (https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_debugger).
SUSPECT = 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerError:
    """The output of one operator, int8 against float32 of the same int8 input, over calibration images."""

    #: What a suite calls it: the layer's name where only one operator has it, else the tensor's whole name.
    layer: str
    operator: str
    #: Root of the mean squared error, in steps of the output's int8 scale.
    rmse_by_scale: float
    #: Largest mean absolute error of an image's output, in real values.
    max_abs_error: float
    scale: float
    tensor: str

    @property
    def suspect(self) -> bool:
        """Whether int8 loses more here than its steps explain."""
        return self.rmse_by_scale > SUSPECT


def measure(converter: Any, calibration: Calibration) -> tuple[LayerError, ...]:
    """Return every quantized operator in the order of the graph; ``converter`` is one that a scheme has configured."""
    debugger = _debugger(converter, calibration)
    debugger.run()
    table = io.StringIO()
    debugger.layer_statistics_dump(table)
    rows = list(csv.DictReader(io.StringIO(table.getvalue())))
    layers = layer_names.named((row["op_name"], row["tensor_name"]) for row in rows)
    return tuple(
        LayerError(
            layer=layer.name,
            operator=layer.operator,
            rmse_by_scale=_root(float(row["mean_squared_error"])) / float(row["scale"]),
            max_abs_error=float(row["max_abs_error"]),
            scale=float(row["scale"]),
            tensor=layer.tensor,
        )
        for row, layer in zip(rows, layers, strict=True)
        if float(row["scale"]) > 0
    )


def keep_float(converter: Any, calibration: Calibration, words: Sequence[str]) -> bytes:
    """Return the ``.tflite`` whose operators named by ``words`` stay float32; raises `BuildError` with the nearest names."""
    import tensorflow as tf

    measured = measure(converter, lambda: iter([next(iter(calibration()))]))
    layers = layer_names.named((each.operator, each.tensor) for each in measured)
    tensors = [layer.tensor for layer in layer_names.choose(words, layers, "int8")]
    options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=tensors)
    return bytes(_debugger(converter, calibration, options).get_nondebug_quantized_model())


def _debugger(converter: Any, calibration: Calibration, options: Any = None) -> Any:
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\s*Warning: tf\.lite\.Interpreter is deprecated")  # the debugger's own
        return tf.lite.experimental.QuantizationDebugger(
            converter=converter, debug_dataset=lambda: ([batch] for batch in calibration()), debug_options=options
        )


def _root(mean_squared: float) -> float:
    return math.sqrt(max(mean_squared, 0.0))
