"""Images of two classes that differ in mean brightness, with a known AUC; the model that scores mean brightness."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from orchestrator.analysis import auc as metrics
from orchestrator.datasets import decoding

SIZE = 64
CLASSES = ("NORMAL", "PNEUMONIA")
#: Of mean brightness on the test side, by construction.
AUC = 0.9056


def images():
    """Yield (side, class, number, uint8 image): 24 a class to train on, 40 to test."""
    rng = np.random.default_rng(7)
    for side, count in (("train", 24), ("test", 40)):
        for label, brighter in zip(CLASSES, (0.0, 9.0), strict=True):
            for number in range(count):
                level = 110 + brighter + rng.normal(0, 6.0)
                yield side, label, number, np.clip(rng.normal(level, 20, (SIZE, SIZE)), 0, 255).astype(np.uint8)


def png(folder: Path, label: str, number: int, image) -> None:
    Image.fromarray(image).save(folder / f"{label.lower()}_{number:03d}.png")


def write(root: Path, save=png) -> Path:
    """Write the images below ``root``, each by ``save(folder, class, number, image)``."""
    for side, label, number, image in images():
        folder = root / side / label
        folder.mkdir(parents=True, exist_ok=True)
        save(folder, label, number, image)
    return root


def brightness_auc(dataset) -> float:
    """Return the AUC of mean brightness on the evaluation part as ``dataset`` reads it."""
    part = dataset.load("evaluation", height=SIZE, width=SIZE)
    return metrics.mean_auc(metrics.auc_per_class(part.labels, part.pixels.mean(axis=(1, 2, 3))[:, None]))


def count_decoding(monkeypatch) -> list[Path]:
    """Return a list that every image which a `Folder` decodes from now on is appended to."""
    paths: list[Path] = []
    decode = decoding.decode

    def counted(path: Path, **how):
        paths.append(path)
        return decode(path, **how)

    monkeypatch.setattr(decoding, "decode", counted)
    return paths


def brightness(x, name: str = "finding", **how):
    """Return the layers that score an image x in 0..1: averaging, ReLU, pooling, one sigmoid."""
    from keras import layers

    x = layers.Conv2D(8, 3, padding="same", activation="relu", name=f"{name}_conv")(x)
    x = layers.GlobalAveragePooling2D(name=f"{name}_pool")(x)
    return layers.Dense(1, activation="sigmoid", name=name, **how)(x)


def set_weights(model, name: str = "finding", *, gain: float = 24.0, channels: int = 1):
    """Make the score rise with brightness (or fall, where ``gain`` is negative)."""
    averaging, out = model.get_layer(f"{name}_conv"), model.get_layer(name)
    averaging.set_weights(
        [np.full_like(w, 1 / (9 * channels)) if w.ndim > 1 else 0 * w for w in averaging.get_weights()]
    )
    weights, bias = out.get_weights()
    out.set_weights([np.full_like(weights, gain / len(weights)), np.full_like(bias, -gain * 114.5 / 255)])
    return model


def model(channels: int = 1):
    """Return the Keras model that scores mean brightness."""
    import keras

    image = keras.Input((SIZE, SIZE, channels), name="image")
    return set_weights(keras.Model(image, brightness(image)), channels=channels)
