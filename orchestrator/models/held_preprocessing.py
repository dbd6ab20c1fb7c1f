"""Preprocessing that a model's graph holds itself: what becomes of pixels before the first layer with weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from orchestrator.domain.model import Preprocess

#: Images of 0 to 255 become numbers that differ by 1 to 6 (0..1, -1..1, divided by ImageNet's deviations). Less is no range that
#: a model is trained with: pixels were scaled twice.
NARROW = 0.2
#: A constant of one number, or of one for each channel, has no more.
_FEW_BYTES = 64
#: Operators that hand their input on, as numbers of another type or the same.
_THROUGH = frozenset({"QUANTIZE", "DEQUANTIZE", "CAST", "RESHAPE", "PAD"})
_THROUGH_IN_ONNX = frozenset(
    {"QuantizeLinear", "DequantizeLinear", "Cast", "Identity", "Reshape", "Transpose", "Pad", "Squeeze", "Unsqueeze"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """``x * scale + offset``, as a layer or operator of the graph computes it; of several channels the mean of both."""

    name: str
    scale: float
    offset: float


def words(held: Sequence[Held]) -> tuple[str, ...]:
    """Return each step as people write it."""
    return tuple(
        f"{one.name}: x × {one.scale:.4g} {'−' if one.offset < 0 else '+'} {abs(one.offset):.4g}" for one in held
    )


def twice(held: Sequence[Held], how: Preprocess) -> str | None:
    """Return why pixels that ``how`` prepares and ``held`` prepares again are scaled twice, ``None`` where they are not."""
    if not held:
        return None
    given = 255 * how.scale / float(np.mean(how.std))
    inside = float(np.prod([abs(one.scale) for one in held]))
    if given >= 100 or given * inside >= NARROW:  # pixels as they are; or a model that only shifts them
        return None
    return (
        f"pixels are scaled twice: `preprocess:` makes them {given:.3g} wide, and the model again "
        f"({'; '.join(words(held))}), which leaves {given * inside:.2g}; say `preprocess: {{scale: 1}}`"
    )


def of_keras(model: Any) -> tuple[Held, ...]:
    """Return the layers Rescaling and Normalization that an image meets first in a Keras model."""
    import keras

    found: list[Held] = []
    for layer in _chain(model):
        if isinstance(layer, keras.layers.Rescaling):
            scale, offset = (float(np.mean(np.asarray(each, np.float64))) for each in (layer.scale, layer.offset))
            found.append(Held(name="Rescaling", scale=scale, offset=offset))
        elif isinstance(layer, keras.layers.Normalization) and layer.mean is not None:
            mean, deviation = np.asarray(layer.mean, np.float64), np.sqrt(np.asarray(layer.variance, np.float64))
            deviation = np.maximum(deviation, keras.config.epsilon())
            found.append(
                Held(
                    name="Normalization", scale=float(np.mean(1 / deviation)), offset=float(np.mean(-mean / deviation))
                )
            )
        elif layer.weights:
            break
    return tuple(each for each in found if (each.scale, each.offset) != (1.0, 0.0))


def _chain(model: Any) -> Iterator[Any]:
    """Yield the layers of a model in order, models within it opened."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _chain(layer)
        else:
            yield layer


def of_tflite(model: Any, names: Sequence[str]) -> tuple[Held, ...]:
    """Return the MUL, DIV, ADD and SUB by constants that an image meets first; ``model`` is a flatbuffer's ``Model``."""
    graph = model.Subgraphs(0)
    image, found = graph.Inputs(0), []
    for number, name in enumerate(names):
        operator = graph.Operators(number)
        inputs = [operator.Inputs(place) for place in range(operator.InputsLength())]
        if image not in inputs:
            continue
        if name in ("MUL", "DIV", "ADD", "SUB") and len(inputs) == 2:
            constant = _constant(model, graph, inputs[1 - inputs.index(image)])
            if constant is None or (inputs[0] != image and name in ("DIV", "SUB")):
                break
            found.append(_held(name, constant))
        elif name not in _THROUGH:
            break
        image = operator.Outputs(0)
    return tuple(found)


def of_onnx(graph: Any, image: str) -> tuple[Held, ...]:
    """Return the Mul, Div, Add and Sub by constants that the input ``image`` meets first; ``graph`` is a ``GraphProto``."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    constants = [node for node in graph.node if node.op_type == "Constant"]
    tensors |= {node.output[0]: each.t for node in constants for each in node.attribute if each.name == "value"}
    found = []
    for node in graph.node:
        inputs = list(node.input)
        if image not in inputs:
            continue
        if node.op_type in ("Mul", "Div", "Add", "Sub") and len(inputs) == 2:
            constant = _constant_of_onnx(tensors.get(inputs[1 - inputs.index(image)]))
            if constant is None or (inputs[0] != image and node.op_type in ("Div", "Sub")):
                break
            found.append(_held(node.op_type, constant))
        elif node.op_type not in _THROUGH_IN_ONNX or inputs[0] != image:
            break
        image = node.output[0]
    return tuple(found)


def _constant_of_onnx(tensor: Any) -> float | None:
    """Return the mean of a tensor of a few real values; ``None`` for any other."""
    from onnx import numpy_helper

    values = np.zeros(0) if tensor is None else numpy_helper.to_array(tensor)
    return _mean(values) if 0 < values.nbytes <= _FEW_BYTES and values.dtype.kind == "f" else None


def _held(name: str, constant: float) -> Held:
    operator = name.upper()
    if operator in ("MUL", "DIV"):
        return Held(name=name, scale=constant if operator == "MUL" else 1 / constant, offset=0.0)
    return Held(name=name, scale=1.0, offset=constant if operator == "ADD" else -constant)


def _constant(model: Any, graph: Any, number: int) -> float | None:
    """Return the mean of a constant tensor of a few numbers, as real values; ``None`` for any other tensor."""
    tensor = graph.Tensors(number)
    content = model.Buffers(tensor.Buffer()).DataAsNumpy()
    dtype = {0: np.float32, 1: np.float16, 3: np.uint8, 9: np.int8}.get(tensor.Type())  # schema.TensorType
    if dtype is None or not isinstance(content, np.ndarray) or not 0 < content.nbytes <= _FEW_BYTES:
        return None
    values = content.view(dtype).astype(np.float64)
    quantization = tensor.Quantization()
    if quantization is not None and quantization.ScaleLength() == 1:
        values = (values - quantization.ZeroPoint(0)) * quantization.Scale(0)
    return _mean(values)


def _mean(values: NDArray[Any]) -> float | None:
    mean = float(values.astype(np.float64).mean())
    return mean if np.isfinite(mean) and mean else None
