"""A network of ONNX with the sides of its image fixed, for what needs to know every shape."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What several outputs of one score each become.
SCORES = "farm.scores"


def fixed(content: bytes, shape: Sequence[int], outputs: Sequence[int] = ()) -> Any:
    """Return the model in ``content`` with its image fixed to ``shape``, and all that follows from it.

    ``outputs`` are the numbers of those to keep, beside each other as one; none keeps all as they are. Raises what ``onnx``
    raises.
    """
    import onnx

    model = onnx.load_model_from_string(content)
    graph = model.graph
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [end for end in graph.input if end.name not in weights]
    del graph.input[:]
    graph.input.extend(inputs)
    for side, size in zip(graph.input[0].type.tensor_type.shape.dim, shape, strict=True):
        side.dim_value = size
    del graph.value_info[:]
    for output in graph.output:
        output.type.tensor_type.ClearField("shape")
    if outputs:
        _keep(graph, [graph.output[number] for number in outputs])
    return onnx.shape_inference.infer_shapes(model)


def _keep(graph: Any, outputs: Sequence[Any]) -> None:
    """Leave ``graph`` one output: the only one of ``outputs``, or their numbers as float32 columns."""
    from onnx import TensorProto, helper

    kept = outputs[0]
    if len(outputs) > 1:
        columns = []
        graph.initializer.append(helper.make_tensor(f"{SCORES}.shape", TensorProto.INT64, [2], [-1, 1]))
        for output in outputs:
            real, column = f"{SCORES}.{output.name}.real", f"{SCORES}.{output.name}"
            graph.node.append(helper.make_node("Cast", [output.name], [real], to=TensorProto.FLOAT))
            graph.node.append(helper.make_node("Reshape", [real, f"{SCORES}.shape"], [column]))
            columns.append(column)
        graph.node.append(helper.make_node("Concat", columns, [SCORES], axis=1))
        kept = helper.make_tensor_value_info(SCORES, TensorProto.FLOAT, None)
    kept = type(kept).FromString(kept.SerializeToString())  # the list that holds it is emptied
    del graph.output[:]
    graph.output.append(kept)
