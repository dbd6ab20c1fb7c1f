"""Which outputs of a ``.tflite`` file are its scores."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.errors import ModelError, no_such

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.models.tflite_graph import Graph, Tensor

#: What farm feeds and reads: real values, or integers that have a scale.
INTEGERS = ("int8", "uint8", "int16")
NUMBERS = ("float32", "float16", *INTEGERS)
#: Names that a hint lists.
_LISTED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The outputs that are read, their scores beside each other."""

    #: Their numbers in the graph; empty where it has one output.
    reads: tuple[int, ...]
    #: Scores of an image.
    columns: int
    #: What they are called, where each of several gives one score.
    names: tuple[str, ...] | None = None


def chosen(graph: Graph, path: str, name: str | None) -> Chosen:
    """Return the output ``name`` of ``graph``, without a name its only one, or all where each gives one score.

    Raises `ModelError` about ``path`` where it is unclear what the scores are, or where they are no numbers.
    """
    names, several = _names(graph), len(graph.outputs) > 1
    if name is not None:
        number = _number(graph, names, path, name)
        return Chosen(reads=(number,) if several else (), columns=_columns(graph.outputs[number], path))
    if not graph.outputs:
        raise ModelError(f"{path}: it has no output")
    if not several:
        return Chosen(reads=(), columns=_columns(graph.outputs[0], path))
    if any(output.shape[1:] != (1,) for output in graph.outputs):
        shapes = (f"{name} {output.shape}" for name, output in zip(names, graph.outputs, strict=True))
        raise ModelError(
            f"{path}: it has {len(graph.outputs)} outputs: {', '.join(shapes)}",
            hint=f"name the one to score in the suite: {' or '.join(f'`output: {name}`' for name in names[:_LISTED])}",
        )
    columns = sum(_columns(output, path) for output in graph.outputs)
    return Chosen(reads=tuple(range(len(names))), columns=columns, names=names)


def check_scale(path: str, end: str, tensor: Tensor) -> None:
    """Raise `ModelError` about ``path`` where the integers of ``tensor``, its ``end``, stand for no real values."""
    if tensor.dtype in INTEGERS and not tensor.has_scale:
        raise ModelError(
            f"{path}: its {tensor.dtype} {end} has no scale, so that its numbers stand for no real values",
            hint="convert the model with inference_input_type and inference_output_type of the converter",
        )


def shown(tensors: Iterable[Tensor]) -> str:
    """Return names and shapes as messages list them."""
    return ", ".join(f"{tensor.name} {tensor.shape}" for tensor in tensors)


def _names(graph: Graph) -> tuple[str, ...]:
    """Return a name for each output: its number where two have the same name."""
    names = graph.output_names
    return names if len(set(names)) == len(names) else tuple(map(str, range(len(names))))


def _number(graph: Graph, names: tuple[str, ...], path: str, name: str) -> int:
    if name in names:
        return names.index(name)
    tensors = [output.name for output in graph.outputs]
    if tensors.count(name) == 1:
        return tensors.index(name)
    raise ModelError(f"{path}: {no_such('output', name, names)}")


def _columns(output: Tensor, path: str) -> int:
    if output.dtype not in NUMBERS:
        raise ModelError(
            f"{path}: its output is {output.dtype}, class numbers instead of scores",
            hint="convert the model before argmax, with one score for each class",
        )
    check_scale(path, "output", output)
    return math.prod(output.shape[1:])
