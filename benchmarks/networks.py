"""Networks of random weights as artifacts, converted as farm converts them: from a SavedModel, with a fixed batch of one."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

if TYPE_CHECKING:
    from collections.abc import Sequence

SEED = 4
FINDINGS = 14


def convolutions(side: int, channels: Sequence[int]) -> Any:
    """Return a Keras model of 3 x 3 convolutions on a grey image of ``side`` pixels."""
    tf.keras.utils.set_random_seed(SEED)
    layers: list[Any] = [tf.keras.Input((side, side, 1))]
    for number, wide in enumerate(channels):
        layers.append(tf.keras.layers.Conv2D(wide, 3, 1 + (number < 2), padding="same", activation="relu"))
    return tf.keras.Sequential([*layers, tf.keras.layers.GlobalAveragePooling2D(), tf.keras.layers.Dense(1, "sigmoid")])


def application(name: str, side: int) -> Any:
    """Return a network of `keras.applications` for 14 findings, its weights rounded to 1/64 so that its file packs small.

    Normalization follows noise: with statistics of 0 and 1 a deep network's scores would be 0.5 for every image.
    """
    tf.keras.utils.set_random_seed(SEED)
    made = getattr(tf.keras.applications, name)
    model = made(input_shape=(side, side, 3), weights=None, classes=FINDINGS, classifier_activation="sigmoid")
    model.set_weights([np.round(weights * 64) / 64 for weights in model.get_weights()])
    for layer in model.layers:
        if isinstance(layer, tf.keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(np.random.default_rng(SEED).random((8, side, side, 3), np.float32), training=True)
    return model


def converted(model: Any, *, float16: bool = False) -> bytes:
    """Return the model as a ``.tflite``, float32 or with float16 weights."""
    spec = tf.TensorSpec([1, *model.input_shape[1:]], tf.float32, name="image")
    frozen = convert_variables_to_constants_v2(tf.function(model).get_concrete_function(spec))
    serve = tf.function(lambda image: {"scores": frozen(image)[0]}, input_signature=[spec])
    with tempfile.TemporaryDirectory() as saved:
        tf.saved_model.save(tf.Module(), saved, signatures=serve)
        converter = tf.lite.TFLiteConverter.from_saved_model(saved)
        if float16:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        return bytes(converter.convert())
