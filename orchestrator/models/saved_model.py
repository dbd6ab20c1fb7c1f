"""A SavedModel folder as a Keras model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.errors import ModelError, brief, no_such

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: The signature that Keras and TensorFlow export a model's answers as.
SERVING = "serving_default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """An input or output of a signature."""

    #: Without the batch; ``None`` where a side is free.
    shape: tuple[int | None, ...]
    #: TensorFlow's name for it: ``float32``, ``uint8``.
    dtype: str
    #: Images that it takes at once, ``None`` where that is free.
    batch: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What a SavedModel takes and gives."""

    name: str
    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]


def signature(folder: Path) -> Signature:
    """Return the signature that is measured, from ``saved_model.pb`` alone; raises `ModelError`."""
    from tensorflow.core.protobuf import saved_model_pb2

    try:
        content = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
        (graph,) = [graph for graph in content.meta_graphs if "serve" in graph.meta_info_def.tags]
    except Exception as error:  # protobuf's own, ValueError where there is no such graph
        raise ModelError(
            f"{folder}: saved_model.pb can't be read: {brief(error)}", hint="export the model again"
        ) from error
    found = {name: one for name, one in graph.signature_def.items() if one.inputs and one.outputs}
    if SERVING not in found and len(found) != 1:
        raise ModelError(
            f"{folder}: {no_such('signature', SERVING, found)}",
            hint=f"export it with one: `model.export('folder')`, or `tf.saved_model.save(…, signatures={{'{SERVING}': …}})`",
        )
    name = SERVING if SERVING in found else next(iter(found))
    return Signature(name=name, inputs=_tensors(found[name].inputs), outputs=_tensors(found[name].outputs))


def model(folder: Path, signed: Signature, shape: tuple[int | None, ...]) -> Any:
    """Return a ``keras.Model``: float32 [n, *shape] to the signature's outputs by name.

    Where the signature takes another number type, pixels are cast to it, as TFLite's own cast does.
    """
    import keras

    layer = keras.layers.TFSMLayer(folder, call_endpoint=signed.name)
    (wanted,) = signed.inputs.values()
    image = keras.layers.Input(batch_shape=(wanted.batch, *shape), name="image")
    outputs = layer(image if wanted.dtype == "float32" else keras.ops.cast(image, wanted.dtype))
    return keras.Model(image, outputs)


def _tensors(infos: Mapping[str, Any]) -> dict[str, Tensor]:
    import tensorflow as tf

    tensors = {}
    for name, info in sorted(infos.items()):
        sides = [None if side.size < 0 else int(side.size) for side in info.tensor_shape.dim]
        dtype = tf.dtypes.as_dtype(info.dtype).name
        tensors[name] = Tensor(shape=tuple(sides[1:]), dtype=dtype, batch=sides[0] if sides else None)
    return tensors
