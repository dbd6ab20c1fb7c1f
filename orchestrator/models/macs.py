"""Multiply-accumulates of one image through a ``.tflite`` graph, by the shapes of its tensors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Shape = tuple[int, ...]


def _convolution(inputs: list[Shape], output: Shape) -> int:
    return math.prod(output) * math.prod(inputs[1][1:])  # filters are [out, height, width, in]


def _depthwise(inputs: list[Shape], output: Shape) -> int:
    return math.prod(output) * math.prod(inputs[1][1:3])  # [1, height, width, out]


def _transposed(inputs: list[Shape], _: Shape) -> int:
    return math.prod(inputs[2]) * math.prod(inputs[1][:3])  # [out, height, width, in], spread over every input


def _dense(inputs: list[Shape], output: Shape) -> int:
    return math.prod(output) * inputs[1][-1]  # [out, in]


def _product(inputs: list[Shape], output: Shape) -> int:
    return math.prod(inputs[0]) * output[-1]


#: Operators whose products are summed up -> multiplications, each with its addition. Others (activations, pooling, adding) have
#: none by the convention of papers and of most counters.
COUNTED: Mapping[str, Callable[[list[Shape], Shape], int]] = {
    "CONV_2D": _convolution,
    "CONV_3D": lambda inputs, output: math.prod(output) * math.prod(inputs[1][:4]),  # [depth, height, width, in, out]
    "DEPTHWISE_CONV_2D": _depthwise,
    "TRANSPOSE_CONV": _transposed,
    "FULLY_CONNECTED": _dense,
    "BATCH_MATMUL": _product,
}


def of_one_image(graph: Any, names: list[str]) -> int:
    """Return the multiply-accumulates of ``graph``, a flatbuffer's ``SubGraph``; ``names`` are its operators', in order.

    A bias, an activation and a scale count nothing; a graph for a batch counts one image's share.
    """
    total = 0
    for number, name in enumerate(names):
        count = COUNTED.get(name)
        if count is None:
            continue
        operator = graph.Operators(number)
        inputs = [_shape(graph, operator.Inputs(place)) for place in range(operator.InputsLength())]
        total += count(inputs, _shape(graph, operator.Outputs(0)))
    return total // max(1, _shape(graph, graph.Inputs(0))[0])


def _shape(graph: Any, number: int) -> Shape:
    """Return the shape of a tensor; of one that is left out, none."""
    if number < 0:
        return ()
    tensor = graph.Tensors(number)
    return tuple(int(tensor.Shape(side)) for side in range(tensor.ShapeLength()))
