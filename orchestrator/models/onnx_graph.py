"""What an ONNX file says of itself, read without a runtime."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent.runtimes.onnxruntime import QUANTIZATION
from orchestrator.errors import ModelError
from orchestrator.models import held_preprocessing, model_file, onnx_macs, onnx_shapes, onnx_weights
from orchestrator.models.graph_ends import End

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from orchestrator.models.held_preprocessing import Held

AGAIN = "copy it again, or export the model again"
INSTALL = "pip install 'edge-farm[onnx]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The main graph of a file."""

    inputs: tuple[End, ...]
    outputs: tuple[End, ...]
    #: The widest rounding in it: ``float32``, ``float16``, ``int8`` (any integers with a scale).
    precision: str
    #: Numbers in weights.
    parameters: int
    #: Operator -> nodes of it.
    operators: Mapping[str, int]
    #: Preprocessing at the input.
    held: tuple[Held, ...]
    #: One file that holds everything: the file itself, byte for byte, where all its weights are in it and ONNX Runtime can
    #: tell how its ends are scaled.
    content: bytes

    @property
    def output_names(self) -> tuple[str, ...]:
        """What a suite calls its outputs."""
        return tuple(output.name for output in self.outputs)


def read(path: Path) -> Graph:
    """Return the graph of the file at ``path``; raises `ModelError` where it is no ONNX file, or a damaged one."""
    content = model_file.content(path)
    model_file.refuse_what_is_no_model(path, content[:64])
    model = _parsed(path, content)
    if onnx_weights.bring_in(path, model):
        content = model.SerializeToString()
    try:
        graph = _graph(model)
    except Exception as error:  # a damaged file may say anything of itself
        raise ModelError(f"{path}: it is damaged or cut off", hint=AGAIN) from error
    scales = _scales(graph["inputs"], graph["outputs"])
    if scales and QUANTIZATION not in {each.key for each in model.metadata_props}:
        content += _property(QUANTIZATION, json.dumps(scales))
    return Graph(**graph, content=content)


def macs(graph: Graph, size: int) -> int | None:
    """Return the multiply-accumulates of one image, ``size`` where the file leaves its sides free; ``None`` where unknown."""
    if len(graph.inputs) != 1 or len(graph.inputs[0].shape) != 4:
        return None
    batch, *sides = graph.inputs[0].shape
    shape = (batch or 1, *(side or size for side in sides))
    try:
        return onnx_macs.of_one_image(onnx_shapes.fixed(graph.content, shape), shape[0])
    except Exception:  # noqa: BLE001  onnx raises what it likes of a network whose sides do not fit
        return None


def _scales(inputs: Sequence[End], outputs: Sequence[End]) -> dict[str, Any]:
    """Return the property that has scale and zero point of the image, and of the only output or of each by its name."""
    image, named = (
        {end.name: {"scale": end.scale, "zero_point": end.zero_point} for end in ends if end.scale}
        for ends in (inputs[:1], outputs)
    )
    scales: dict[str, Any] = {}
    if image:
        [scales["input"]] = image.values()
    if len(outputs) > 1 and named:
        scales["outputs"] = named
    elif named:
        [scales["output"]] = named.values()
    return scales


def _parsed(path: Path, content: bytes) -> Any:
    """Return the message in a file; raises `ModelError`."""
    try:
        import onnx
    except ImportError as error:
        raise ModelError(
            f"{path}: farm reads ONNX files with the package onnx, which is missing", hint=INSTALL
        ) from error
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf's own
        what = "it is damaged or cut off, or no ONNX file" if content else "it is empty"
        raise ModelError(f"{path}: {what}", hint=AGAIN) from error
    ends = (*model.graph.input, *model.graph.output)
    if not model.graph.node or not ends:
        raise ModelError(f"{path}: it is empty, cut off or no ONNX file: it has no operators", hint=AGAIN)
    if not all(isinstance(end.name, str) for end in ends):  # protobuf gives bytes where they are no UTF-8
        raise ModelError(
            f"{path}: the name of an input or output is not UTF-8, which ONNX demands",
            hint="export it again with names of plain letters: torch.onnx.export(…, input_names=['image'])",
        )
    return model


def _property(key: str, value: str) -> bytes:
    """Return what a file with another property ends with: messages of protobuf are merged by putting one behind the other."""
    import onnx

    added = onnx.ModelProto()
    added.metadata_props.add(key=key, value=value)
    return bytes(added.SerializeToString())


def _graph(model: Any) -> dict[str, Any]:
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    operators = Counter(str(node.op_type) for node in graph.node)
    types = {_dtype(tensor.data_type) for tensor in graph.initializer}
    quantized = any("Quantize" in name or name.startswith("QLinear") or "Integer" in name for name in operators)
    inputs = [end for end in graph.input if end.name not in constants]  # old files list weights among the inputs
    return {
        "inputs": tuple(_end(end, _scale(graph, constants, "DequantizeLinear", end.name)) for end in inputs),
        "outputs": tuple(_end(end, _scale(graph, constants, "QuantizeLinear", end.name)) for end in graph.output),
        "precision": "int8" if quantized else "float16" if "float16" in types else "float32",
        "parameters": sum(math.prod(tensor.dims) for tensor in graph.initializer if _is_weight(tensor)),
        "operators": dict(operators),
        "held": held_preprocessing.of_onnx(graph, inputs[0].name) if inputs else (),
    }


def _is_weight(tensor: Any) -> bool:
    """Check whether a constant is weights, rather than a shape or axes."""
    return _dtype(tensor.data_type) not in ("int64", "bool")


def _scale(graph: Any, constants: Mapping[str, Any], operator: str, name: str) -> tuple[float, int]:
    """Return scale and zero point of the end called ``name``, 0 where the graph has none for it."""
    from onnx import numpy_helper

    for node in graph.node:
        end = node.input[0] if operator == "DequantizeLinear" and node.input else node.output[0] if node.output else ""
        values = [numpy_helper.to_array(constants[each]) for each in node.input[1:] if each in constants]
        if node.op_type == operator and end == name and values and all(value.size == 1 for value in values):
            return float(values[0].item()), int(values[1].item()) if len(values) > 1 else 0
    return 0.0, 0


def _end(end: Any, scale: tuple[float, int]) -> End:
    kind = end.type.WhichOneof("value") or "unknown"
    tensor = end.type.tensor_type
    return End(
        name=end.name,
        shape=tuple(side.dim_value if side.dim_value > 0 else None for side in tensor.shape.dim),
        dtype=_dtype(tensor.elem_type) if kind == "tensor_type" else kind.removesuffix("_type"),
        scale=scale[0],
        zero_point=scale[1],
    )


def _dtype(number: int) -> str:
    from onnx import TensorProto, helper

    name: str = TensorProto.DataType.Name(number).lower()
    return name if name in ("undefined", "string") else helper.tensor_dtype_to_np_dtype(number).name
