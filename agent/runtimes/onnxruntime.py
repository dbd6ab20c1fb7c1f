"""ONNX Runtime on the CPU; its artifacts are ``.onnx`` files, a user's own or those that farm made of ``.tflite`` files."""

from __future__ import annotations

import json
import math
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Union

from agent.runtimes.base import FREE, Tensor, outputs_to_read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

PACKAGE = "onnxruntime"
PROBE = "probe.onnx"
#: The property of the file that has scale and zero point of its ``input`` and ``output``, or of ``outputs`` by name, which ONNX itself has no place for. Integers
#: without one stand for themselves: a graph that begins with a cast takes pixels as they are.
QUANTIZATION = "farm.quantization"
_PROVIDERS = ["CPUExecutionProvider"]
#: Names of ONNX Runtime's types -> numpy's.
DTYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int8)": "int8",
    "tensor(uint8)": "uint8",
}
#: ``3`` is errors: what it warns of concerns the file, and would be printed again for every attempt.
_SEVERITY = 3


class OnnxLoaded:
    """A session with one input and its outputs in buffers of ours, as `agent.runtimes.base.Loaded`.

    ``outputs`` are the numbers of the graph's outputs to read, none where it has one; several are one output of real values
    (batch, columns), beside each other. Where the file leaves sides free, there are no buffers before `fix`.
    """

    def __init__(self, session: Any, outputs: Sequence[int] = ()) -> None:
        scales = json.loads(session.get_modelmeta().custom_metadata_map.get(QUANTIZATION, "{}"))
        (source,) = session.get_inputs()
        targets = outputs_to_read(session.get_outputs(), outputs)
        self._input = _tensor(source, scales.get("input", {}))
        named = scales.get("outputs", {})
        self._read = [_tensor(target, named.get(target.name, scales.get("output", {}))) for target in targets]
        self._names, self._session = (source.name, [target.name for target in targets]), session
        self._providers: list[str] = list(session.get_providers())
        self._fed: Any = None
        self._binding: Any = None
        self.invoke: Callable[[], Any] = self._unfixed
        if FREE not in self._input.shape:
            self.fix(self._input.shape)

    @property
    def input(self) -> Tensor:
        """The input; `FREE` sides until `fix`."""
        return self._input

    @property
    def output(self) -> Tensor:
        """The output; what the file leaves free is `FREE` until the first invocation."""
        if self._binding is not None and any(FREE in tensor.shape for tensor in self._read):
            values = self._binding.get_outputs()
            if all(value.has_value() for value in values):
                self._read = [self._read[at].of_shape(tuple(value.shape())) for at, value in enumerate(values)]
        if len(self._read) == 1:
            return self._read[0]
        is_free = any(FREE in tensor.shape for tensor in self._read)
        batch, numbers = self._input.shape[0], sum(math.prod(tensor.shape) for tensor in self._read)
        return Tensor(shape=(batch, FREE if is_free else numbers // batch), dtype="float32")

    def fix(self, shape: tuple[int, ...]) -> None:
        """Take inputs of ``shape`` from now on."""
        from onnxruntime import OrtValue

        self._input = self._input.of_shape(shape)
        self._fed = OrtValue.ortvalue_from_numpy(_zeros(self._input), "cpu")
        binding = self._session.io_binding()
        source, targets = self._names
        binding.bind_ortvalue_input(source, self._fed)
        for at, target in enumerate(targets):
            tensor = self._read[at]
            if FREE in tensor.shape:
                binding.bind_output(target, "cpu")
            else:
                binding.bind_ortvalue_output(target, OrtValue.ortvalue_from_numpy(_zeros(tensor), "cpu"))
        self._binding = binding
        self.invoke = partial(self._session.run_with_iobinding, binding)

    def set_input(self, values: NDArray[Any]) -> None:
        """Copy ``values`` into the buffer that the session reads."""
        self._fed.update_inplace(values)

    def get_output(self) -> NDArray[Any]:
        """Return a copy of the buffer that the session writes, or the real values of several."""
        values = [value.numpy() for value in self._binding.get_outputs()]
        if len(values) > 1:
            from agent.scoring import side_by_side

            return side_by_side(values, self._read, self._input.shape[0])
        return values[0].copy()  # type: ignore[no-any-return]  # it has no types

    def effective(self) -> dict[str, object]:
        """Return the execution providers in force; the nodes of each are unknown."""
        return {"delegate": None, "providers": self._providers}

    def _unfixed(self) -> None:
        raise RuntimeError("the file leaves sides of its input free: %r" % (self._input.shape,))


def prepare() -> None:
    """Import the package."""
    import onnxruntime  # noqa: F401


def load(path: Union[str, bytes], threads: int, outputs: Sequence[int] = (), *, optimized: bool = True) -> OnnxLoaded:
    """Load a ``.onnx`` file, or the content of one, to read its ``outputs``; not ``optimized``, every node is computed as it is written."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _SEVERITY
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return OnnxLoaded(onnxruntime.InferenceSession(path, options, providers=_PROVIDERS), outputs)


def version() -> str:
    """Return the version of the package."""
    import onnxruntime

    return str(onnxruntime.__version__)


def _tensor(node: Any, quantization: dict[str, Any]) -> Tensor:
    dtype = DTYPES[node.type]
    return Tensor(
        shape=tuple(size if isinstance(size, int) and size > 0 else FREE for size in node.shape),
        dtype=dtype,
        scale=float(quantization.get("scale", 1.0 if "int" in dtype else 0.0)),
        zero_point=int(quantization.get("zero_point", 0)),
    )


def _zeros(tensor: Tensor) -> NDArray[Any]:
    import numpy as np

    return np.zeros(tensor.shape, tensor.dtype)
