"""An ONNX file of the user's, such as PyTorch exports."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from agent.runtimes.onnxruntime import DTYPES
from agent.scoring import CHANNELS_FIRST, CHANNELS_LAST
from orchestrator.errors import ModelError
from orchestrator.models import graph_ends, onnx_converter, onnx_graph
from orchestrator.models.onnx_graph import Graph
from orchestrator.models.onnx_source import OnnxSource
from orchestrator.models.ready_file import ReadyFile
from orchestrator.models.scored_outputs import Numbers

if TYPE_CHECKING:
    from orchestrator.models.base import Form
    from orchestrator.models.ready_file import Image

NUMBERS = Numbers(
    types=tuple(DTYPES.values()),
    rescale="end the graph with QuantizeLinear, as ONNX Runtime's quantizer does, or export scores in float32",
)


class OnnxFile(ReadyFile[Graph]):
    """The file at ``path``, with the weights that lie beside it; ``output`` names the scores of several.

    ``preprocess`` states what it expects of an image. The order of its sides, channels first (NCHW) or last (NHWC), is read from the file.
    """

    formats: tuple[Form, ...] = ("onnx", "saved_model")
    numbers = NUMBERS

    @staticmethod
    def image_shape(path: str, output: str | None = None) -> Image:
        """Return (height, width, channels) of the image that the file takes, whatever ``output`` is read; raises `ModelError`."""
        del output
        return _image(path, onnx_graph.read(Path(path)))[0]

    @staticmethod
    def unwritable(form: Form) -> str | None:
        """Return why no model of the kind can be written as ``form`` on this machine, ``None`` where it can."""
        if form == "saved_model" and onnx_converter.version() is None:
            return f"its conversion needs onnx2tf, which is missing: {onnx_converter.how_to_install()}"
        return None

    @property
    def tools(self) -> dict[str, str]:
        """What converts it, with versions."""
        return {"onnx2tf": onnx_converter.version() or "missing"}

    def load(self) -> OnnxSource:
        """Return the file in ONNX Runtime; raises `ModelError` in one sentence where it can't be measured."""
        graph = self._graph()
        _, order = _image(str(self._path), graph)
        how = self.preprocess
        image = how.height, how.width, how.channels
        return OnnxSource(self._path, graph, self._chosen(graph), image, order)

    def _content(self) -> bytes:
        return onnx_graph.read(self._path).content

    def _graph(self) -> Graph:
        graph = onnx_graph.read(self._path)
        self._check_image(_image(str(self._path), graph)[0])
        return graph


def _image(path: str, graph: Graph) -> tuple[Image, tuple[int, ...]]:
    """Return (height, width, channels) and the order in which the file takes them; raises `ModelError`."""
    if len(graph.inputs) != 1 or len(graph.inputs[0].shape) != 4:
        several = len(graph.inputs) > 1
        raise ModelError(
            f"{path}: its inputs are {graph_ends.shown(graph.inputs) or 'none'}; farm feeds one batch of images, of four sides",
            hint="export the model with the image as its only input, the others as constants" if several else None,
        )
    [image] = graph.inputs
    if image.dtype not in NUMBERS.types:
        raise ModelError(f"{path}: its input is {image.dtype}; farm feeds {', '.join(NUMBERS.types)}")
    _, second, third, last = image.shape
    first, after = second in (1, 3), last in (1, 3)
    if first == after:
        name, file = (shlex.quote(graph_ends.plain(each)) for each in (image.name, Path(path).name))
        raise ModelError(
            f"{path}: its input is {graph_ends.shown(graph.inputs)}, which does not tell which side has the 1 or 3 channels",
            hint="fix its sides: python -m onnxruntime.tools.make_dynamic_shape_fixed "
            f"--input_name {name} --input_shape 1,3,224,224 {file} fixed.onnx",
        )
    if first:
        return (third, last, second or 0), CHANNELS_FIRST
    return (second, third, last or 0), CHANNELS_LAST
