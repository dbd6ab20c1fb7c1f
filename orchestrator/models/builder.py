"""The process that builds artifacts, so that TensorFlow's memory ends with it.

Reads one order as JSON on standard input, prints one line of JSON for every build, in order. The route is the one that was
seen to be fast and right: freeze with a fixed batch, save with a named signature, convert from the SavedModel. Converting
a Keras 3 model's concrete functions directly was seen to give files without weights, without an error: hence the checks.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from agent import scoring
from agent.runtimes import litert, onnxruntime, tensorflow
from agent.runtimes.interpreter import InterpreterLoaded
from orchestrator import registry
from orchestrator.analysis import golden
from orchestrator.datasets.base import make_dataset
from orchestrator.domain.model import DatasetSpec, ModelSpec, Preprocess
from orchestrator.errors import BuildError, FarmError, ModelError
from orchestrator.models.artifacts import CALIBRATION_IMAGES
from orchestrator.models.base import make_model
from orchestrator.models.schemes.onnx import rewrite

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from agent.runtimes.base import Loaded
    from orchestrator.datasets.base import Dataset, Images
    from orchestrator.models.base import Model
    from orchestrator.models.schemes.base import Scheme

#: Images that every artifact is compared with Keras on.
CHECKED_IMAGES = 16
#: Largest plausible difference of a score from Keras. Kernels add in another order, which costs float32 some 1e-5;
#: float16 and int8 are far below these on trained networks, files without weights or with a wrong scale far above.
BOUNDS = {"float32": 1e-3, "onnx": 1e-3, "float16": 2e-2}
LARGEST_DIFFERENCE = 0.6
#: No scheme stores a weight in less than a byte; half of that leaves room for what the converter folds away.
BYTES_PER_WEIGHT = 0.5


def main() -> int:
    """Build what standard input asks for."""
    order = json.load(sys.stdin)
    # TensorFlow prints to descriptor 1 whatever Python thinks of it; from here on that is standard error.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    dataset = make_dataset(DatasetSpec(**order["dataset"]))
    builder: tuple[str, ModelBuilder] | None = None
    for number, plain in enumerate(order["builds"]):
        spec = ModelSpec.from_json(plain["model"])
        try:
            if builder is None or builder[0] != spec.name:
                builder = spec.name, ModelBuilder(make_model(spec), dataset)
            path = Path(order["folder"]) / f"{number}.tflite"
            answer = builder[1].build(plain["scheme"], plain["batch"], path)
        except FarmError as error:
            answer = {"error": str(error)}
        except Exception as error:  # noqa: BLE001  a converter may raise anything; the others go on
            answer = {"error": f"{type(error).__name__}: {str(error).strip()[:1000]}"}
        print(json.dumps(answer), file=answers, flush=True)
    return 0


class ModelBuilder:
    """One model with what its artifacts need: images, Keras's own scores, frozen graphs by batch size."""

    def __init__(self, model: Model, dataset: Dataset) -> None:
        self._preprocess: Preprocess = model.preprocess
        self._dataset = dataset
        self.keras = model.load()
        columns = int(self.keras.outputs[0].shape[-1])
        classes = len(dataset.classes)
        if columns != classes and (columns, classes) != (2, 1):
            raise ModelError(
                f"the model has {columns} outputs, the dataset {dataset.name} has {classes} classes",
                hint="measure it on the dataset it was trained for",
            )
        images = self._load("evaluation")
        self._pixels = images.pixels[:CHECKED_IMAGES]
        self._expected = self._keras_scores(self._pixels)
        # scores are within 0..1, but a model may well answer with logits
        self._spread = max(1.0, float(np.ptp(self._expected)))
        self._golden = golden.choose(self._expected)
        self._calibration: NDArray[np.uint8] | None = None
        self._frozen: dict[int, Any] = {}

    def build(self, scheme_name: str, batch: int, path: Path) -> dict[str, Any]:
        """Convert to ``path``, check what came out, and say what the recipe needs; raises `BuildError`."""
        scheme = registry.find("scheme", scheme_name)()
        if scheme.format == "keras":
            self._save(batch, path)
        else:
            self._convert(scheme, batch, path)
        if scheme.format == "onnx":
            rewrite(path)
        calibration = self._calibration_pixels() if scheme.needs_calibration else None
        return {
            "path": str(path),
            "calibration_sha256": hashlib.sha256(calibration.tobytes()).hexdigest()
            if calibration is not None
            else None,
            "checks": self.check(scheme, batch, path),
            "golden": self.known_scores(scheme, batch, path),
        }

    def _convert(self, scheme: Scheme, batch: int, path: Path) -> None:
        import tensorflow as tf

        with tempfile.TemporaryDirectory() as folder:
            tf.saved_model.save(tf.Module(), folder, signatures=self._signature(batch))
            converter = tf.lite.TFLiteConverter.from_saved_model(folder)
            scheme.configure(converter, lambda: self._batches(batch))
            path.write_bytes(converter.convert())

    def _save(self, batch: int, path: Path) -> None:
        """Save the model as Keras does, with its batch fixed: nobody who loads it is told another."""
        import keras

        said = self._preprocess
        image = keras.Input(batch_shape=(batch, said.height, said.width, said.channels), name="image")
        saved = path.with_suffix(".keras")  # Keras wants the name to say so
        keras.Model(image, self.keras(image, training=False)).save(saved)
        saved.replace(path)

    def _signature(self, batch: int) -> Any:
        if batch in self._frozen:
            return self._frozen[batch]
        import tensorflow as tf
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

        said, model = self._preprocess, self.keras
        spec = tf.TensorSpec([batch, said.height, said.width, said.channels], tf.float32, name="image")
        frozen = convert_variables_to_constants_v2(
            tf.function(lambda image: model(image, training=False)).get_concrete_function(spec)
        )

        @tf.function(input_signature=[spec])  # type: ignore[untyped-decorator]  # TensorFlow has no types
        def serve(image: Any) -> Mapping[str, Any]:
            return {"scores": frozen(image)[0]}

        self._frozen[batch] = serve
        return serve

    def check(self, scheme: Scheme, batch: int, path: Path) -> dict[str, Any]:
        """Score a few images with the agent's own code and compare with Keras; raises `BuildError`."""
        name = scheme.name
        weights, size = int(self.keras.count_params()), path.stat().st_size
        if size < weights * BYTES_PER_WEIGHT:
            raise BuildError(f"the {name} artifact has {size} bytes for {weights} weights: they are not in it")
        try:
            scores = self._scores(_usual(scheme, path), self._pixels, batch)
        except scoring.Unscorable as error:
            raise BuildError(f"the {name} artifact can't be scored: {error}") from error
        difference, mean = golden.difference(scores, self._expected)
        bound = BOUNDS.get(name, LARGEST_DIFFERENCE) * self._spread
        if difference > bound:
            raise BuildError(
                f"the {name} artifact's scores differ from Keras by up to {difference:.3g} (at most {bound:g} is plausible)"
            )
        varies = np.ptp(self._expected, axis=0).max() > 0.05 * self._spread
        if varies and np.ptp(scores, axis=0).max() == 0:
            raise BuildError(f"the {name} artifact answers the same to every image")
        return {
            "max_abs_difference": difference,
            "mean_abs_difference": mean,
            "images": len(self._pixels),
            "bound": bound,
        }

    def known_scores(self, scheme: Scheme, batch: int, path: Path) -> dict[str, Any]:
        """Return what `orchestrator.domain.artifact.Golden` holds, the pixels as the ``path`` of a ``.npy`` beside it.

        The scores are those of the runtime that devices use by default. How much they depend on rounding is found with
        other kernels: on the golden images or on all that artifacts are checked with, whichever is more.
        """
        usual, other = _usual(scheme, path), _otherwise(scheme, path)
        one, another = (self._scores(loaded, self._pixels, batch) for loaded in (usual, other))
        on_all, on_golden = golden.difference(one, another), golden.difference(one[self._golden], another[self._golden])
        kernels = max(on_all[0], on_golden[0]), max(on_all[1], on_golden[1])
        pixels = np.ascontiguousarray(self._pixels[self._golden])
        scores = self._scores(usual, pixels, batch)
        largest, mean = golden.bound(scheme.tolerance, scores, kernels, self._spread)
        file = path.with_suffix(".npy")
        np.save(file, pixels, allow_pickle=False)
        return {
            "path": str(file),
            "scores": scores.tolist(),
            "keras_scores": self._expected[self._golden].tolist(),
            "largest": largest,
            "mean": mean,
        }

    def _scores(self, loaded: Loaded, pixels: NDArray[np.uint8], batch: int) -> NDArray[np.float32]:
        classes = self._expected.shape[1]
        return scoring.scores(loaded, pixels, self._preprocess, batch=batch, classes=classes)

    def _keras_scores(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        scores: NDArray[np.float32] = np.asarray(
            self.keras(scoring.preprocess(pixels, self._preprocess), training=False), np.float32
        )
        if not np.isfinite(scores).all():
            raise ModelError("the Keras model itself gives scores that are not finite numbers")
        return scores

    def _batches(self, batch: int) -> Iterator[NDArray[np.float32]]:
        pixels = self._calibration_pixels()
        for start in range(0, len(pixels) - batch + 1, batch):
            yield scoring.preprocess(pixels[start : start + batch], self._preprocess)

    def _calibration_pixels(self) -> NDArray[np.uint8]:
        if self._calibration is None:
            self._calibration = self._load("calibration").pixels[:CALIBRATION_IMAGES]
        return self._calibration

    def _load(self, part: Any) -> Images:
        return self._dataset.load(part, height=self._preprocess.height, width=self._preprocess.width)


def _usual(scheme: Scheme, path: Path) -> Loaded:
    """Load an artifact into the runtime that artifacts of its format are checked with: the one that devices use by default."""
    if scheme.format == "keras":
        return tensorflow.load_keras(str(path))
    if scheme.format == "onnx":
        return onnxruntime.load(str(path), 1)
    return cast("Loaded", litert.load(str(path), 1))


def _otherwise(scheme: Scheme, path: Path) -> Loaded:
    """Load an artifact so that other kernels compute it: without XNNPACK, or without ONNX Runtime's fusions."""
    if scheme.format == "keras":
        return tensorflow.load_keras(str(path))
    if scheme.format == "onnx":
        return onnxruntime.load(str(path), 1, optimized=False)
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_path=str(path), experimental_op_resolver_type=kernels, num_threads=1)
    return cast("Loaded", InterpreterLoaded(interpreter))


if __name__ == "__main__":
    sys.exit(main())
