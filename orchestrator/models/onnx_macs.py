"""Multiply-accumulates of one image through an ONNX network, by the shapes of its tensors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Shape = tuple[int, ...]


def _convolution(weights: Shape, output: Shape) -> int:
    return math.prod(output) * math.prod(weights[1:])  # [out, in / groups, height, width]


def _product(second: Shape, output: Shape) -> int:
    return math.prod(output) * second[-2]  # [..., in, out]


#: Operators whose products are summed up -> the place of their weights, and multiplications by shapes of weights and output. Others
#: have none, by the convention of `orchestrator.models.macs`.
COUNTED: Mapping[str, tuple[int, Callable[[Shape, Shape], int]]] = {
    "Conv": (1, _convolution),
    "ConvInteger": (1, _convolution),
    "QLinearConv": (3, _convolution),
    "MatMul": (1, _product),
    "MatMulInteger": (1, _product),
    "QLinearMatMul": (3, _product),
}


def of_one_image(model: Any, batch: int) -> int | None:
    """Return the multiply-accumulates of ``model``, whose image is fixed (`onnx_shapes.fixed`) to ``batch``.

    ``None`` where a shape that counts does not follow from the image.
    """
    graph = model.graph
    shapes: dict[str, Shape] = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    for end in (*graph.input, *graph.value_info, *graph.output):
        shapes[end.name] = tuple(side.dim_value for side in end.type.tensor_type.shape.dim)
    try:
        return sum(_of_node(node, shapes) for node in graph.node) // batch
    except (KeyError, IndexError, ZeroDivisionError):
        return None


def _of_node(node: Any, shapes: Mapping[str, Shape]) -> int:
    if node.op_type == "Gemm":  # weights are [in, out], or turned
        first, turned = _known(shapes, node.input[0]), any(each.name == "transA" and each.i for each in node.attribute)
        return math.prod(_known(shapes, node.output[0])) * first[0 if turned else 1]
    if node.op_type == "ConvTranspose":  # [in, out / groups, height, width], spread over every input
        return math.prod(_known(shapes, node.input[0])) * math.prod(_known(shapes, node.input[1])[1:])
    if node.op_type not in COUNTED:
        return 0
    place, count = COUNTED[node.op_type]
    return count(_known(shapes, node.input[place]), _known(shapes, node.output[0]))


def _known(shapes: Mapping[str, Shape], name: str) -> Shape:
    """Return the shape of a tensor; raises `KeyError` where it is unknown, or a side of it."""
    shape = shapes[name]
    if not shape or 0 in shape:
        raise KeyError(name)
    return shape
