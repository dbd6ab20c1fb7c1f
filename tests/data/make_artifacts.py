"""Make the tiny ``.tflite`` files that the tests run, and those that the agent probes runtimes with.

    python tests/data/make_artifacts.py

Their scores are known without them: ``sigmoid(mean colour @ WEIGHTS + BIAS)``, softmax for ``two-columns``.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from orchestrator.models.schemes.onnx import rewrite

HERE = Path(__file__).parent
PROBE = HERE.parent.parent / "agent" / "runtimes" / "probe.tflite"
SIZE = 8
WEIGHTS = np.array([[4.0, -2.0, 1.0], [-3.0, 1.0, 2.0], [1.0, 3.0, -4.0]], np.float32)
BIAS = np.array([-1.0, 0.5, 0.25], np.float32)


def main() -> None:
    """Write every file."""
    import tensorflow as tf

    def sigmoid(x):
        return tf.sigmoid(tf.reduce_mean(x, axis=[1, 2]) @ WEIGHTS + BIAS)

    def softmax(x):
        return tf.nn.softmax(tf.reduce_mean(x, axis=[1, 2]) @ WEIGHTS[:, :2] + BIAS[:2])

    def build(compute, shape, *, int8=False, float16=False):
        module = tf.Module()
        module.compute = tf.function(compute, input_signature=[tf.TensorSpec(shape, tf.float32)])
        converter = tf.lite.TFLiteConverter.from_concrete_functions([module.compute.get_concrete_function()], module)
        if float16:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
        if int8:
            random = np.random.default_rng(1)
            # Gain and offset of their own, so that the mean colours span 0..1.
            images = [
                np.full(shape, random.random(3), np.float32) * random.random(shape).astype(np.float32)
                for _ in range(200)
            ]
            images += [np.ones(shape, np.float32), np.zeros(shape, np.float32)]
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = lambda: ([image] for image in images)
            converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
        return converter.convert()

    one, four = [1, SIZE, SIZE, 3], [4, SIZE, SIZE, 3]
    (HERE / "float32.tflite").write_bytes(build(sigmoid, one))
    (HERE / "float16.tflite").write_bytes(build(sigmoid, one, float16=True))
    (HERE / "batch-of-four.tflite").write_bytes(build(sigmoid, four))
    (HERE / "int8.tflite").write_bytes(build(sigmoid, one, int8=True))
    (HERE / "two-columns.tflite").write_bytes(build(softmax, one))
    (HERE / "not-finite.tflite").write_bytes(build(lambda x: tf.math.log(sigmoid(x) - 2.0), one))
    PROBE.write_bytes(build(lambda x: x * 2.0 + 1.0, [1, 2]))
    shutil.copy(PROBE, PROBE.with_suffix(".onnx"))
    rewrite(PROBE.with_suffix(".onnx"))
    shutil.rmtree(HERE / "__pycache__", ignore_errors=True)


if __name__ == "__main__":
    main()
