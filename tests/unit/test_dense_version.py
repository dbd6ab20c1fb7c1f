"""A dense layer with one output column is not kept from old runtimes by a version that it does not need."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.models import dense_version, kernel_needs, tflite_operators

pytestmark = pytest.mark.tensorflow


def dynamic(folder, columns, *, per_channel):
    import keras
    import tensorflow as tf

    image = keras.Input((48, 48, 1))
    scores = keras.layers.Dense(columns, activation="sigmoid")(keras.layers.Flatten()(image))
    keras.Model(image, scores).export(folder, verbose=False)
    converter = tf.lite.TFLiteConverter.from_saved_model(str(folder))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter._experimental_disable_per_channel_quantization_for_dense_layers = not per_channel
    return converter.convert()


def score(content):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    pixels = np.random.default_rng(0).random((1, 48, 48, 1), dtype=np.float32)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], pixels)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def test_one_column_needs_no_new_kernel_and_scores_as_before(tmp_path):
    converted = dynamic(tmp_path, 1, per_channel=False)

    lowered = dense_version.lowered(converted)

    assert "version 12" in str(kernel_needs.newest(converted))
    assert [each.version for each in tflite_operators.operators(lowered) if each.name == "FULLY_CONNECTED"] == [9]
    assert sum(a != b for a, b in zip(converted, lowered, strict=True)) == 1
    assert score(lowered) == score(converted)


def test_a_scale_for_each_of_several_columns_keeps_its_version(tmp_path):
    converted = dynamic(tmp_path, 3, per_channel=True)

    assert "version 12" in str(kernel_needs.newest(converted))
    assert dense_version.lowered(converted) == converted
