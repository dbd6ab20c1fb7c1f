"""The operators of a ``.tflite`` file with their versions, read without an interpreter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Operand:
    """A tensor that an operator reads or writes."""

    name: str
    #: As numpy writes it: ``float32``, ``int8``; ``int4`` has no numpy type.
    dtype: str
    #: Numbers in its list of scales: 0 without quantization, 1 for the whole tensor, more for one each channel.
    scales: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One node of a graph."""

    #: As TensorFlow Lite's schema writes it: ``FULLY_CONNECTED``.
    name: str
    #: What the file declares; ai-edge-quantizer leaves that of the float operator.
    version: int
    #: ``None`` for an optional input that is absent.
    inputs: tuple[Operand | None, ...]
    outputs: tuple[Operand, ...]


def operators(content: bytes) -> tuple[Operator, ...]:
    """Return the operators of all graphs in a file's ``content``, in their order; whatever is raised, the file is damaged."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(content, 0)
    return tuple(each for number in range(model.SubgraphsLength()) for each in _graph(model, model.Subgraphs(number)))


def version_places(content: bytes, operator: str) -> list[int]:
    """Return where in ``content`` the versions of ``operator`` are, int32 each; those that the file leaves at 1 have no place."""
    from ai_edge_litert import schema_py_generated as schema

    model, places = schema.Model.GetRootAs(content, 0), []
    for number in range(model.OperatorCodesLength()):
        code = model.OperatorCodes(number)
        offset = code._tab.Offset(8)  # noqa: SLF001  the slot of `version`, as the generated reader has it
        if offset and name_of(code) == operator:
            places.append(code._tab.Pos + offset)  # noqa: SLF001
    return places


def name_of(code: Any) -> str:
    """Return the name of an operator's code; ``UNKNOWN`` for one of a newer schema."""
    from ai_edge_litert import schema_py_generated as schema

    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if name.isupper()}
    # files of older converters have the code in the old field alone
    return str(names.get(max(code.BuiltinCode(), code.DeprecatedBuiltinCode()), "UNKNOWN"))


def dtypes() -> dict[int, str]:
    """Return the schema's types of tensors -> as numpy writes them; ``int4`` and ``string`` have no numpy type."""
    from ai_edge_litert import schema_py_generated as schema

    return {value: name.lower() for name, value in vars(schema.TensorType).items() if name.isupper()}


def _graph(model: Any, graph: Any) -> Iterator[Operator]:
    types = dtypes()
    tensors = [_operand(graph.Tensors(number), types) for number in range(graph.TensorsLength())]
    for number in range(graph.OperatorsLength()):
        node = graph.Operators(number)
        code = model.OperatorCodes(node.OpcodeIndex())
        inputs = [node.Inputs(position) for position in range(node.InputsLength())]
        yield Operator(
            name=name_of(code),
            version=code.Version(),
            inputs=tuple(tensors[index] if index >= 0 else None for index in inputs),
            outputs=tuple(tensors[node.Outputs(position)] for position in range(node.OutputsLength())),
        )


def _operand(tensor: Any, types: dict[int, str]) -> Operand:
    quantization = tensor.Quantization()
    return Operand(
        name=(tensor.Name() or b"").decode(errors="replace"),
        dtype=types.get(tensor.Type(), "unknown"),
        scales=quantization.ScaleLength() if quantization is not None else 0,
    )
