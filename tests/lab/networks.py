"""ONNX files of a network whose scores are known without it, as exporters write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

FIRST, LAST = ("n", 3, 16, 16), ("n", 16, 16, 3)
FINDINGS = 14
_RANDOM = np.random.default_rng(5)
#: Of a mean colour in 0..1: every finding looks at red, green and blue in its own way.
WEIGHTS = _RANDOM.normal(0, 4, (3, FINDINGS)).astype(np.float32)
BIAS = -WEIGHTS.mean(axis=0) * 1.5


def logits(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return what the network computes of pixels [n, height, width, 3], in numpy's double precision."""
    colour = (pixels / 255.0).mean(axis=(1, 2))
    scores: NDArray[np.float64] = colour @ WEIGHTS.astype(np.float64) + BIAS
    return scores


def sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scores of findings."""
    scores: NDArray[np.float64] = 1 / (1 + np.exp(-values))
    return scores


def network(
    shape: Sequence[int | str | None] = FIRST,
    *,
    dtype: str = "float32",
    columns: Sequence[int | str | None] | None = ("n", FINDINGS),
    end: str = "Sigmoid",
    opset: int = 18,
) -> onnx.ModelProto:
    """Return mean colour, weights, bias, then ``end``: an operator of one input, or ``""`` for logits.

    An input of whole numbers is cast first, and takes pixels as they are.
    """
    sides = (2, 3) if shape[1] == 3 else (1, 2)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    real = kind if "float" in dtype else TensorProto.FLOAT
    scale = 1.0 if "float" in dtype else 1 / 255
    constants = {"axes": np.array(sides), "weights": WEIGHTS * np.float32(scale), "bias": BIAS}
    inside = helper.tensor_dtype_to_np_dtype(real)
    nodes = [
        helper.make_node("Cast", ["image"], ["real"], to=real),
        helper.make_node("ReduceMean", ["real", "axes"], ["colour"], keepdims=0),
        helper.make_node("MatMul", ["colour", "weights"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["logits"]),
    ]
    if end:
        nodes.append(helper.make_node(end, ["logits"], ["scores"]))
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("image", kind, list(shape))],
        [
            helper.make_tensor_value_info(
                nodes[-1].output[0],
                TensorProto.INT64 if end == "ArgMax" else real,
                None if columns is None else list(columns),
            )
        ],
        [
            numpy_helper.from_array(value if name == "axes" else value.astype(inside), name)
            for name, value in constants.items()
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def heads(names: Mapping[str, int], *, scales: Mapping[str, float] | None = None) -> onnx.ModelProto:
    """Return the network with an output of one score for each of ``names`` -> its column.

    Those with one of the ``scales`` are int8 with that scale, as quantizers write them.
    """
    model = network()
    graph = model.graph
    del graph.output[:]
    for name, column in names.items():
        scale = (scales or {}).get(name)
        graph.initializer.append(numpy_helper.from_array(np.array([column]), f"{name}_column"))
        score = name if scale is None else f"{name}_real"
        graph.node.append(helper.make_node("Gather", ["scores", f"{name}_column"], [score], axis=1))
        if scale is not None:
            graph.initializer.append(numpy_helper.from_array(np.float32(scale), f"{name}_scale"))
            graph.initializer.append(numpy_helper.from_array(np.int8(-128), f"{name}_zero_point"))
            graph.node.append(
                helper.make_node("QuantizeLinear", [score, f"{name}_scale", f"{name}_zero_point"], [name])
            )
        kind = TensorProto.FLOAT if scale is None else TensorProto.INT8
        graph.output.append(helper.make_tensor_value_info(name, kind, ["n", 1]))
    return model


def integers(low: float = 0.0, high: float = 1.0) -> onnx.ModelProto:
    """Return the network with an int8 input and output, each with a scale in the graph, as quantizers write it."""
    model = network()
    graph = model.graph
    ends = {"input": (np.float32((high - low) / 255), np.int8(-128)), "output": (np.float32(1 / 256), np.int8(-128))}
    for name, (scale, zero_point) in ends.items():
        graph.initializer.append(numpy_helper.from_array(scale, f"{name}_scale"))
        graph.initializer.append(numpy_helper.from_array(zero_point, f"{name}_zero_point"))
    del graph.node[0]
    before = helper.make_node("DequantizeLinear", ["image", "input_scale", "input_zero_point"], ["real"])
    after = helper.make_node("QuantizeLinear", ["scores", "output_scale", "output_zero_point"], ["whole"])
    graph.node.insert(0, before)
    graph.node.append(after)
    graph.input[0].type.tensor_type.elem_type = graph.output[0].type.tensor_type.elem_type = TensorProto.INT8
    graph.output[0].name = "whole"
    return model


def images(count: int = 24, size: int = 16, seed: int = 1) -> NDArray[Any]:
    """Return uint8 pixels [count, size, size, 3] of colours that differ."""
    random = np.random.default_rng(seed)
    colours = random.integers(30, 226, (count, 1, 1, 3))
    return np.clip(colours + random.normal(0, 20, (count, size, size, 3)), 0, 255).astype(np.uint8)
