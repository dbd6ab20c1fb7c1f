"""A ready ``.tflite`` file in the controller's interpreter."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from agent import scoring
from orchestrator.errors import BuildError, ModelError
from orchestrator.models import kernels, situations, tflite_graph

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestrator.models.base import Form
    from orchestrator.models.scored_outputs import Chosen
    from orchestrator.models.tflite_graph import Graph


class TfliteSource:
    """A file with one image as input, ``chosen`` outputs as scores; raises `ModelError` where kernels refuse it."""

    form: Form = "tflite"
    #: What a scheme would have to keep of it is what the file has: nothing is converted.
    weights = 0

    def __init__(self, path: Path, graph: Graph, chosen: Chosen) -> None:
        self._path = path
        self.reads, self.classes = chosen.reads, chosen.names
        self.precision = graph.precision
        self.held = graph.held
        try:
            loaded = kernels.load("tflite", str(path), self.reads).first
        except Exception as error:  # interpreters raise what they like
            raise situations.translated(error, situations.INTERPRETING, ModelError, str(path)) from error
        assert loaded.input is not None  # noqa: S101  the interpreter has both
        assert loaded.output is not None  # noqa: S101
        self._loaded, self._input, self._output = loaded, loaded.input, loaded.output
        self.batch = self._input.shape[0]

    @property
    def columns(self) -> int:
        """Scores of an image."""
        return math.prod(self._output.shape) // self.batch

    def scores(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the file's own scores [n, columns], as real values; raises `ModelError` where they are not finite."""
        blocks = [self._block(images[start : start + self.batch]) for start in range(0, len(images), self.batch)]
        scores = np.concatenate(blocks) if blocks else np.zeros((0, self.columns), np.float32)
        if not np.isfinite(scores).all():
            raise ModelError("the model itself gives scores that are not finite numbers")
        return scores

    def _block(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        whole = np.resize(images, (self.batch, *images.shape[1:]))
        try:
            self._loaded.set_input(scoring.quantize(whole, self._input))
            self._loaded.invoke()
            values = scoring.dequantize(self._loaded.get_output(), self._output)
        except Exception as error:  # interpreters raise what they like
            raise situations.translated(error, situations.INTERPRETING, ModelError, str(self._path)) from error
        return values.reshape(self.batch, -1)[: len(images)]

    def write(self, form: Form, batch: int, path: Path) -> None:
        """Copy the file, byte for byte; for another batch than its own, with other shapes of its tensors.

        Raises `ModelError` where the graph does not take that batch.
        """
        if form != "tflite":
            raise ModelError(f"a ready .tflite file can't be written as {form}")
        if batch == self.batch:
            shutil.copyfile(self._path, path)
            return
        try:
            path.write_bytes(tflite_graph.resized(self._path.read_bytes(), self._shapes(batch)))
            written = kernels.load("tflite", str(path), self.reads).first
            assert written.output is not None  # noqa: S101  the interpreter has one
            columns = math.prod(written.output.shape) / batch
        except Exception as error:  # interpreters raise what they like
            raise self._fixed(batch) from error
        if columns != self.columns:
            raise self._fixed(batch)

    def _fixed(self, batch: int) -> BuildError:
        return BuildError(
            f"{self._path}: it takes {self.batch} images at once and can't be resized to batches of {batch}",
            hint=f"say `batches: {self.batch}`, or convert the model with that batch",
        )

    def _shapes(self, batch: int) -> dict[int, tuple[int, ...]]:
        """Return the shape that every tensor of the graph has for batches of ``batch`` images."""
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES  # a delegate hides the tensors inside it
        interpreter = Interpreter(model_path=str(self._path), experimental_op_resolver_type=plain, num_threads=1)
        [image] = interpreter.get_input_details()
        interpreter.resize_tensor_input(image["index"], (batch, *self._input.shape[1:]))
        interpreter.allocate_tensors()
        details = interpreter.get_tensor_details()
        return {int(each["index"]): tuple(int(side) for side in each["shape"]) for each in details}
