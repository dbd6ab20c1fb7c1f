"""How well six figures of a picture, none of them anatomy, tell the classes and the sides of the pneumonia set apart."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from orchestrator.analysis.auc import auc_per_class

NAMES = ("mean", "contrast", "white", "black", "detail", "bytes of the JPEG")


def figures(path: Path) -> list[float]:
    """Return the figures of a picture, in the order of `NAMES`."""
    image = Image.open(path).convert("L")
    pixels = np.asarray(image, np.float32)
    coarse = image.resize((56, 56), Image.Resampling.BOX).resize(image.size, Image.Resampling.BILINEAR)
    detail = (pixels - np.asarray(coarse, np.float32)).std()
    return [pixels.mean(), pixels.std(), (pixels == 255).mean(), (pixels < 5).mean(), detail, path.stat().st_size]


def apart(positive: np.ndarray, negative: np.ndarray) -> list[float]:
    """Return the AUC-ROC of each figure, float [6]: 0.5 tells nothing apart, 0 and 1 everything."""
    labels = np.repeat([1, 0], [len(positive), len(negative)]).astype(np.uint8)
    values = np.concatenate([positive, negative])
    return [float(auc_per_class(labels[:, None], column[:, None])[0]) for column in values.T]


root = Path(os.environ["XRAYS"]) / "chest_xray"
of = {
    (side, label): np.array([figures(path) for path in sorted((root / side / label).iterdir())])
    for side in ("train", "test")
    for label in ("NORMAL", "PNEUMONIA")
}
columns = {
    "pneumonia, in train/": apart(of["train", "PNEUMONIA"], of["train", "NORMAL"]),
    "pneumonia, in test/": apart(of["test", "PNEUMONIA"], of["test", "NORMAL"]),
    "test/, of NORMAL": apart(of["test", "NORMAL"], of["train", "NORMAL"]),
    "test/, of PNEUMONIA": apart(of["test", "PNEUMONIA"], of["train", "PNEUMONIA"]),
}
sys.stdout.write(f"{'AUC-ROC of':18}" + "".join(f"{name:>22}" for name in columns) + "\n")
for place, name in enumerate(NAMES):
    sys.stdout.write(f"{name:18}" + "".join(f"{column[place]:22.3f}" for column in columns.values()) + "\n")
