"""The process in onnx2tf's own environment that writes a SavedModel; it imports nothing of farm's."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

#: A file that onnx2tf looks for in the current folder, and would else download: images that it finds the order of sides with.
SAMPLES = "calibration_image_sample_data_20x128x128x3_float32.npy"


class _Written(BaseException):
    """The SavedModel is there: the ``.tflite`` files that onnx2tf makes next are of no use here."""


def main() -> int:
    """Convert ``path`` to ``folder`` as standard input orders; return the exit status."""
    order = json.load(sys.stdin)
    os.dup2(2, 1)  # what onnx2tf prints is for a log
    import numpy as np
    import onnx2tf
    import tensorflow as tf

    np.save(Path.cwd() / SAMPLES, np.random.default_rng(0).random((20, 128, 128, 3), np.float32), allow_pickle=False)

    def stop(*_: Any, **__: Any) -> None:
        raise _Written

    tf.lite.TFLiteConverter.from_keras_model = tf.lite.TFLiteConverter.from_concrete_functions = stop
    try:
        onnx2tf.convert(
            input_onnx_file_path=order["path"],
            output_folder_path=order["folder"],
            output_signaturedefs=True,
            keep_shape_absolutely_input_names=order["keep"],
            non_verbose=True,
        )
    except _Written:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())
