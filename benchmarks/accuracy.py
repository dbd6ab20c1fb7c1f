#!/usr/bin/env python3
"""How long accuracy takes on the official test part of ChestX-ray14, and how fast images are read.

    .venv/bin/python benchmarks/accuracy.py [--images 25596] [--files 300] [--folder FOLDER] [--check]

- seconds for AUC, DeLong, paired DeLong, the bootstrap by patient and its paired change, of 25,596 images × 14 findings of 2,797 patients
- with --check: the same by scikit-learn, by drawing patients one by one and by counting pairs; exit status 1 where they differ by more than 1e-9 (minutes)
- images per second of the loader against a plain loop with Pillow on the same files: JPEGs of 1024 pixels a side that it writes, or those in FOLDER
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from orchestrator.analysis.accuracy.intervals import Spread, auc_estimates, change_estimates
from orchestrator.analysis.accuracy.scored import Scored
from orchestrator.analysis.auc import auc_components, auc_per_class
from orchestrator.datasets import phantom
from orchestrator.datasets.decoding import decode_all
from orchestrator.domain.image_list import ImageList

PATIENTS = 2797
#: Two implementations agree within this.
SAME = 1e-9
#: Shares of images with each finding in the official test part.
PREVALENCES = (0.128, 0.042, 0.182, 0.239, 0.068, 0.063, 0.022, 0.104, 0.071, 0.036, 0.043, 0.017, 0.045, 0.003)
SIZE = 224
ENDINGS = (".png", ".jpg", ".jpeg")


def drawn(images: int, patients: int, seed: int = 0) -> tuple[Scored, Scored]:
    """Return scores of a float model and of one with 256 steps; images of a patient resemble each other."""
    random = np.random.default_rng(seed)
    owner = np.arange(images) if patients == images else random.integers(0, patients, images)
    labels = (random.random((images, 14)) < PREVALENCES).astype(np.uint8)
    logits = random.normal(labels, 1.0) + random.normal(0, 0.5, (patients, 1))[owner]
    scores = (1 / (1 + np.exp(-logits))).astype(np.float32)
    listed = ImageList.of(
        dataset="drawn",
        task="multi-label",
        classes=phantom.FINDINGS,
        names=[f"{number:08d}_000.png" for number in range(images)],
        patients=[str(number) for number in owner],
        labels=labels,
    )
    steps = (np.round(scores * 256) / 256).astype(np.float32)
    return Scored(images=listed, scores=scores), Scored(images=listed, scores=steps)


def timed(what: str, work) -> object:  # noqa: ANN001
    begin = time.perf_counter()
    answer = work()
    print(f"{what:58} {time.perf_counter() - begin:8.2f} s")
    return answer


def statistics(images: int) -> None:
    alone = drawn(images, images)
    several = drawn(images, PATIENTS)
    for pair in (alone, several):  # labels and imports are not what is timed
        auc_estimates(Scored(images=pair[0].images, scores=pair[0].scores), Spread.of(pair[0], replicates=2))
    timed("AUC of each finding", lambda: auc_per_class(alone[0].labels, alone[0].scores))
    timed("DeLong (one image a patient), with the mean", lambda: auc_estimates(alone[0]))
    timed("paired DeLong, with the mean", lambda: change_estimates(*alone))
    timed("bootstrap by patient, 2,000 draws, with the mean", lambda: auc_estimates(several[0]))
    timed("paired bootstrap by patient, with the mean", lambda: change_estimates(*several))


def check(images: int, patients: int = PATIENTS, replicates: int = 3) -> float:
    """Print how far figures are from those of independent implementations; return the largest difference.

    scikit-learn has the AUC; the bootstrap draws patients one by one, and asks scikit-learn for the AUC of all their images; the
    variances are by the formulas of DeLong's paper over all pairs of images.
    """
    from sklearn.metrics import roc_auc_score  # noqa: PLC0415  the figures take no scikit-learn

    first, second = drawn(images, patients)
    found = {"AUC": 0.0, "patients drawn again": 0.0, "their paired change": 0.0, "DeLong": 0.0, "paired DeLong": 0.0}

    def differ(what: str, ours: float, theirs: float) -> None:
        found[what] = max(found[what], abs(ours - theirs))

    for column, auc in enumerate(auc_per_class(first.labels, first.scores)):
        if auc is not None:
            differ("AUC", auc, roc_auc_score(first.labels[:, column], first.scores[:, column]))
    spreads = [Spread.of(of, replicates=replicates).values for of in (first, second)]
    of_patient = [np.flatnonzero(first.patients == patient) for patient in range(first.images.patient_count)]
    random = np.random.default_rng(0)
    for row in range(replicates):
        chosen = random.integers(0, len(of_patient), len(of_patient))
        rows = np.concatenate([of_patient[patient] for patient in chosen])
        for column in range(14):
            positive = first.labels[rows, column]
            if not 0 < positive.sum() < len(positive):
                continue
            one, other = (roc_auc_score(positive, of.scores[rows, column]) for of in (first, second))
            differ("patients drawn again", spreads[0][row, column], one)
            differ("patients drawn again", spreads[1][row, column], other)
            differ("their paired change", (spreads[1] - spreads[0])[row, column], other - one)
    ours = [auc_components(of.labels, of.scores) for of in (first, second)]
    for column in np.flatnonzero(~np.isnan(ours[0]).any(axis=0)):
        expected = covariance(first.labels[:, column] > 0, [of.scores[:, column] for of in (first, second)])
        for side in (0, 1):
            differ("DeLong", (ours[side][:, column] ** 2).sum(), expected[side, side])
        paired = ((ours[1] - ours[0])[:, column] ** 2).sum()
        differ("paired DeLong", paired, expected[0, 0] + expected[1, 1] - 2 * expected[0, 1])
    for what, apart in found.items():
        print(f"{what:21} differs from the independent one by at most {apart:.1e}")
    return max(found.values())


def covariance(positive: np.ndarray, sides: list[np.ndarray]) -> np.ndarray:
    """Return DeLong's covariance by the formulas of the paper (equations 4 to 8), a block of positives at a time."""
    of_positives, of_negatives = [], []
    for scores in sides:
        negatives = scores[~positive]
        above, below = [], np.zeros(len(negatives))
        for start in range(0, int(positive.sum()), 500):
            block = scores[positive][start : start + 500][:, None]
            wins = (block > negatives) + 0.5 * (block == negatives)
            above.append(wins.mean(axis=1))
            below += wins.sum(axis=0)
        of_positives.append(np.concatenate(above))
        of_negatives.append(below / positive.sum())
    return np.cov(of_positives, ddof=1) / positive.sum() + np.cov(of_negatives, ddof=1) / (~positive).sum()


def loader(files: list[Path]) -> None:
    def plain() -> np.ndarray:
        pixels = np.empty((len(files), SIZE, SIZE, 1), np.uint8)
        for number, path in enumerate(files):
            with Image.open(path) as image:
                pixels[number, ..., 0] = image.convert("L").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
        return pixels

    def ours() -> np.ndarray:
        return decode_all(files, height=SIZE, width=SIZE, grey=True, bits=None)

    seconds = {}
    for name, work in (("warm", plain), ("plain", plain), ("ours", ours), ("plain again", plain), ("ours again", ours)):
        begin = time.perf_counter()
        pixels = work()
        seconds[name] = time.perf_counter() - begin
        assert name == "warm" or (pixels == before).all(), "the loader reads other pixels"  # noqa: S101, F821
        before = pixels  # noqa: F841
    plainly, own = min(seconds["plain"], seconds["plain again"]), min(seconds["ours"], seconds["ours again"])
    print(f"plain loop with Pillow: {len(files) / plainly:7.1f} images/s")
    print(f"farm's loader:          {len(files) / own:7.1f} images/s, {plainly / own:.2f} times as many")


def write(folder: Path, count: int) -> list[Path]:
    """Write JPEGs of 1024 pixels a side."""
    drawn_pixels = phantom.Phantom(patients=max(1, count // 3 + 1)).load(
        "evaluation", height=1024, width=1024, limit=count
    )
    files = []
    for number, pixels in enumerate(drawn_pixels.pixels):
        files.append(folder / f"{number:05d}.jpg")
        Image.fromarray(pixels[..., 0]).save(files[-1], quality=92)
    return files


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--images", type=int, default=25_596)
    options.add_argument("--files", type=int, default=300)
    options.add_argument("--folder", type=Path)
    options.add_argument("--check", action="store_true")
    chosen = options.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {chosen.images:,} images × 14 findings")
    statistics(chosen.images)
    if chosen.check and check(chosen.images) > SAME:
        raise SystemExit("the implementations differ")
    with tempfile.TemporaryDirectory() as folder:
        there = sorted(chosen.folder.rglob("*")) if chosen.folder else write(Path(folder), chosen.files)
        loader([path for path in there if path.suffix.lower() in ENDINGS][: chosen.files])


if __name__ == "__main__":
    main()
