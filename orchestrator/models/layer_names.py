"""The names by which a suite chooses layers of a converted model."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Operators that have weights, and the end of the name that TensorFlow gives their kernel.
KERNELS = {
    "CONV_2D": ("convolution", "Conv2D"),
    "DEPTHWISE_CONV_2D": ("depthwise",),
    "FULLY_CONNECTED": ("MatMul",),
    "TRANSPOSE_CONV": ("conv2d_transpose",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """An operator, as a suite may name it."""

    #: The layer's name where only one operator has it, else the tensor's whole name.
    name: str
    operator: str
    #: Name of its output.
    tensor: str


def named(operators: Iterable[tuple[str, str]]) -> tuple[Layer, ...]:
    """Return a layer for each (operator, name of its output), in order."""
    pairs = tuple(operators)
    names = [_layer(operator, tensor) for operator, tensor in pairs]
    return tuple(
        Layer(name=name if names.count(name) == 1 else tensor, operator=operator, tensor=tensor)
        for name, (operator, tensor) in zip(names, pairs, strict=True)
    )


def choose(words: Sequence[str], layers: Sequence[Layer], scheme: str) -> tuple[Layer, ...]:
    """Return the layers that ``words`` name, in the order of the graph.

    A word is ``first`` or ``last`` (of those with weights), the name of a layer, or a regular expression that matches the whole of
    a name. Raises `BuildError` about ``scheme`` with the nearest names where one matches none.
    """
    chosen = {layer.tensor for word in words for layer in _matching(word, layers, scheme)}
    return tuple(layer for layer in layers if layer.tensor in chosen)


def _matching(word: str, layers: Sequence[Layer], scheme: str) -> Sequence[Layer]:
    weighted = [each for each in layers if each.operator in KERNELS]
    if word in ("first", "last") and weighted:
        return weighted[:1] if word == "first" else weighted[-1:]
    matching = [each for each in layers if word in (each.name, each.tensor)] or _by_pattern(word, layers)
    if matching:
        return matching
    names = [each.name for each in layers]
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.3) or names[:3]
    raise BuildError(
        f"scheme {scheme}: the model has no layer {word!r}; nearest: {', '.join(near)}",
        hint="list them: farm models debug MODEL",
    )


def _by_pattern(word: str, layers: Sequence[Layer]) -> list[Layer]:
    try:
        pattern = re.compile(word)
    except re.error:
        return []
    return [each for each in layers if pattern.fullmatch(each.name)]


def _layer(operator: str, tensor: str) -> str:
    """Return the name of the layer whose kernel a fused tensor ends in: of ``m/relu/Relu;m/conv_1/convolution`` it is ``conv_1``."""
    parts = [part.split("/") for part in tensor.split(";") if "/" in part]
    kernels = [part for part in parts if part[-1].startswith(KERNELS.get(operator, ()))]
    for part in kernels or parts[:1]:
        return re.sub(r":\d+$", "", part[-2])
    return tensor
