"""Ready ``.tflite`` files of the model that scores mean brightness, and edits of such a file's graph."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.lab import toys

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def write(folder: Path) -> dict[str, Path]:
    """Write and return the files: a name for each way in which people convert."""
    import tensorflow as tf

    model = toys.model()
    batch = tf.TensorSpec([1, toys.SIZE, toys.SIZE, 1], tf.float32)

    def of(function: Callable[..., Any]) -> Any:
        return tf.lite.TFLiteConverter.from_concrete_functions([tf.function(function).get_concrete_function(batch)])

    converters = {
        "float": tf.lite.TFLiteConverter.from_keras_model(model),
        "no-signature": of(lambda image: model(image, training=False)),
        "int8": _integers(model, tf.int8),
        "uint8": _integers(model, tf.uint8),
        "one-image": of(lambda image: tf.reshape(model(image, training=False), (1, 1, 1))),
    }
    return _written(folder, converters)


def write_one(folder: Path, model: Any) -> dict[str, Path]:
    """Write ``model`` as a float file and as one with int8 input and output."""
    import tensorflow as tf

    return _written(
        folder, {"float": tf.lite.TFLiteConverter.from_keras_model(model), "int8": _integers(model, tf.int8)}
    )


def _integers(model: Any, dtype: Any) -> Any:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    seen = [(image / np.float32(255))[None, :, :, None] for _, _, _, image in toys.images()]
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image] for image in seen)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = dtype
    return converter


def _written(folder: Path, converters: dict[str, Any]) -> dict[str, Path]:
    paths = {name: folder / f"{name}.tflite" for name in converters}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Statistics for quantized inputs were expected")
        for name, converter in converters.items():
            paths[name].write_bytes(converter.convert())
    return paths


def edited(path: Path, change: Callable[[Any], None]) -> bytes:
    """Return the content of ``path`` with ``change`` made to its graph, a ``ModelT`` of TFLite's schema."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
    change(model)
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
