"""What a ``.tflite`` file says of itself, read without an interpreter."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.errors import ModelError
from orchestrator.models import held_preprocessing, macs, model_file, tflite_operators
from orchestrator.models.graph_ends import End

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from orchestrator.models.held_preprocessing import Held

#: Bytes 4 to 8 of every ``.tflite`` file.
IDENTIFIER = b"TFL3"
AGAIN = "copy it again, or convert the model again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The main graph of a file."""

    inputs: tuple[End, ...]
    outputs: tuple[End, ...]
    #: What signatures call them; the tensor's name where none has the output.
    output_names: tuple[str, ...]
    #: The widest rounding in it: ``float32``, ``float16`` (weights), ``int8`` (any integers with a scale).
    precision: str
    #: Numbers in constant tensors, without those that are shapes or axes.
    parameters: int
    #: Multiply-accumulates of one image.
    macs: int
    #: Preprocessing at the input.
    held: tuple[Held, ...]


def read(path: Path) -> Graph:
    """Return the graph of the file at ``path``; raises `ModelError` where it is no ``.tflite`` file, or a damaged one."""
    content = model_file.content(path)
    if content[4:8] != IDENTIFIER:
        model_file.refuse_what_is_no_model(path, content[:64])
        what = "it is empty" if not content else "its first bytes are not those of a .tflite file"
        raise ModelError(f"{path}: {what}", hint=AGAIN)
    import ai_edge_litert.schema_py_generated  # noqa: F401  that it isn't installed says nothing of the file

    try:
        return _graph(content)
    except Exception as error:  # a flatbuffer that points outside itself raises anything
        raise ModelError(f"{path}: it is damaged or cut off", hint=AGAIN) from error


def resized(content: bytes, shapes: Mapping[int, tuple[int, ...]]) -> bytes:
    """Return a file's ``content`` with the ``shapes`` of tensors in place of those it has; what has another rank stays."""
    buffer = bytearray(content)
    graph = _model(buffer).Subgraphs(0)
    for number in range(graph.TensorsLength()):
        tensor = graph.Tensors(number)
        shape = shapes.get(number)
        if shape is not None and tensor.ShapeLength() == len(shape) > 0:
            tensor.ShapeAsNumpy()[:] = shape  # a view of the buffer
    return bytes(buffer)


def _model(content: bytes | bytearray) -> Any:
    from ai_edge_litert import schema_py_generated as schema

    return schema.Model.GetRootAs(content, 0)


def _graph(content: bytes) -> Graph:
    model = _model(content)
    graph = model.Subgraphs(0)
    tensors = [graph.Tensors(number) for number in range(graph.TensorsLength())]
    types = tflite_operators.dtypes()
    ends = [_end(tensor, types) for tensor in tensors]
    dtypes = {end.dtype for end in ends}
    names = _operators(model, graph)
    quantized = any(_scales(tensor) and "int" in end.dtype for tensor, end in zip(tensors, ends, strict=True))
    return Graph(
        inputs=tuple(ends[graph.Inputs(number)] for number in range(graph.InputsLength())),
        outputs=tuple(ends[graph.Outputs(number)] for number in range(graph.OutputsLength())),
        output_names=_output_names(model, graph, ends),
        precision="int8" if quantized else "float16" if "float16" in dtypes else "float32",
        macs=macs.of_one_image(graph, names),
        held=held_preprocessing.of_tflite(model, names),
        parameters=sum(
            _elements(tensor, model)
            for tensor, end in zip(tensors, ends, strict=True)
            if _scales(tensor) or end.dtype.startswith("float")
        ),
    )


def _output_names(model: Any, graph: Any, tensors: Sequence[End]) -> tuple[str, ...]:
    named: dict[int, str] = {}
    for number in range(model.SignatureDefsLength()):
        signature = model.SignatureDefs(number)
        if signature.SubgraphIndex() == 0:
            ends = [signature.Outputs(place) for place in range(signature.OutputsLength())]
            named.update({end.TensorIndex(): (end.Name() or b"").decode(errors="replace") for end in ends})
    places = [graph.Outputs(number) for number in range(graph.OutputsLength())]
    return tuple(named.get(place) or tensors[place].name for place in places)


def _operators(model: Any, graph: Any) -> list[str]:
    """Return the names of the graph's operators, in order."""
    codes = [tflite_operators.name_of(model.OperatorCodes(number)) for number in range(model.OperatorCodesLength())]
    return [codes[graph.Operators(number).OpcodeIndex()] for number in range(graph.OperatorsLength())]


def _elements(tensor: Any, model: Any) -> int:
    """Return how many numbers the file holds for a tensor: none for what is computed."""
    buffer = model.Buffers(tensor.Buffer())
    is_constant = buffer is not None and (buffer.DataLength() or buffer.Offset() > 1)  # 1 stands for an empty one
    return math.prod(tensor.Shape(side) for side in range(tensor.ShapeLength())) if is_constant else 0


def _end(tensor: Any, types: Mapping[int, str]) -> End:
    sides = [int(tensor.Shape(side)) for side in range(tensor.ShapeLength())]
    signature = [tensor.ShapeSignature(side) for side in range(tensor.ShapeSignatureLength())]
    if len(signature) != len(sides):  # it is left out where no side is free
        signature = sides
    has_scale, quantization = _scales(tensor) == 1, tensor.Quantization()
    return End(
        name=(tensor.Name() or b"").decode(errors="replace"),
        shape=tuple(None if sign < 0 else side for side, sign in zip(sides, signature, strict=True)),
        dtype=types[tensor.Type()],
        scale=quantization.Scale(0) if has_scale else 0.0,
        zero_point=quantization.ZeroPoint(0) if has_scale and quantization.ZeroPointLength() else 0,
    )


def _scales(tensor: Any) -> int:
    """Return how many scales a tensor has: none for real values, more than one where each channel has its own."""
    quantization = tensor.Quantization()
    return 0 if quantization is None else int(quantization.ScaleLength())
