"""Weights of an ONNX file that lie in files beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: No message of protobuf is larger.
MOST_BYTES = 2**31 - 1
AGAIN = "copy all of its files again, or export the model again"


def bring_in(path: Path, model: Any) -> bool:
    """Put the weights that ``model``, read from ``path``, keeps in other files into it; return whether there were any.

    Only regular files in the folder of ``path`` are read. Raises `ModelError` where one lies elsewhere, is missing or too
    short.
    """
    from onnx import TensorProto

    outside = [tensor for tensor in _tensors(model) if tensor.data_location == TensorProto.EXTERNAL]
    total = model.ByteSize()
    for tensor in outside:
        fields = {entry.key: entry.value for entry in tensor.external_data}
        try:
            place, start = fields["location"], int(fields.get("offset", 0))
            file = _beside(path, place)
            length = int(fields.get("length", file.stat().st_size - start))
        except (KeyError, ValueError, OSError) as error:
            raise ModelError(
                f"{path}: it does not say where the weights {_shown(tensor.name)} are", hint=AGAIN
            ) from error
        total += length
        if total > MOST_BYTES:
            raise ModelError(f"{path}: with its weights it has more than 2 GB, which no single ONNX file can have")
        tensor.raw_data = _content(path, file, start, length)
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")
    return bool(outside)


def _beside(path: Path, place: str) -> Path:
    """Return the file that weights are in; raises `ModelError` where it is not beside the model."""
    folder = path.parent.resolve()
    file = (folder / place).resolve()
    if not file.is_relative_to(folder):
        raise ModelError(
            f"{path}: its weights are in {_shown(place)}, outside its folder, and farm reads no file there",
            hint="put the file of weights (no link to it) beside the model, and name it so in the model",
        )
    if not file.is_file():
        raise ModelError(
            f"{path}: its weights are in {_shown(place)}, which is not beside it",
            hint="copy that file too, or export all in one: torch.onnx.export(…, external_data=False)",
        )
    return file


def _content(path: Path, file: Path, start: int, length: int) -> bytes:
    if start < 0 or length < 0 or start + length > file.stat().st_size:
        raise ModelError(f"{path}: {file.name}, where its weights are, is cut off", hint=AGAIN)
    try:
        with file.open("rb") as opened:
            opened.seek(start)
            return opened.read(length)
    except OSError as error:
        raise ModelError(f"{path}: {file.name}: {error.strerror}") from error


def _tensors(message: Any) -> Iterator[Any]:
    """Yield every tensor in a message of protobuf, however deep: weights, constants of nodes, of graphs inside nodes."""
    from onnx import TensorProto

    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for each in value if hasattr(value, "__len__") else (value,):
            if isinstance(each, TensorProto):
                yield each
            else:
                yield from _tensors(each)


def _shown(name: object) -> str:
    return repr(name)[:80]
