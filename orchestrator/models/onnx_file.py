"""An ONNX file of the user's, such as PyTorch exports."""

from __future__ import annotations

import hashlib
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

from agent.runtimes.onnxruntime import DTYPES
from agent.scoring import CHANNELS_FIRST, CHANNELS_LAST
from orchestrator.errors import ModelError
from orchestrator.models import onnx_converter, onnx_graph
from orchestrator.models.onnx_source import OnnxSource

if TYPE_CHECKING:
    from orchestrator.domain.model import Preprocess
    from orchestrator.models.base import Form
    from orchestrator.models.onnx_graph import Graph, Tensor

#: Number types that farm feeds and reads.
TYPES = tuple(DTYPES.values())
#: What keeps one of several outputs.
_EXTRACT = "keep one: python -c \"import onnx; onnx.utils.extract_model('{}', 'one.onnx', ['{}'], ['{}'])\""
_PLAIN = re.compile(r"[\w.:/-]+", re.ASCII)


class OnnxFile:
    """The file at ``path``, with the weights that lie beside it; ``preprocess`` says what it expects of an image.

    The order of its sides, channels first (NCHW) or last (NHWC), is read from the file.
    """

    formats: tuple[Form, ...] = ("onnx", "saved_model")

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
    def image_shape(path: str) -> tuple[int | None, int | None, int]:
        """Return (height, width, channels) of the image that the file takes, ``None`` where free; raises `ModelError`."""
        height, width, channels = _image(path, onnx_graph.read(Path(path)))[0]
        return height, width, channels

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

    def sha256(self) -> str:
        """Hash the file, with the weights that lie beside it."""
        return hashlib.sha256(onnx_graph.read(self._path).content).hexdigest()

    def check_ends(self) -> int | None:
        """Return how many scores an image gets, ``None`` where the file does not tell; raises `ModelError` as `load` does."""
        graph, _ = self._checked()
        sides = graph.outputs[0].shape[1:]
        return None if not sides or None in sides else math.prod(side or 1 for side in sides)

    def load(self) -> OnnxSource:
        """Return the file in ONNX Runtime; raises `ModelError` in one sentence where it can't be measured."""
        graph, order = self._checked()
        how = self.preprocess
        return OnnxSource(self._path, graph, (how.height, how.width, how.channels), order)

    def _checked(self) -> tuple[Graph, tuple[int, ...]]:
        """Return what the file says of itself, with the order of its input's sides."""
        graph = onnx_graph.read(self._path)
        (height, width, channels), order = _image(str(self._path), graph)
        how = self.preprocess
        given = how.height, how.width, how.channels
        if (height or how.height, width or how.width, channels) != given:
            raise ModelError(
                f"{self._path}: it takes {(height, width, channels)}, the suite's `preprocess:` gives {given}",
                hint="leave size and channels out: they are in the file",
            )
        self._check_output(graph)
        return graph, order

    def _check_output(self, graph: Graph) -> None:
        if len(graph.outputs) != 1:
            raise ModelError(
                f"{self._path}: it has {len(graph.outputs)} outputs: {_shown(graph.outputs)}; farm reads one",
                hint=_EXTRACT.format(*map(_plain, (self._path.name, graph.inputs[0].name, graph.outputs[0].name))),
            )
        [output] = graph.outputs
        if output.dtype not in TYPES or ("int" in output.dtype and not output.scale):
            raise ModelError(
                f"{self._path}: its output is {output.dtype}, class numbers instead of scores",
                hint="export the model before argmax, with one score for each class",
            )


def _image(path: str, graph: Graph) -> tuple[tuple[int | None, int | None, int], tuple[int, ...]]:
    """Return (height, width, channels) and the order in which the file takes them; raises `ModelError`."""
    if len(graph.inputs) != 1 or len(graph.inputs[0].shape) != 4:
        several = len(graph.inputs) > 1
        raise ModelError(
            f"{path}: its inputs are {_shown(graph.inputs) or 'none'}; farm feeds one batch of images, of four sides",
            hint="export the model with the image as its only input, the others as constants" if several else None,
        )
    [image] = graph.inputs
    if image.dtype not in TYPES:
        raise ModelError(f"{path}: its input is {image.dtype}; farm feeds {', '.join(TYPES)}")
    _, second, third, last = image.shape
    first, after = second in (1, 3), last in (1, 3)
    if first == after:
        raise ModelError(
            f"{path}: its input is {_shown(graph.inputs)}, which does not tell which side has the 1 or 3 channels",
            hint="fix its sides: python -m onnxruntime.tools.make_dynamic_shape_fixed "
            f"--input_name {_plain(image.name)} --input_shape 1,3,224,224 {_plain(Path(path).name)} fixed.onnx",
        )
    if first:
        return (third, last, second or 0), CHANNELS_FIRST
    return (second, third, last or 0), CHANNELS_LAST


def _shown(tensors: tuple[Tensor, ...]) -> str:
    """Return names with sides, ``?`` where free."""
    shapes = (", ".join("?" if side is None else str(side) for side in tensor.shape) for tensor in tensors)
    return ", ".join(f"{_plain(tensor.name)[:40]} ({shape})" for tensor, shape in zip(tensors, shapes, strict=True))


def _plain(name: str) -> str:
    """Return a name of a file that may be shown in a line or a command; ``NAME`` for one that means something there."""
    return name if _PLAIN.fullmatch(name) else "NAME"
