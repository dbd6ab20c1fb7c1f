"""ONNX Runtime on the CPU; its artifacts are ``.onnx`` files that farm made of ``.tflite`` files."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Optional

from agent.runtimes.base import Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

PACKAGE = "onnxruntime"
PROBE = "probe.onnx"
#: The property of the file that has scale and zero point of input and output, which ONNX itself has no place for.
QUANTIZATION = "farm.quantization"
_PROVIDERS = ["CPUExecutionProvider"]
#: Names of ONNX Runtime's types -> numpy's.
_DTYPES = {"tensor(float)": "float32", "tensor(int8)": "int8", "tensor(uint8)": "uint8"}
#: ``3`` is errors: what it warns of concerns the file, and would be printed again for every attempt.
_SEVERITY = 3


class OnnxLoaded:
    """A session with one input and one output in buffers of ours, as `agent.runtimes.base.Loaded`."""

    def __init__(self, session: Any) -> None:
        from onnxruntime import OrtValue

        quantization = json.loads(session.get_modelmeta().custom_metadata_map.get(QUANTIZATION, "{}"))
        (source,), (target,) = session.get_inputs(), session.get_outputs()
        self.input: Optional[Tensor] = _tensor(source, quantization.get("input", {}))
        self.output: Optional[Tensor] = _tensor(target, quantization.get("output", {}))
        self._fed, self._scored = (
            OrtValue.ortvalue_from_numpy(_zeros(tensor), "cpu") for tensor in (self.input, self.output)
        )
        binding = session.io_binding()
        binding.bind_ortvalue_input(source.name, self._fed)
        binding.bind_ortvalue_output(target.name, self._scored)
        self._providers: list[str] = list(session.get_providers())
        self.invoke: Callable[[], Any] = partial(session.run_with_iobinding, binding)

    def set_input(self, values: NDArray[Any]) -> None:
        """Copy ``values`` into the buffer that the session reads."""
        self._fed.update_inplace(values)

    def get_output(self) -> NDArray[Any]:
        """Return a copy of the buffer that the session writes."""
        return self._scored.numpy().copy()  # type: ignore[no-any-return]  # it has no types

    def effective(self) -> dict[str, object]:
        """Return the execution providers in force; the nodes of each are unknown."""
        return {"delegate": None, "providers": self._providers}


def prepare() -> None:
    """Import the package."""
    import onnxruntime  # noqa: F401


def load(path: str, threads: int, *, optimized: bool = True) -> OnnxLoaded:
    """Load a ``.onnx`` file; not ``optimized``, every node is computed as it is written."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _SEVERITY
    if not optimized:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return OnnxLoaded(onnxruntime.InferenceSession(path, options, providers=_PROVIDERS))


def version() -> str:
    """Return the version of the package."""
    import onnxruntime

    return str(onnxruntime.__version__)


def _tensor(node: Any, quantization: dict[str, Any]) -> Tensor:
    return Tensor(
        shape=tuple(int(size) for size in node.shape),
        dtype=_DTYPES[node.type],
        scale=float(quantization.get("scale", 0.0)),
        zero_point=int(quantization.get("zero_point", 0)),
    )


def _zeros(tensor: Tensor) -> NDArray[Any]:
    import numpy as np

    return np.zeros(tensor.shape, tensor.dtype)
