"""A ready ``.tflite`` file of the user's."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import ModelError
from orchestrator.models import tflite_graph, tflite_outputs
from orchestrator.models.tflite_source import TfliteSource

if TYPE_CHECKING:
    from orchestrator.domain.model import Preprocess
    from orchestrator.models.base import Form
    from orchestrator.models.tflite_graph import Graph
    from orchestrator.models.tflite_outputs import Chosen


class TfliteFile:
    """The file at ``path``, measured as it is; ``output`` names the scores of several, ``preprocess`` says what it expects of an image."""

    formats: tuple[Form, ...] = ("tflite",)

    def __init__(self, path: str, *, output: str | None = None, preprocess: Preprocess | None = None) -> None:
        self._path, self._output = Path(path), output
        if not self._path.is_file():
            raise ModelError(f"{path}: no such file", hint="`path:` in a suite is relative to the suite's own folder")
        if preprocess is None:
            raise ModelError(
                f"{path}: the suite does not say what the model expects of an image",
                hint="add `preprocess: {scale: …, mean: …, std: …}` to the model; size and channels are in the file",
            )
        self.preprocess = preprocess

    @staticmethod
    def image_shape(path: str, output: str | None = None) -> tuple[int, int, int]:
        """Return (height, width, channels) of the image that the file takes, whatever ``output`` is read; raises `ModelError`."""
        del output
        return _image(path, tflite_graph.read(Path(path)))

    def sha256(self) -> str:
        """Hash the file; and which output is scored, where that is named."""
        with self._path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
        if self._output is not None:
            digest.update(b"output " + self._output.encode())
        return digest.hexdigest()

    def check_ends(self) -> int | None:
        """Return how many scores an image gets; raises `ModelError` where the file can't be measured."""
        return self._chosen(self._graph()).columns

    def score_names(self) -> tuple[str, ...]:
        """Return what outputs of one score each are called, where the file has several; raises `ModelError`."""
        return self._chosen(self._graph()).names or ()

    def load(self) -> TfliteSource:
        """Return the file in an interpreter; raises `ModelError` in one sentence where it can't be measured."""
        graph = self._graph()
        return TfliteSource(self._path, graph, self._chosen(graph))

    def _graph(self) -> Graph:
        graph = tflite_graph.read(self._path)
        how, shape = self.preprocess, _image(str(self._path), graph)
        if shape != (how.height, how.width, how.channels):
            raise ModelError(
                f"{self._path}: it takes {shape}, the suite's `preprocess:` gives {(how.height, how.width, how.channels)}",
                hint="leave size and channels out: they are in the file",
            )
        return graph

    def _chosen(self, graph: Graph) -> Chosen:
        return tflite_outputs.chosen(graph, str(self._path), self._output)


def _image(path: str, graph: Graph) -> tuple[int, int, int]:
    if len(graph.inputs) != 1 or len(graph.inputs[0].shape) != 4:
        raise ModelError(
            f"{path}: its inputs are {tflite_outputs.shown(graph.inputs) or 'none'}; farm feeds one batch of images "
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
    if image.dtype not in tflite_outputs.NUMBERS:
        raise ModelError(f"{path}: its input is {image.dtype}; farm feeds {', '.join(tflite_outputs.NUMBERS)}")
    tflite_outputs.check_scale(path, "input", image)
    height, width, channels = image.shape[1:]
    return height, width, channels
