"""An ONNX file in the controller's ONNX Runtime, with its conversion to a SavedModel."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agent import scoring
from agent.runtimes.base import FREE
from orchestrator.errors import BuildError, ModelError
from orchestrator.models import onnx_converter, onnx_graph, saved_model, situations
from orchestrator.models.keras_source import KerasSource

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from orchestrator.models.base import Form
    from orchestrator.models.onnx_graph import Graph
    from orchestrator.models.scored_outputs import Chosen

#: Images that a file with a free batch is given at once.
IMAGES = 16


class OnnxSource:
    """A file with one image as input, ``chosen`` outputs as scores; raises `ModelError` where ONNX Runtime refuses it."""

    form: Form = "onnx"

    def __init__(
        self, path: Path, graph: Graph, chosen: Chosen, image: tuple[int, int, int], order: tuple[int, ...]
    ) -> None:
        self._path, self._graph, self._image, self._order = path, graph, image, order
        self.reads, self.classes = chosen.reads, chosen.names
        self.precision, self.weights, self.held = graph.precision, graph.parameters, graph.held
        #: Images that the file takes at once, ``None`` where that is free.
        self.batch = graph.inputs[0].shape[0]
        self._sessions: dict[int, Any] = {}
        self._networks: dict[int, KerasSource] = {}
        #: Scores of an image.
        self.columns = self._columns(self.batch or 1)

    def scores(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the file's own scores [n, columns], as real values; raises `ModelError` where they are not finite."""
        batch = self.batch or min(IMAGES, max(len(images), 1))
        blocks = [self._block(images[start : start + batch], batch) for start in range(0, len(images), batch)]
        scores = np.concatenate(blocks) if blocks else np.zeros((0, self.columns), np.float32)
        if not np.isfinite(scores).all():
            raise ModelError("the model itself gives scores that are not finite numbers")
        return scores

    def write(self, form: Form, batch: int, path: Path) -> None:
        """Write the file, byte for byte where all its weights are in it, or as a SavedModel whose channels are last.

        Raises `BuildError` where it takes another batch, or can't be converted.
        """
        if form not in ("onnx", "saved_model"):
            raise ModelError(f"an ONNX file can't be written as {form}")
        if self.batch not in (None, batch):
            raise self._fixed(batch, f"it takes {self.batch} images at once")
        try:
            columns = self._columns(batch)
        except ModelError as error:
            raise self._fixed(batch, "its batch is free at its input, not inside") from error
        if columns != self.columns:
            raise self._fixed(batch, "its batch is free at its input, not inside")
        if form == "onnx":
            path.write_bytes(self._graph.content)
        else:
            self._converted(batch).write(form, batch, path)

    def _converted(self, batch: int) -> KerasSource:
        """Return the network as onnx2tf converts it, kept for the next scheme."""
        if batch not in self._networks:
            if self.precision == "int8":
                raise BuildError(
                    f"{self._path}: its weights are whole numbers already, which no scheme quantizes again",
                    hint=onnx_converter.AS_IS,
                )
            image = (batch, *self._image)
            with tempfile.TemporaryDirectory() as folder:
                onnx_converter.convert(
                    self._graph.content,
                    tuple(image[side] for side in self._order),
                    self.reads,
                    keep_order=self._order == scoring.CHANNELS_LAST,
                    folder=Path(folder),
                    subject=str(self._path),
                )
                try:
                    model = saved_model.model(Path(folder), saved_model.signature(Path(folder)), self._image)
                    self._networks[batch] = KerasSource(model)
                except Exception as error:  # Keras and TensorFlow raise what they like
                    subject = f"{self._path}, converted by onnx2tf"
                    raise situations.translated(error, situations.LOADING, BuildError, subject) from error
        return self._networks[batch]

    def _fixed(self, batch: int, why: str) -> BuildError:
        return BuildError(
            f"{self._path}: {why}, so that it can't be measured in batches of {batch}",
            hint=f"say `batches: {self.batch or 1}`, or export it with a free batch: "
            "torch.onnx.export(…, dynamic_axes={'image': {0: 'batch'}, 'scores': {0: 'batch'}})",
        )

    def _columns(self, batch: int) -> int:
        """Return how many scores an image has; raises `ModelError` where that is no whole number."""
        return int(self._block(np.zeros((batch, *self._image), np.float32), batch).shape[1])

    def _block(self, images: NDArray[np.float32], batch: int) -> NDArray[np.float32]:
        whole = np.resize(images, (batch, *images.shape[1:])).transpose(self._order)
        try:
            session = self._session(batch, whole.shape)
            session.set_input(scoring.quantize(np.ascontiguousarray(whole), session.input))
            session.invoke()
            values = scoring.dequantize(session.get_output(), session.output)
            return values.reshape(batch, -1)[: len(images)]
        except Exception as error:  # ONNX Runtime raises what it likes
            raise situations.translated(error, situations.ONNX, ModelError, str(self._path)) from error

    def _session(self, batch: int, shape: tuple[int, ...]) -> Any:
        if batch not in self._sessions:
            try:
                from agent.runtimes import onnxruntime

                onnxruntime.prepare()
            except ImportError as error:
                raise ModelError(
                    f"{self._path}: its scores need ONNX Runtime, which is missing", hint=onnx_graph.INSTALL
                ) from error
            loaded = onnxruntime.load(self._graph.content, 1, self.reads)
            if FREE in loaded.input.shape:
                loaded.fix(shape)
            self._sessions[batch] = loaded
        return self._sessions[batch]
