"""The numbers that a model's file says its pixels become."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.models import held_preprocessing, keras_config, onnx_graph, tflite_graph
from orchestrator.models.held_preprocessing import NARROW

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.models.graph_ends import End
    from orchestrator.models.held_preprocessing import Held


@dataclass(frozen=True, slots=True, kw_only=True)
class Normalization:
    """``x = (pixel * scale - mean) / std``, with where it comes from in words."""

    scale: float
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    source: str


#: Name -> pixels of 0 to 255 become these numbers.
RANGES = {
    "0..1": Normalization(scale=1 / 255, source="0..1"),
    "-1..1": Normalization(scale=1 / 127.5, mean=(1.0,), source="-1..1"),
    "0..255": Normalization(scale=1.0, source="0..255"),
    "imagenet": Normalization(scale=1 / 255, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), source="imagenet"),
}
#: Name -> ends of it.
_ENDS = {"0..1": (0.0, 1.0), "-1..1": (-1.0, 1.0), "0..255": (0.0, 255.0)}
#: Ends that an input's quantization has are calibrated, so a little off those of the range.
_NEAR = 0.02
#: Type -> smallest and largest stored number.
_STORED = {"int8": (-128, 127), "uint8": (0, 255)}
#: The buffer of TensorFlow Lite Metadata.
_METADATA = b"TFLITE_METADATA"
#: A `ProcessUnit` of it that holds normalization.
_NORMALIZATION = 1


def of_file(path: Path, kind: str) -> Normalization | None:
    """Return what the file at ``path`` states, a model of ``kind``; ``None`` where it states nothing.

    Asked in this order: metadata of a ``.tflite``, layers at its input that scale pixels themselves, the range of a quantized input.
    Raises `ModelError` for a ``.tflite`` or ``.onnx`` that is damaged.
    """
    if kind == "tflite":
        return _of_tflite(path)
    if kind == "onnx":
        graph = onnx_graph.read(path)
        return _held(graph.held) if graph.held else _of_quantization(graph.inputs[0]) if graph.inputs else None
    return _of_keras(path) if kind == "keras" and path.is_file() else None


def _of_tflite(path: Path) -> Normalization | None:
    graph = tflite_graph.read(path)
    from ai_edge_litert import schema_py_generated as schema

    model = schema.Model.GetRootAs(path.read_bytes(), 0)
    stated = _in_metadata(model)
    if stated is not None:
        return stated
    return _held(graph.held) if graph.held else _of_quantization(graph.inputs[0])


def _held(held: Sequence[Held]) -> Normalization | None:
    inside = float(np.prod([abs(one.scale) for one in held]))
    return _as_they_are("; ".join(held_preprocessing.words(held))) if 255 * inside >= NARROW else None


def _as_they_are(words: str) -> Normalization:
    return Normalization(scale=1.0, source=f"0..255, which the model scales itself ({words})")


def _of_quantization(image: End) -> Normalization | None:
    if image.dtype not in _STORED or not image.scale:
        return None
    low, high = ((stored - image.zero_point) * image.scale for stored in _STORED[image.dtype])
    for name, ends in _ENDS.items():
        width = ends[1] - ends[0]
        if abs(low - ends[0]) <= _NEAR * width and abs(high - ends[1]) <= _NEAR * width:
            return _stated(name, f"{name}, the range of its {image.dtype} input")
    return None


def _stated(name: str, source: str) -> Normalization:
    return Normalization(scale=RANGES[name].scale, mean=RANGES[name].mean, std=RANGES[name].std, source=source)


def _of_keras(path: Path) -> Normalization | None:
    for layer in keras_config.first_layers(path):
        if layer.get("class_name") == "Rescaling":
            config = layer["config"]
            scale, offset = config.get("scale"), config.get("offset", 0.0)
            if isinstance(scale, float | int) and isinstance(offset, float | int) and 255 * abs(scale) >= NARROW:
                return _as_they_are(f"Rescaling: x × {scale:.4g} + {offset:.4g}")
    return None


def _in_metadata(model: Any) -> Normalization | None:
    """Return the mean and deviation that TensorFlow Lite Metadata gives the first input; what is damaged states nothing."""
    try:
        for number in range(model.MetadataLength()):
            if model.Metadata(number).Name() == _METADATA:
                content = model.Buffers(model.Metadata(number).Buffer()).DataAsNumpy().tobytes()
                return _normalization(content)
    except Exception:  # noqa: BLE001  a flatbuffer that points outside itself raises anything
        return None
    return None


def _normalization(content: bytes) -> Normalization | None:
    import flatbuffers
    from flatbuffers import encode, number_types, packer

    start = encode.Get(packer.uoffset, content, 0)
    subgraph = _tables(flatbuffers.table.Table(content, start), 3)[0]
    image = _tables(subgraph, 2)[0]
    for unit in _tables(image, 4):
        place = unit.Offset(4)
        if not place or unit.Get(number_types.Uint8Flags, unit.Pos + place) != _NORMALIZATION:
            continue
        options = flatbuffers.table.Table(content, 0)
        unit.Union(options, unit.Offset(6))
        mean, deviation = (_floats(options, field) for field in (0, 1))
        if mean and deviation and all(deviation):
            return Normalization(scale=1.0, mean=mean, std=deviation, source="the metadata in the file")
    return None


def _tables(table: Any, field: int) -> Sequence[Any]:
    """Return the tables in the vector that is ``table``'s field of this number."""
    import flatbuffers

    offset = table.Offset(4 + 2 * field)
    if not offset:
        return ()
    start = table.Vector(offset)
    places = [table.Indirect(start + 4 * number) for number in range(table.VectorLen(offset))]
    return [flatbuffers.table.Table(table.Bytes, place) for place in places]


def _floats(table: Any, field: int) -> tuple[float, ...]:
    from flatbuffers import number_types

    offset = table.Offset(4 + 2 * field)
    if not offset:
        return ()
    start = table.Vector(offset)
    return tuple(
        float(table.Get(number_types.Float32Flags, start + 4 * number)) for number in range(table.VectorLen(offset))
    )
