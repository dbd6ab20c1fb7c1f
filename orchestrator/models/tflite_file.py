"""A ready ``.tflite`` file of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import ModelError
from orchestrator.models import graph_ends, scored_outputs, tflite_graph
from orchestrator.models.ready_file import ReadyFile
from orchestrator.models.scored_outputs import Numbers
from orchestrator.models.tflite_graph import Graph
from orchestrator.models.tflite_source import TfliteSource

if TYPE_CHECKING:
    from orchestrator.models.base import Form
    from orchestrator.models.ready_file import Image

NUMBERS = Numbers(
    types=("float32", "float16", "int8", "uint8", "int16"),
    rescale="convert the model with inference_input_type and inference_output_type of the converter",
)


class TfliteFile(ReadyFile[Graph]):
    """The file at ``path``; ``output`` names the scores of several, ``preprocess`` states what it expects of an image."""

    formats: tuple[Form, ...] = ("tflite",)
    numbers = NUMBERS

    @staticmethod
    def image_shape(path: str, output: str | None = None) -> Image:
        """Return (height, width, channels) of the image that the file takes, whatever ``output`` is read; raises `ModelError`."""
        del output
        return _image(path, tflite_graph.read(Path(path)))

    def load(self) -> TfliteSource:
        """Return the file in an interpreter; raises `ModelError` in one sentence where it can't be measured."""
        graph = self._graph()
        return TfliteSource(self._path, graph, self._chosen(graph))

    def _graph(self) -> Graph:
        graph = tflite_graph.read(self._path)
        self._check_image(_image(str(self._path), graph))
        return graph


def _image(path: str, graph: Graph) -> Image:
    if len(graph.inputs) != 1 or len(graph.inputs[0].shape) != 4:
        raise ModelError(
            f"{path}: its inputs are {graph_ends.shown(graph.inputs) or 'none'}; farm feeds one batch of images "
            "(batch, height, width, channels)"
        )
    [image] = graph.inputs
    _, height, width, channels = image.shape
    if None in (height, width, channels):
        raise ModelError(
            f"{path}: its input {graph_ends.plain(image.name)} has no fixed height, width and channels",
            hint="convert the model with a fixed size: keras.Input((224, 224, 3))",
        )
    if channels not in (1, 3):
        first = ", channels first (NCHW)" if height in (1, 3) else ""
        raise ModelError(
            f"{path}: it takes {image.shape[1:]}{first}; farm feeds (height, width, channels) with 1 or 3 channels",
            hint="convert the model with a Permute((3, 1, 2)) before it" if first else None,
        )
    if image.dtype not in NUMBERS.types:
        raise ModelError(f"{path}: its input is {image.dtype}; farm feeds {', '.join(NUMBERS.types)}")
    scored_outputs.check_scale(path, "input", image, NUMBERS)
    return height, width, channels
