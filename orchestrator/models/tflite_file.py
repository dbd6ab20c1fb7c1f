"""A ready ``.tflite`` file of the user's."""

from __future__ import annotations

import hashlib
import math
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import ModelError
from orchestrator.models import tflite_graph
from orchestrator.models.tflite_source import TfliteSource

if TYPE_CHECKING:
    from orchestrator.domain.model import Preprocess
    from orchestrator.models.base import Form
    from orchestrator.models.tflite_graph import Graph, Tensor

#: What farm feeds and reads: real values, or integers that have a scale.
INTEGERS = ("int8", "uint8", "int16")
FLOATS = ("float32", "float16")


class TfliteFile:
    """The file at ``path``, measured as it is; ``preprocess`` says what it expects of an image."""

    formats: tuple[Form, ...] = ("tflite",)

    def __init__(self, path: str, *, preprocess: Preprocess | None = None) -> None:
        self._path = Path(path)
        if not self._path.is_file():
            raise ModelError(f"{path}: no such file", hint="`path:` in a suite is relative to the suite's own folder")
        if preprocess is None:
            raise ModelError(
                f"{path}: the suite does not say what the model expects of an image",
                hint="add `preprocess: {scale: …, mean: …, std: …}` to the model; size and channels are in the file",
            )
        self.preprocess = preprocess

    @staticmethod
    def image_shape(path: str) -> tuple[int, int, int]:
        """Return (height, width, channels) of the image that the file takes; raises `ModelError`."""
        return _image(path, tflite_graph.read(Path(path)))

    def sha256(self) -> str:
        """Hash the file."""
        with self._path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def check_ends(self) -> int | None:
        """Return how many scores an image gets; raises `ModelError` where the file can't be measured."""
        output = self._graph().outputs[0]
        return math.prod(output.shape[1:])

    def load(self) -> TfliteSource:
        """Return the file in an interpreter; raises `ModelError` in one sentence where it can't be measured."""
        return TfliteSource(self._path, self._graph())

    def _graph(self) -> Graph:
        graph = tflite_graph.read(self._path)
        how, shape = self.preprocess, _image(str(self._path), graph)
        if shape != (how.height, how.width, how.channels):
            raise ModelError(
                f"{self._path}: it takes {shape}, the suite's `preprocess:` gives {(how.height, how.width, how.channels)}",
                hint="leave size and channels out: they are in the file",
            )
        self._check_output(graph)
        return graph

    def _check_output(self, graph: Graph) -> None:
        if len(graph.outputs) != 1:
            raise ModelError(
                f"{self._path}: it has {len(graph.outputs)} outputs: {_shown(graph.outputs)}; farm reads one",
                hint="convert the model with the output to score as its only one",
            )
        [output] = graph.outputs
        if output.dtype not in (*FLOATS, *INTEGERS):
            raise ModelError(
                f"{self._path}: its output is {output.dtype}, class numbers instead of scores",
                hint="convert the model before argmax, with one score for each class",
            )
        _check_scale(str(self._path), "output", output)


def _image(path: str, graph: Graph) -> tuple[int, int, int]:
    if len(graph.inputs) != 1 or len(graph.inputs[0].shape) != 4:
        raise ModelError(
            f"{path}: its inputs are {_shown(graph.inputs) or 'none'}; farm feeds one batch of images "
            "(batch, height, width, channels)"
        )
    [image] = graph.inputs
    if image.free:
        raise ModelError(
            f"{path}: its input {image.name} has no fixed height, width and channels",
            hint="convert the model with a fixed size: keras.Input((224, 224, 3))",
        )
    if image.shape[3] not in (1, 3):
        first = ", channels first (NCHW)" if image.shape[1] in (1, 3) else ""
        raise ModelError(
            f"{path}: it takes {image.shape[1:]}{first}; farm feeds (height, width, channels) with 1 or 3 channels",
            hint="convert the model with a Permute((3, 1, 2)) before it" if first else None,
        )
    if image.dtype not in (*FLOATS, *INTEGERS):
        raise ModelError(f"{path}: its input is {image.dtype}; farm feeds {', '.join((*FLOATS, *INTEGERS))}")
    _check_scale(path, "input", image)
    height, width, channels = image.shape[1:]
    return height, width, channels


def _check_scale(path: str, end: str, tensor: Tensor) -> None:
    if tensor.dtype in INTEGERS and not tensor.has_scale:
        raise ModelError(
            f"{path}: its {tensor.dtype} {end} has no scale, so that its numbers stand for no real values",
            hint="convert the model with inference_input_type and inference_output_type of the converter",
        )


def _shown(tensors: tuple[Tensor, ...]) -> str:
    return ", ".join(f"{tensor.name} {tensor.shape}" for tensor in tensors)
