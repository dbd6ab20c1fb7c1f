"""The process that builds artifacts, so that TensorFlow's memory ends with it.

Reads orders as lines of JSON on standard input, all of one model, and answers each with a line. Converters were seen to
give files without weights, without an error: hence the checks.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agent import scoring
from orchestrator.analysis import golden
from orchestrator.datasets.base import make_dataset
from orchestrator.datasets.calibration import calibration_pixels
from orchestrator.datasets.sent_images import SentImages
from orchestrator.domain.model import DatasetSpec, ModelSpec, Preprocess
from orchestrator.errors import BuildError, FarmError, brief
from orchestrator.models import child, class_match, doubt, held_preprocessing, kernels
from orchestrator.models.artifacts import CALIBRATION_IMAGES, CONSIDERED_IMAGES
from orchestrator.models.base import FORM_NAMES, make_model
from orchestrator.models.schemes.base import make_scheme, ways

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from agent.runtimes.base import Loaded
    from orchestrator.datasets.base import Dataset, Images, Part
    from orchestrator.models.base import Model
    from orchestrator.models.schemes.base import Scheme

#: Images that every artifact is compared with the model itself on: over classes and the range of scores.
CHECKED_IMAGES = 16
#: A scheme of less than a byte for each weight says so itself; half of that leaves room for what the converter folds away.
BYTES_PER_WEIGHT = 0.5


def main() -> None:
    """Build what standard input asks for, until that ends."""
    # TensorFlow prints to descriptor 1 whatever Python thinks of it; from here on that is standard error.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    builder: ModelBuilder | None = None
    for order in child.orders():
        try:
            if builder is None:  # all orders of one process have a model in common
                spec = ModelSpec.from_json(order["model"])
                builder = ModelBuilder(make_model(spec), *_datasets(order), spec)
            path = Path(order["folder"]) / f"{order['number']}.tflite"
            answer = builder.build(order["scheme"], order["batch"], path, order["options"])
        except FarmError as error:
            answer = {"error": str(error)}
        except Exception as error:  # noqa: BLE001  a converter may raise anything; the others go on
            answer = {"error": f"{type(error).__name__}: {brief(error)}"}
        print(json.dumps(answer), file=answers, flush=True)


def _datasets(order: Mapping[str, Any]) -> tuple[Dataset, Dataset]:
    """Return what artifacts are checked on, and what they are calibrated with."""
    if order.get("sent_images") is not None:
        sent = SentImages(**order["sent_images"])
        return sent, sent
    dataset, elsewhere = make_dataset(DatasetSpec(**order["dataset"])), order["calibration"]
    return dataset, make_dataset(DatasetSpec(**elsewhere)) if elsewhere else dataset


class ModelBuilder:
    """One model with what its artifacts need: images, its own scores, what schemes convert."""

    def __init__(
        self, model: Model, dataset: Dataset, calibrating: Dataset | None = None, spec: ModelSpec | None = None
    ) -> None:
        self._preprocess: Preprocess = model.preprocess
        self._formats = model.formats
        self._dataset, self._calibrating = dataset, calibrating or dataset
        self.source = model.load()
        self._trained: bool = getattr(model, "trained", True)
        outputs = getattr(self.source, "classes", None)
        #: What checks say of the outputs, for `class_match.of_model`.
        self._outputs = {"columns": self.source.columns} | ({"outputs": list(outputs)} if outputs else {})
        class_match.of_model(spec or ModelSpec(name="it", kind="it"), model, dataset, self._outputs)
        seen = self._load("evaluation", CONSIDERED_IMAGES)
        scores = self.source.scores(scoring.preprocess(seen.pixels, self._preprocess))
        chosen = golden.choose_checked(seen.labels, scores, CHECKED_IMAGES)
        self._pixels, self._expected = seen.pixels[chosen], scores[chosen]
        # scores are within 0..1, but a model may well answer with logits
        self._spread = max(1.0, float(np.ptp(self._expected)))
        self._golden = golden.choose(self._expected)
        self._doubt = (
            held_preprocessing.twice(getattr(self.source, "held", ()), self._preprocess)
            or doubt.about(self.source, self._pixels, self._preprocess, self._expected)
            if self._trained
            else None
        )
        self._calibration: NDArray[np.uint8] | None = None

    def build(
        self, scheme_name: str, batch: int, path: Path, options: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Convert to ``path``, check what came out, and return what the recipe needs; raises `BuildError`."""
        scheme = make_scheme(scheme_name, options)
        if not set(ways(scheme)) & set(self._formats):
            raise BuildError(
                f"scheme {scheme.name} takes {' or '.join(FORM_NAMES[form] for form in ways(scheme))}; this model is "
                f"{' or '.join(FORM_NAMES[form] for form in self._formats)} alone",
                hint="leave the scheme out for this model",
            )
        scheme.convert(self.source, batch, lambda: self._batches(batch), path)
        calibration = self._calibration_pixels() if scheme.needs_calibration else None
        return {
            "path": str(path),
            "calibration_sha256": hashlib.sha256(calibration.tobytes()).hexdigest()
            if calibration is not None
            else None,
            "checks": self.check(scheme, batch, path),
            "golden": self.known_scores(scheme, batch, path),
        }

    def check(self, scheme: Scheme, batch: int, path: Path) -> dict[str, Any]:
        """Score a few images with the agent's own code and compare with the model itself; raises `BuildError`."""
        name = scheme.name
        weights, size, reads = self.source.weights, path.stat().st_size, self._reads(scheme)
        if size < weights * getattr(scheme, "least_bytes_per_weight", BYTES_PER_WEIGHT):
            raise BuildError(f"the {name} artifact has {size} bytes for {weights} weights: they are not in it")
        try:
            loaded = kernels.load(scheme.format, str(path), reads)
            scores = self._scores(loaded.first, self._pixels, batch)
        except scoring.Unscorable as error:
            raise BuildError(f"the {name} artifact can't be scored: {error}") from error
        difference, mean = golden.difference(scores, self._expected)
        bound = scheme.plausible * self._spread
        if self._trained and difference > bound:
            raise BuildError(
                f"the {name} artifact's scores differ from the model's own by up to {difference:.3g} (at most {bound:g} is plausible)"
            )
        varies = np.ptp(self._expected, axis=0).max() > 0.05 * self._spread
        if self._trained and varies and np.ptp(scores, axis=0).max() == 0:
            raise BuildError(f"the {name} artifact answers the same to every image")
        odd: dict[str, Any] = dict(self._outputs) if self._doubt is None else {**self._outputs, "doubt": self._doubt}
        if reads:
            odd["reads"] = list(reads)
        if loaded.refusal is not None:
            odd["refusal"] = loaded.refusal
        return odd | {
            "max_abs_difference": difference,
            "mean_abs_difference": mean,
            "images": len(self._pixels),
            "bound": bound,
        }

    def known_scores(self, scheme: Scheme, batch: int, path: Path) -> dict[str, Any]:
        """Return what `orchestrator.domain.artifact.Golden` holds, the pixels as the ``path`` of a ``.npy`` beside it.

        The scores are those of the runtime that devices use by default. How much they depend on rounding is found with
        other kernels, where they take it: on the golden images or on all that artifacts are checked with, whichever is more.
        """
        loaded = kernels.load(scheme.format, str(path), self._reads(scheme))
        one = self._scores(loaded.first, self._pixels, batch)
        another = one if loaded.second is None else self._scores(loaded.second, self._pixels, batch)
        on_all, on_golden = golden.difference(one, another), golden.difference(one[self._golden], another[self._golden])
        between = max(on_all[0], on_golden[0]), max(on_all[1], on_golden[1])
        pixels = np.ascontiguousarray(self._pixels[self._golden])
        scores = self._scores(loaded.first, pixels, batch)
        largest, mean = golden.bound(scheme.tolerance, scores, between, self._spread)
        file = path.with_suffix(".npy")
        np.save(file, pixels, allow_pickle=False)
        return {
            "path": str(file),
            "scores": scores.tolist(),
            "keras_scores": self._expected[self._golden].tolist(),
            "largest": largest,
            "mean": mean,
        }

    def _reads(self, scheme: Scheme) -> tuple[int, ...]:
        """Return the numbers of the outputs to read: those of the model's own file; what is converted has one."""
        reads: tuple[int, ...] = getattr(self.source, "reads", ())
        return reads if scheme.takes == getattr(self.source, "form", None) else ()

    def _scores(self, loaded: Loaded, pixels: NDArray[np.uint8], batch: int) -> NDArray[np.float32]:
        classes = self._expected.shape[1]
        return scoring.scores(loaded, pixels, self._preprocess, batch=batch, classes=classes)

    def _batches(self, batch: int) -> Iterator[NDArray[np.float32]]:
        pixels = self._calibration_pixels()
        for start in range(0, len(pixels) - batch + 1, batch):
            yield scoring.preprocess(pixels[start : start + batch], self._preprocess)

    def _calibration_pixels(self) -> NDArray[np.uint8]:
        if self._calibration is None:
            how = self._preprocess
            self._calibration = calibration_pixels(
                self._calibrating, height=how.height, width=how.width, limit=CALIBRATION_IMAGES
            )
        return self._calibration

    def _load(self, part: Part, limit: int) -> Images:
        how = self._preprocess
        return self._dataset.load(part, height=how.height, width=how.width, limit=limit)


if __name__ == "__main__":
    main()
