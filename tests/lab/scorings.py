"""Scores of images that no device computed, in memory or in a store."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from orchestrator.analysis.accuracy.scored import Scored
from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.domain.image_list import ImageList
from orchestrator.testing import make_case, make_scores
from tests.lab.telling import RUN, judged, ready, started, tell

FINDINGS = ("Nodule", "Mass", "Hernia", "Edema")


def labelled(folder: Path, labels) -> Path:
    """Make a project in ``folder`` that has the labels of its images, so that AUC changes have intervals."""
    blobs = folder / ".farm" / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    with (blobs / ("c" * 64)).open("wb") as file:
        np.save(file, labels)
    (folder / "inventory.yaml").write_text("devices: {}\n", encoding="utf-8")
    return folder


def make_scored(labels, scores, patients=None, *, task="multi-label", classes=FINDINGS):
    labels = np.asarray(labels)
    images = ImageList.of(
        dataset="mine",
        task=task,
        classes=classes[: labels.shape[1]],
        names=[f"{number}.png" for number in range(len(labels))],
        patients=[str(patient) for patient in (range(len(labels)) if patients is None else patients)],
        labels=labels,
    )
    return Scored(images=images, scores=np.asarray(scores, np.float32))


def a_rare_finding(seed=0):
    """Nodules, masses, a single hernia, no edema in 300 images; the second answer is worse at nodules alone."""
    random = np.random.default_rng(seed)
    labels = random.random((300, 4)) < 0.4
    labels[:, 2], labels[:, 3] = np.arange(300) == 7, False
    good = 1 / (1 + np.exp(-random.normal(3.0 * labels, 1.0)))
    worse = good.copy()
    worse[:, 0] = random.random(300)
    return make_scored(labels, good), make_scored(labels, worse)


def tell_scores(store, of, *, run=RUN, artifact="a" * 64, **case):
    """Store ``of`` as what a device scored, with a judged case."""
    made = make_case(**case)
    scores = make_scores(
        scoring=f"{run}-{made}",
        **{name: getattr(made, name) for name in ("device", "model", "scheme", "runtime", "batch")},
        artifact=artifact,
        scores=of.scores.astype("<f4").tobytes(),
        shape=of.scores.shape,
        classes=of.images.classes,
        image_list=of.images.sha256,
    )
    tell(store, started(run), ready(run, sha256=artifact, scheme=made.scheme))
    tell(store, run_event.ImagesListed(run=run, image_list=of.images))
    tell(store, happened.Scored(run=run, device=made.device, scores=scores), judged(made, run=run, artifact=artifact))
    return made
