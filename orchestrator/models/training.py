"""Fit an architecture to a dataset, with progress as values."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agent import scoring
from orchestrator.analysis import auc as metrics
from orchestrator.errors import DatasetError, ModelError
from orchestrator.models import architectures, checkpoint, weights_file
from orchestrator.models.checkpoint import Checkpoint
from orchestrator.models.training_record import TrainingRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from orchestrator.datasets.base import Dataset, Images
    from orchestrator.domain.model import Preprocess

    #: float32 images [n, height, width, channels] -> scores [n, classes]
    Scorer = Callable[[NDArray[np.float32]], Any]

BATCH = 32
#: Peak of a cosine decay after a linear warm-up over the first tenth (Loshchilov & Hutter, ICLR 2017).
LEARNING_RATE = 3e-3
#: Largest shift, as a share of the side, and change of contrast that training images are given.
SHIFT, CONTRAST = 0.06, 0.15
#: A finding of one image in a thousand would weigh 500, and make the loss jump.
HEAVIEST = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One pass over the training part is over."""

    number: int
    of: int
    loss: float
    #: Mean AUC-ROC on the validation part, ``None`` where a label never varies there.
    auc: float | None
    #: Whether its model is the best so far, and saved.
    is_best: bool
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How an architecture is fitted."""

    epochs: int
    seed: int
    learning_rate: float = LEARNING_RATE
    #: Multiplies `SHIFT` and `CONTRAST`: more of it where training and test images were taken differently.
    augmentation: float = 1.0
    #: Whether rare findings weigh as much as frequent ones: `class_weights`.
    balanced: bool = False
    #: After so many epochs in a row without a better one the training ends; ``None`` for never.
    patience: int | None = None
    #: A file of the weights that it begins with; ``None`` for random ones.
    weights: str | None = None


def fit(
    architecture: str, dataset: Dataset, preprocess: Preprocess, out: Path, course: Course, *, resume: bool = False
) -> Iterator[Epoch]:
    """Train ``architecture`` on the training part, yield after every epoch, and save the best one to ``out``.

    The best is the one with the highest mean AUC on the validation part. The same seed on the same machine gives the
    same model, also where the training was killed and goes on: with ``resume``, which yields the earlier epochs once
    more. What it was trained on is written beside ``out`` first, a checkpoint after every epoch. Raises `ModelError`
    where ``out`` is no ``.keras`` file or a checkpoint does not fit, `DatasetError` for too few images.
    """
    if out.suffix != ".keras":
        raise ModelError(f"{out}: a trained model is saved as a .keras file")
    if not out.parent.is_dir():
        raise ModelError(f"{out}: there is no folder {out.parent}")
    start = None
    if resume:
        start = Checkpoint.beside(out)
    else:
        checkpoint.refuse_existing(out)
    settings = _settings(architecture, dataset, preprocess, course)
    if start is not None:
        start.refuse_others(settings, out)
    train = dataset.load("train", height=preprocess.height, width=preprocess.width)
    validation = dataset.load("validation", height=preprocess.height, width=preprocess.width)
    if len(train.pixels) < BATCH or not len(validation.pixels):
        raise DatasetError(
            f"{dataset.name}: {len(train.pixels)} images to train on and {len(validation.pixels)} to validate with"
            f" are too few; at least {BATCH} and 1"
        )
    training = _Training(architecture, train, validation, preprocess, course)
    TrainingRecord.of(dataset, (train, validation)).write(out)
    yield from training.run(out, settings, start)
    checkpoint.remove(out)


def class_weights(labels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return float32 weights [2, classes] of a label's 0 and 1: n / (2 × how often), as scikit-learn balances, at most `HEAVIEST`.

    A class that never varies weighs 1.
    """
    count, positives = len(labels), labels.sum(axis=0, dtype=np.int64)
    occurrences = np.stack([count - positives, positives]).astype(np.float64)
    weights = np.minimum(count / (2 * np.maximum(occurrences, 1)), HEAVIEST)
    weights[:, (occurrences == 0).any(axis=0)] = 1
    return weights.astype(np.float32)


def _settings(architecture: str, dataset: Dataset, preprocess: Preprocess, course: Course) -> dict[str, Any]:
    """Return everything that decides the result, as JSON values."""
    plain = {
        "architecture": architecture,
        "dataset": dataset.fingerprint(),
        "preprocess": asdict(preprocess),
        **asdict(course),
        "keras": version("keras"),
    }
    return dict(json.loads(json.dumps(plain)))


def _save_bare(model: Any, out: Path) -> None:
    """Save architecture and weights, whole or not at all, without the optimizer, which Keras would add without a use here."""
    bare = type(model).from_config(model.get_config())  # a clone would be compiled like its original
    bare.set_weights(model.get_weights())
    unfinished = out.with_name(f".{out.stem}.{os.getpid()}.keras")
    bare.save(unfinished)
    unfinished.replace(out)


def evaluate(score: Scorer, images: Images, preprocess: Preprocess) -> float | None:
    """Return the mean AUC-ROC of a model on ``images``; ``score`` gives its scores, such as `Source.scores`."""
    scores = np.concatenate([np.asarray(score(batch)) for batch in _batches(images.pixels, preprocess, BATCH * 4)])
    return metrics.mean_auc(metrics.auc_per_class(images.labels, scores))


class _Training:
    """A model in training, with all that the next epoch depends on."""

    def __init__(
        self, architecture: str, train: Images, validation: Images, preprocess: Preprocess, course: Course
    ) -> None:
        import keras

        self._train, self._validation, self._preprocess, self._course = train, validation, preprocess, course
        keras.utils.set_random_seed(course.seed)
        self._rng = np.random.default_rng(course.seed)
        self._model = architectures.build(
            architecture, preprocess.height, preprocess.width, preprocess.channels, train.labels.shape[1]
        )
        if course.weights is not None:
            weights_file.load(self._model, Path(course.weights))
        steps = course.epochs * (len(train.pixels) // BATCH)
        schedule = keras.optimizers.schedules.CosineDecay(
            course.learning_rate / 10,
            max(1, steps - steps // 10),
            warmup_target=course.learning_rate,
            warmup_steps=max(1, steps // 10),
        )
        variables = list(self._model.variables)  # before the model has metrics; seeds of dropout are among them
        loss = _weighted(class_weights(train.labels)) if course.balanced else "binary_crossentropy"
        self._model.compile(keras.optimizers.Adam(schedule), loss=loss)
        self._model.optimizer.build(self._model.trainable_variables)
        self._variables = variables + list(self._model.optimizer.variables)

    def run(self, out: Path, settings: Mapping[str, Any], start: Checkpoint | None) -> Iterator[Epoch]:
        """Yield the epochs of ``start`` once more, then those that follow."""
        epochs = [] if start is None else [Epoch(**each) for each in start.epochs]
        if start is not None:
            self._restore(start, out)
        yield from epochs
        while len(epochs) < self._course.epochs and not self._has_stalled(epochs):
            epochs.append(self._epoch(epochs, out))
            Checkpoint(
                settings=settings,
                epochs=[asdict(epoch) for epoch in epochs],
                generator=self._rng.bit_generator.state,
                variables=[np.asarray(variable) for variable in self._variables],
            ).write(out)
            yield epochs[-1]

    def _epoch(self, before: Sequence[Epoch], out: Path) -> Epoch:
        start, losses, how = time.monotonic(), [], self._preprocess
        for pixels, labels in _shuffled(self._train, self._rng):
            augmented = _augmented(pixels, self._rng, self._course.augmentation)
            losses.append(self._model.train_on_batch(scoring.preprocess(augmented, how), labels))
        auc = evaluate(lambda batch: self._model(batch, training=False), self._validation, how)
        self._model.reset_metrics()
        best = max((epoch.auc for epoch in before if epoch.auc is not None), default=-1.0)
        is_best = auc is None or auc > best
        if is_best:
            _save_bare(self._model, out)
        return Epoch(
            number=len(before) + 1,
            of=self._course.epochs,
            loss=float(np.mean(losses)),
            auc=auc,
            is_best=is_best,
            seconds=time.monotonic() - start,
        )

    def _has_stalled(self, epochs: Sequence[Epoch]) -> bool:
        patience = self._course.patience
        return patience is not None and len(epochs) > patience and not any(each.is_best for each in epochs[-patience:])

    def _restore(self, start: Checkpoint, out: Path) -> None:
        shapes = [tuple(variable.shape) for variable in self._variables]
        if shapes != [value.shape for value in start.variables]:
            raise ModelError(
                f"{checkpoint.path_beside(out)}: its variables are not those of this architecture",
                hint="remove it, and train without --resume",
            )
        for variable, value in zip(self._variables, start.variables, strict=True):
            variable.assign(value)
        self._rng.bit_generator.state = start.generator


def _weighted(weights: NDArray[np.float32]) -> Any:
    """Return binary cross-entropy that weighs the 0 and 1 of every class by ``weights`` [2, classes]."""
    from keras import ops

    def loss(labels: Any, scores: Any) -> Any:
        truth, sure = ops.cast(labels, scores.dtype), ops.clip(scores, 1e-7, 1 - 1e-7)
        ones, zeros = truth * ops.log(sure), (1 - truth) * ops.log(1 - sure)
        return -ops.mean(weights[1] * ones + weights[0] * zeros, axis=-1)

    return loss


def _batches(pixels: NDArray[np.uint8], preprocess: Preprocess, size: int) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(pixels), size):
        yield scoring.preprocess(pixels[start : start + size], preprocess)


def _shuffled(images: Images, rng: np.random.Generator) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    order = rng.permutation(len(images.pixels))
    for start in range(0, len(order) - BATCH + 1, BATCH):
        chosen = order[start : start + BATCH]
        yield images.pixels[chosen], images.labels[chosen]


def _augmented(pixels: NDArray[np.uint8], rng: np.random.Generator, strength: float) -> NDArray[np.uint8]:
    """Shift and re-expose: what differs between two radiographs of the same chest. Never mirrored: the heart is left."""
    shifted = np.empty_like(pixels)
    most = max(1, int(strength * SHIFT * pixels.shape[1]))
    for number, image in enumerate(pixels):
        down, right = rng.integers(-most, most + 1, 2)
        padded = np.pad(image, ((most, most), (most, most), (0, 0)), mode="edge")
        shifted[number] = padded[most + down :, most + right :][: image.shape[0], : image.shape[1]]
    gain = rng.uniform(1 - strength * CONTRAST, 1 + strength * CONTRAST, (len(pixels), 1, 1, 1)).astype(np.float32)
    exposed: NDArray[np.uint8] = np.clip(shifted * gain, 0, 255).astype(np.uint8)
    return exposed
