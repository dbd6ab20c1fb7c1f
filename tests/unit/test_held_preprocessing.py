"""Preprocessing that a graph holds, and its multiply-accumulates, read from real files."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.domain.model import Preprocess
from orchestrator.models import held_preprocessing, tflite_graph
from orchestrator.models.held_preprocessing import Held
from tests.agent.device import DATA

pytestmark = pytest.mark.tensorflow

SIZE, MANY = 8, 4


def converted(path, compute, shape=(1, SIZE, SIZE, 3)):
    import tensorflow as tf

    module = tf.Module()
    module.compute = tf.function(compute, input_signature=[tf.TensorSpec(shape, tf.float32)])
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.compute.get_concrete_function()], module)
    path.write_bytes(converter.convert())
    return tflite_graph.read(path)


def test_multiply_accumulates_are_those_of_one_image(tmp_path):
    import tensorflow as tf

    plain, separate = np.ones((3, 3, 3, MANY), np.float32), np.ones((3, 3, 3, 1), np.float32)
    dense, back = np.ones((MANY, 5), np.float32), np.ones((2, 2, 3, MANY), np.float32)

    def network(x):
        y = tf.nn.conv2d(tf.nn.depthwise_conv2d(x, separate, [1, 1, 1, 1], "SAME"), plain, 2, "SAME")
        wide = tf.nn.conv2d_transpose(y, back, (2, SIZE, SIZE, 3), 2)
        return tf.nn.relu(tf.reduce_mean(y, [1, 2]) @ dense) + tf.reduce_mean(wide)

    graph = converted(tmp_path / "m.tflite", network, (2, SIZE, SIZE, 3))

    half = SIZE // 2
    by_hand = SIZE**2 * 3 * 9 + half**2 * MANY * 27 + half**2 * MANY * 4 * 3 + MANY * 5
    assert graph.macs == by_hand
    assert tflite_graph.read(DATA / "float32.tflite").macs == 9


def test_scaling_at_the_input_of_a_tflite_is_found_with_its_numbers(tmp_path):
    weights = np.ones((3, 3, 3, MANY), np.float32)

    def network(x):
        import tensorflow as tf

        y = x / np.float32(127.5) - 1.0
        return tf.reduce_mean(tf.nn.relu(tf.nn.conv2d(tf.abs(y), weights, 1, "SAME")) * 3.0, [1, 2])

    graph = converted(tmp_path / "m.tflite", network)

    scale, offset = np.prod([one.scale for one in graph.held]), [one.offset for one in graph.held if one.offset]
    assert scale == pytest.approx(1 / 127.5)
    assert offset == [pytest.approx(-1.0)]
    assert tflite_graph.read(DATA / "float32.tflite").held == ()


def test_layers_that_prepare_pixels_are_found_in_a_keras_model():
    import keras
    from keras import layers

    image = keras.Input((SIZE, SIZE, 3))
    x = layers.Rescaling(1 / 255)(layers.RandomFlip()(image))
    x = layers.Normalization(mean=[0.5, 0.5, 0.5], variance=[0.25, 0.25, 0.25])(x)
    x = layers.Rescaling(2.0)(layers.Conv2D(2, 3)(x))  # behind weights it prepares no pixels
    inner = keras.Model(image, x)
    outer_image = keras.Input((SIZE, SIZE, 3))
    outer = keras.Model(outer_image, layers.GlobalAveragePooling2D()(inner(outer_image)))

    found = held_preprocessing.of_keras(outer)

    assert [one.name for one in found] == ["Rescaling", "Normalization"]
    assert [(one.scale, one.offset) for one in found] == [pytest.approx((1 / 255, 0.0)), pytest.approx((2.0, -1.0))]
    assert held_preprocessing.words(found) == ("Rescaling: x × 0.003922 + 0", "Normalization: x × 2 − 1")


@pytest.mark.parametrize(
    ("scale", "std", "held", "expected"),
    [
        (1.0, 1.0, 1 / 255, False),
        (1 / 255, 1.0, 1 / 255, True),
        (1 / 127.5, 1.0, 1 / 127.5, True),
        (1 / 255, 0.25, 1 / 255, True),
        (1 / 255, 1.0, 2.0, False),
        (1 / 255, 1.0, None, False),
    ],
)
def test_pixels_that_are_scaled_twice_are_told_from_those_that_are_not(scale, std, held, expected):
    how = Preprocess(height=8, width=8, channels=1, scale=scale, std=(std,))

    words = held_preprocessing.twice([Held(name="Rescaling", scale=held, offset=0.0)] if held else [], how)

    assert (words is not None) == expected
    assert words is None or "say `preprocess: {scale: 1}`" in words
