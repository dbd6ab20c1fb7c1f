"""LiteRT's CompiledModel, whatever it is compiled for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Callable

from agent.runtimes.base import Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray


class CompiledLoaded:
    """A ``CompiledModel`` with its buffers, as `agent.runtimes.base.Loaded`."""

    def __init__(self, model: Any, path: str) -> None:
        [signature] = model.get_signature_list()  # another number of them is no classifier of ours
        self.input = _tensor("input", model.get_input_tensor_details(signature), path)
        self.output = _tensor("output", model.get_output_tensor_details(signature), path)
        self._inputs, self._outputs = model.create_input_buffers(0), model.create_output_buffers(0)
        self._model = model
        self._elements = math.prod(self.output.shape)
        self.invoke: Callable[[], Any] = self.run_and_read

    def run_and_read(self) -> NDArray[Any]:
        """Run, and bring the output to the host, flat: a GPU is asynchronous, and done when the output is there."""
        self._model.run_by_index(0, self._inputs, self._outputs)
        return self._outputs[0].read(self._elements, self.output.dtype)  # type: ignore[no-any-return]  # it has no types

    def set_input(self, values: NDArray[Any]) -> None:
        """Copy ``values`` into the input's buffer; a GPU's driver may move them there later, within an invocation."""
        self._inputs[0].write(values)

    def get_output(self) -> NDArray[Any]:
        """Return a copy of the output, brought to the host once more."""
        return self._outputs[0].read(self._elements, self.output.dtype).reshape(self.output.shape)  # type: ignore[no-any-return]


def prepare() -> None:
    """Import the package."""
    import ai_edge_litert.compiled_model  # noqa: F401


def _tensor(what: str, details: dict[str, dict[str, Any]], path: str) -> Tensor:
    if len(details) != 1:
        raise ValueError("the artifact has %d %ss; a classifier has one" % (len(details), what))
    [tensor] = details.values()
    shape, dtype = tuple(int(size) for size in tensor["shape"]), str(tensor["dtype"])
    scale, zero_point = (0.0, 0) if dtype.startswith("float") else _quantization(what, path)
    return Tensor(shape=shape, dtype=dtype, scale=scale, zero_point=zero_point)


def _quantization(what: str, path: str) -> tuple[float, int]:
    """Return scale and zero point, from the interpreter alone; it reads the file and allocates nothing."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path, num_threads=1)
    [tensor] = interpreter.get_input_details() if what == "input" else interpreter.get_output_details()
    scale, zero_point = tensor["quantization"]
    return float(scale), int(zero_point)
