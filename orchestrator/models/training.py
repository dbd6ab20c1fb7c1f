"""Fit an architecture to a dataset, with progress as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from agent import scoring
from orchestrator import registry
from orchestrator.analysis import auc as metrics
from orchestrator.errors import DatasetError, ModelError
from orchestrator.models.training_record import TrainingRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One pass over the training part is over."""

    number: int
    of: int
    loss: float
    #: Mean AUC-ROC on the validation part, ``None`` where a label never varies there.
    auc: float | None


def fit(
    architecture: str,
    dataset: Dataset,
    preprocess: Preprocess,
    out: Path,
    *,
    epochs: int,
    seed: int,
    learning_rate: float = LEARNING_RATE,
    augmentation: float = 1.0,
) -> Iterator[Epoch]:
    """Train ``architecture`` on the training part, yield after every epoch, and save the best one to ``out``.

    The best is the one with the highest mean AUC on the validation part. The same seed on the same machine gives the
    same model. What it was trained on is written beside ``out`` first. ``augmentation`` multiplies `SHIFT` and `CONTRAST`: more of it where training and test images were taken
    differently. Raises `ModelError` where ``out`` is no ``.keras`` file, `DatasetError` for too few images.
    """
    if out.suffix != ".keras":
        raise ModelError(f"{out}: a trained model is saved as a .keras file")
    if not out.parent.is_dir():
        raise ModelError(f"{out}: there is no folder {out.parent}")
    train = dataset.load("train", height=preprocess.height, width=preprocess.width)
    validation = dataset.load("validation", height=preprocess.height, width=preprocess.width)
    if len(train.pixels) < BATCH or not len(validation.pixels):
        raise DatasetError(
            f"{dataset.name}: {len(train.pixels)} images to train on and {len(validation.pixels)} to validate with"
            f" are too few; at least {BATCH} and 1"
        )
    TrainingRecord.of(dataset, (train, validation)).write(out)
    yield from _fit(
        architecture,
        train,
        validation,
        preprocess,
        out,
        epochs=epochs,
        seed=seed,
        rate=learning_rate,
        augmentation=augmentation,
    )


def _save_bare(model: Any, out: Path) -> None:
    """Save architecture and weights without the optimizer, which Keras would add without a use here."""
    bare = type(model).from_config(model.get_config())  # a clone would be compiled like its original
    bare.set_weights(model.get_weights())
    bare.save(out)


def evaluate(score: Scorer, images: Images, preprocess: Preprocess) -> float | None:
    """Return the mean AUC-ROC of a model on ``images``; ``score`` gives its scores, such as `Source.scores`."""
    scores = np.concatenate([np.asarray(score(batch)) for batch in _batches(images.pixels, preprocess, BATCH * 4)])
    return metrics.mean_auc(metrics.auc_per_class(images.labels, scores))


def _fit(
    architecture: str,
    train: Images,
    validation: Images,
    preprocess: Preprocess,
    out: Path,
    *,
    epochs: int,
    seed: int,
    rate: float,
    augmentation: float,
) -> Iterator[Epoch]:
    import keras

    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    build = registry.find("architecture", architecture)
    model = build(preprocess.height, preprocess.width, preprocess.channels, train.labels.shape[1])
    steps = epochs * (len(train.pixels) // BATCH)
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 10, max(1, steps - steps // 10), warmup_target=rate, warmup_steps=max(1, steps // 10)
    )
    model.compile(keras.optimizers.Adam(schedule), loss="binary_crossentropy")
    best = -1.0
    for number in range(1, epochs + 1):
        losses = []
        for pixels, labels in _shuffled(train, rng):
            losses.append(
                model.train_on_batch(scoring.preprocess(_augmented(pixels, rng, augmentation), preprocess), labels)
            )
        auc = evaluate(lambda batch: model(batch, training=False), validation, preprocess)
        if auc is None or auc > best:
            best = auc if auc is not None else best
            _save_bare(model, out)
        yield Epoch(number=number, of=epochs, loss=float(np.mean(losses)), auc=auc)
        model.reset_metrics()


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
