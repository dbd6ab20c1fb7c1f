#!/usr/bin/env python3
"""How often the intervals of an AUC-ROC hold the true one, by simulation.

    .venv/bin/python benchmarks/coverage.py [--draws 400]

- one image a patient: the AUC and its change, for three kinds of scores (normal, positives spread three times as far, some positives that
  look like negatives)
- three images a patient: the same by the bootstrap
- beside them DeLong's error with a normal distribution alone, as most programs have it

Takes a minute on one core.
"""

from __future__ import annotations

import argparse

import numpy as np
from scipy.stats import norm

from orchestrator.analysis.accuracy.intervals import Spread, auc_estimates, change_estimates
from orchestrator.analysis.accuracy.scored import Scored
from orchestrator.analysis.auc import NORMAL, auc_components
from orchestrator.domain.image_list import ImageList

NEGATIVES, IMAGES_OF_A_PATIENT, REPLICATES = 150, 3, 500
POSITIVES = (2, 3, 5, 8, 15, 30, 100)
AUCS = (0.75, 0.9, 0.97, 0.995)
#: By how much scores of one image vary from one scheme to another.
NOISES = (0.1, 0.5)


def listed(labels: np.ndarray, owner: np.ndarray) -> ImageList:
    return ImageList.of(
        dataset="drawn",
        task="binary",
        classes=("finding",),
        names=[f"{number}.png" for number in range(len(labels))],
        patients=[str(number) for number in owner],
        labels=labels,
    )


def drawn(kind: str, labels: np.ndarray, true: float, random: np.random.Generator) -> np.ndarray:
    """Return scores [n, 1] whose AUC is ``true``."""
    background = random.normal(0, 1, labels.shape)
    if kind == "normal":
        return background + labels * norm.ppf(true) * np.sqrt(2)
    if kind == "spread":
        return np.where(labels > 0, 3 * background + norm.ppf(true) * np.sqrt(10), background)
    missed = random.random(labels.shape) < 2 * (1 - true)
    return background + np.where((labels > 0) & ~missed, 8.0, 0.0)


def by_image(draws: int, random: np.random.Generator) -> None:
    print(f"one image a patient, {NEGATIVES} negatives: share of intervals that hold the true AUC, mean width")
    print("scores   positives  AUC     farm           DeLong ± 1.96 errors")
    for kind in ("normal", "spread", "missed"):
        for positives in POSITIVES:
            labels = (np.arange(positives + NEGATIVES) < positives).astype(np.uint8)[:, None]
            images = listed(labels, np.arange(len(labels)))
            for true in AUCS:
                found = []
                for _ in range(draws):
                    of = Scored(images=images, scores=drawn(kind, labels, true, random).astype(np.float32))
                    mean = auc_estimates(of).mean
                    assert mean is not None  # noqa: S101
                    assert mean.interval is not None  # noqa: S101
                    half = NORMAL * float(np.sqrt((auc_components(labels, of.scores) ** 2).sum()))
                    found.append(
                        (mean.interval.low, mean.interval.high, mean.value - half, min(1.0, mean.value + half))
                    )
                print(f"{kind:8} {positives:9} {true:6}  {row(found, true)}")


def changes(draws: int, random: np.random.Generator) -> None:
    print(f"\nthe change of an AUC, {NEGATIVES} negatives, normal scores: share that hold the true change, mean width")
    print("positives  AUC     noise  one image a patient  three, by the bootstrap")
    for positives in POSITIVES[:-1]:
        for true in AUCS[:-1]:
            for noise in NOISES:
                cells = [
                    row(*changed(positives, true, noise, count, draws=draws, random=random))
                    for count in (1, IMAGES_OF_A_PATIENT)
                ]
                print(f"{positives:9} {true:6}  {noise:6}  {cells[0]:20} {cells[1]}")


def changed(
    positives: int, true: float, noise: float, count: int, *, draws: int, random: np.random.Generator
) -> tuple[list[tuple[float, ...]], float]:
    """Return intervals of a change with what they should hold; with ``count`` images a patient these share half of the variance."""
    patients = positives + NEGATIVES // count
    owner = np.repeat(np.arange(patients), count)
    labels = (owner < positives).astype(np.uint8)[:, None]
    images, shared = listed(labels, owner), count > 1
    apart = norm.ppf(true) * np.sqrt(2 * (1 + shared))
    found = []
    for _ in range(draws if count == 1 else draws // 4):
        scores = random.normal(labels * apart, 1.0) + shared * random.normal(0, 1, (patients, 1))[owner]
        moved = scores + random.normal(0, noise, (patients, 1))[owner]
        pair = [Scored(images=images, scores=each.astype(np.float32)) for each in (scores, moved)]
        spreads = [Spread.of(each, replicates=REPLICATES) for each in pair]
        mean = change_estimates(pair[0], pair[1], (spreads[0], spreads[1])).mean
        assert mean is not None  # noqa: S101
        assert mean.interval is not None  # noqa: S101
        found.append((mean.interval.low, mean.interval.high))
    return found, float(norm.cdf(apart / np.sqrt(2 * (1 + shared) + 2 * noise**2)) - true)


def by_patient(draws: int, random: np.random.Generator) -> None:
    print(f"\nthree images a patient, {NEGATIVES // 3} patients without the finding: the AUC by the bootstrap")
    print("positive patients  AUC")
    for positives in POSITIVES[:-1]:
        owner = np.repeat(np.arange(positives + NEGATIVES // 3), IMAGES_OF_A_PATIENT)
        labels = (owner < positives).astype(np.uint8)[:, None]
        images = listed(labels, owner)
        for true in AUCS[:-1]:
            found = []
            for _ in range(draws // 4):
                shared = random.normal(0, 1, (owner[-1] + 1, 1))[owner]
                scores = random.normal(labels * norm.ppf(true) * 2, 1.0) + shared
                of = Scored(images=images, scores=scores.astype(np.float32))
                mean = auc_estimates(of, Spread.of(of, replicates=REPLICATES)).mean
                assert mean is not None  # noqa: S101
                assert mean.interval is not None  # noqa: S101
                found.append((mean.interval.low, mean.interval.high))
            print(f"{positives:17} {true:6}  {row(found, true)}")


def row(found: list[tuple[float, ...]], true: float) -> str:
    """Return for each pair of columns the share of rows that hold ``true``, and how wide they are."""
    values = np.array(found)
    pairs = [values[:, start : start + 2] for start in range(0, values.shape[1], 2)]
    return "  ".join(
        f"{((low <= true) & (true <= high)).mean():5.3f} {(high - low).mean():6.4f}"
        for low, high in (each.T for each in pairs)
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--draws", type=int, default=400)
    draws = options.parse_args().draws
    random = np.random.default_rng(1)
    by_image(draws, random)
    by_patient(draws, random)
    changes(draws, random)


if __name__ == "__main__":
    main()
