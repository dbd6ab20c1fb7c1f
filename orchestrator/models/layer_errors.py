"""How far each layer of an int8 artifact is from float32, by TensorFlow's quantization debugger."""

from __future__ import annotations

import csv
import difflib
import io
import math
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.models.schemes.base import Calibration

#: Operators that have weights, and the end of the name that TensorFlow gives their kernel.
KERNELS = {
    "CONV_2D": ("convolution", "Conv2D"),
    "DEPTHWISE_CONV_2D": ("depthwise",),
    "FULLY_CONNECTED": ("MatMul",),
    "TRANSPOSE_CONV": ("conv2d_transpose",),
}
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
    names = [_layer(row["op_name"], row["tensor_name"]) for row in rows]
    return tuple(
        LayerError(
            layer=name if names.count(name) == 1 else row["tensor_name"],
            operator=row["op_name"],
            rmse_by_scale=_root(float(row["mean_squared_error"])) / float(row["scale"]),
            max_abs_error=float(row["max_abs_error"]),
            scale=float(row["scale"]),
            tensor=row["tensor_name"],
        )
        for row, name in zip(rows, names, strict=True)
        if float(row["scale"]) > 0
    )


def keep_float(converter: Any, calibration: Calibration, words: Sequence[str]) -> bytes:
    """Return the ``.tflite`` whose operators named by ``words`` stay float32; raises `BuildError` with the nearest names."""
    import tensorflow as tf

    layers = measure(converter, lambda: iter([next(iter(calibration()))]))
    tensors = [_tensor(word, layers) for word in words]
    options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=tensors)
    return bytes(_debugger(converter, calibration, options).get_nondebug_quantized_model())


def _debugger(converter: Any, calibration: Calibration, options: Any = None) -> Any:
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\s*Warning: tf\.lite\.Interpreter is deprecated")  # the debugger's own
        return tf.lite.experimental.QuantizationDebugger(
            converter=converter, debug_dataset=lambda: ([batch] for batch in calibration()), debug_options=options
        )


def _tensor(word: str, layers: Sequence[LayerError]) -> str:
    weighted = [each for each in layers if each.operator in KERNELS]
    if word in ("first", "last") and weighted:
        return weighted[0 if word == "first" else -1].tensor
    for each in layers:
        if word in (each.layer, each.tensor):
            return each.tensor
    names = [each.layer for each in layers]
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.3) or names[:3]
    raise BuildError(
        f"scheme int8: the model has no layer {word!r}; nearest: {', '.join(near)}",
        hint="list them: farm models debug",
    )


def _layer(operator: str, tensor: str) -> str:
    """Return the name of the layer whose kernel a fused tensor ends in: of ``m/relu/Relu;m/conv_1/convolution`` it is ``conv_1``."""
    parts = [part.split("/") for part in tensor.split(";") if "/" in part]
    kernels = [part for part in parts if part[-1].startswith(KERNELS.get(operator, ()))]
    for part in kernels or parts[:1]:
        return re.sub(r":\d+$", "", part[-2])
    return tensor


def _root(mean_squared: float) -> float:
    return math.sqrt(max(mean_squared, 0.0))
