"""The process that measures how far each layer of an int8 artifact is from float32."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.domain.model import DatasetSpec, ModelSpec
from orchestrator.errors import ModelError
from orchestrator.models import child, layer_errors
from orchestrator.models.layer_errors import LayerError
from orchestrator.models.schemes.base import make_scheme
from orchestrator.models.schemes.tflite import TFLiteScheme

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    from numpy.typing import NDArray


def debug(
    model: ModelSpec, dataset: DatasetSpec, scheme: str, options: Mapping[str, Any], *, images: int
) -> tuple[LayerError, ...]:
    """Return the layers in the order of the graph, over ``images`` calibration images; raises `ModelError`."""
    order = {
        "model": asdict(model),
        "dataset": asdict(dataset),
        "scheme": scheme,
        "options": dict(options),
        "images": images,
    }
    return tuple(LayerError(**each) for each in child.ask(__name__, order, f"model {model.name}"))


def _debug(order: dict[str, Any]) -> list[dict[str, Any]]:
    import tensorflow as tf

    from agent import scoring
    from orchestrator.datasets.base import make_dataset
    from orchestrator.datasets.calibration import calibration_pixels
    from orchestrator.models.base import make_model

    scheme = make_scheme(order["scheme"], order["options"])
    if not (isinstance(scheme, TFLiteScheme) and scheme.needs_calibration):
        raise ModelError(f"scheme {scheme.name} quantizes no activations", hint="--scheme int8")
    model = make_model(ModelSpec.from_json(order["model"]))
    how = model.preprocess
    pixels = calibration_pixels(
        make_dataset(DatasetSpec(**order["dataset"])), height=how.height, width=how.width, limit=order["images"]
    )

    def batches() -> Iterator[NDArray[np.float32]]:
        for row in range(len(pixels)):
            yield scoring.preprocess(pixels[row : row + 1], how)

    if "saved_model" not in model.formats:
        raise ModelError(
            "a ready .tflite has no float model to be compared with", hint="debug the Keras model it was made of"
        )
    with tempfile.TemporaryDirectory() as folder:
        model.load().write("saved_model", 1, Path(folder))
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        scheme.configure(converter, batches)
        converter.inference_input_type = converter.inference_output_type = tf.float32
        return [asdict(each) for each in layer_errors.measure(converter, batches)]


if __name__ == "__main__":
    sys.exit(child.answer(_debug))
