"""The Python interface that LiteRT's interpreter shares with its predecessor's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from agent.runtimes.base import Tensor, outputs_to_read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

#: What the graph calls nodes that a delegate took over; on a CPU the only default delegate is XNNPACK.
DELEGATE = "DELEGATE"


class InterpreterLoaded:
    """A ``tflite.Interpreter`` with its tensors allocated, as `agent.runtimes.base.Loaded`.

    ``outputs`` are the numbers of the graph's outputs to read, none where it has one; several are one output of real values
    (batch, columns), beside each other.
    """

    def __init__(self, interpreter: Any, outputs: Sequence[int] = ()) -> None:
        interpreter.allocate_tensors()
        self._interpreter = interpreter
        self._input_index, self.input = _tensor(_only_input(interpreter.get_input_details()))
        self._read = [_tensor(details) for details in outputs_to_read(interpreter.get_output_details(), outputs)]
        [*_, (self._output_index, self.output)] = self._read
        if len(self._read) > 1:
            batch = self.input.shape[0]
            columns = sum(math.prod(tensor.shape) for _, tensor in self._read) // batch
            self.output = Tensor(shape=(batch, columns), dtype="float32")
        self.invoke = interpreter.invoke

    def set_input(self, values: NDArray[Any]) -> None:
        """Copy ``values`` into the input tensor."""
        self._interpreter.set_tensor(self._input_index, values)

    def get_output(self) -> NDArray[Any]:
        """Return a copy of the output tensor, or of the real values of several."""
        if len(self._read) > 1:
            return self._side_by_side()
        return self._interpreter.get_tensor(self._output_index)  # type: ignore[no-any-return]  # it has no types

    def _side_by_side(self) -> NDArray[Any]:
        from agent.scoring import side_by_side

        values = [self._interpreter.get_tensor(index) for index, _ in self._read]
        return side_by_side(values, [tensor for _, tensor in self._read], self.input.shape[0])

    def effective(self) -> dict[str, object]:
        """Return the delegate, the nodes of the graph, and how many of them the delegate took."""
        details = getattr(self._interpreter, "_get_ops_details", None)
        if details is None:  # not promised by anyone
            return {}
        nodes, delegated = count_delegated(details())
        return {"delegate": "xnnpack" if delegated else None, "nodes": nodes, "delegated_nodes": delegated}


def _only_input(details: list[dict[str, Any]]) -> dict[str, Any]:
    if len(details) != 1:
        raise ValueError("the artifact has %d inputs; a classifier has one" % len(details))
    return details[0]


def _tensor(tensor: dict[str, Any]) -> tuple[int, Tensor]:
    scale, zero_point = tensor["quantization"]
    shape = tuple(int(size) for size in tensor["shape"])
    name = str(getattr(tensor["dtype"], "__name__", tensor["dtype"]))
    return int(tensor["index"]), Tensor(shape=shape, dtype=name, scale=float(scale), zero_point=int(zero_point))


def count_delegated(operations: Iterable[Mapping[str, Any]]) -> tuple[int, int]:
    """Return (nodes of the artifact's graph, how many of them run inside a delegate)."""
    nodes, delegated = split_delegated(operations)
    return len(nodes), len(delegated)


def split_delegated(operations: Iterable[Mapping[str, Any]]) -> tuple[list[Mapping[str, Any]], set[int]]:
    """Return (nodes of the artifact's graph, positions of those that run inside a delegate).

    The interpreter lists the nodes of the artifact, replaced or not, followed by one node for each delegated part.
    What a part replaced is everything between its outputs and its inputs.
    """
    listed = list(operations)
    parts = [operation for operation in listed if operation["op_name"] == DELEGATE]
    nodes = [operation for operation in listed if operation["op_name"] != DELEGATE]
    producer = {int(output): number for number, node in enumerate(nodes) for output in node["outputs"]}
    replaced = set()
    for part in parts:
        border = {int(tensor) for tensor in part["inputs"]}
        left = [int(tensor) for tensor in part["outputs"]]
        while left:
            tensor = left.pop()
            number = producer.get(tensor)
            if tensor in border or number is None or number in replaced:
                continue
            replaced.add(number)
            left.extend(int(tensor) for tensor in nodes[number]["inputs"])
    return nodes, replaced
