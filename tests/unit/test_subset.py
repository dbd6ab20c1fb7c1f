from __future__ import annotations

import time

import numpy as np
import pytest

from orchestrator.datasets.base import Images
from orchestrator.datasets.phantom import Phantom
from orchestrator.datasets.subset import rows_of_patients
from orchestrator.domain.model import DatasetSpec, ModelSpec
from orchestrator.models.artifacts import Artifacts

RNG = np.random.default_rng(5)
OWNER = np.sort(RNG.integers(0, 900, 3000))
PATIENTS = [f"p{number}" for number in OWNER]
LABELS = (RNG.random((3000, 4)) < [0.3, 0.1, 0.02, 0.002]).astype(np.uint8)


@pytest.mark.parametrize("limit", [50, 300, 1000])
def test_a_subset_has_whole_patients_and_findings_as_frequent_as_they_are(limit):
    rows = rows_of_patients(LABELS, PATIENTS, limit, seed=1)

    chosen = {PATIENTS[row] for row in rows}
    assert limit - 5 <= len(rows) <= limit
    assert len(rows) == sum(patient in chosen for patient in PATIENTS)
    assert LABELS[rows].any(axis=0).all()
    share = LABELS[rows].mean(axis=0)
    assert share[:2] == pytest.approx(LABELS.mean(axis=0)[:2], abs=0.06)


def test_the_seed_draws_the_patients():
    one, same, other = (rows_of_patients(LABELS, PATIENTS, 300, seed=seed).tolist() for seed in (1, 1, 2))

    assert one == same
    assert one != other


def test_a_patient_with_more_images_than_the_limit_is_taken_whole_when_alone():
    rows = rows_of_patients(np.ones((5, 1), np.uint8), ["p"] * 5, 2, seed=0)

    assert rows.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("seed", range(20))
def test_a_finding_that_is_the_rarest_of_nobody_keeps_an_image_and_so_does_its_absence(seed):
    # the first finding comes with the rarer second or third alone; all have the fourth but three patients of the second
    labels = np.zeros((200, 4), np.uint8)
    labels[:10, 0] = labels[:5, 1] = labels[5:10, 2] = 1
    labels[10:13, 1] = labels[13:16, 2] = 1
    labels[[*range(10), *range(13, 200)], 3] = 1

    rows = rows_of_patients(labels, [str(number) for number in range(200)], 8, seed=seed)

    assert len(rows) == 8
    assert labels[rows].any(axis=0).all()
    assert not labels[rows].all(axis=0).any()


def test_a_limit_below_one_patient_for_each_finding_keeps_the_rarest():
    labels = np.repeat(np.eye(6, dtype=np.uint8), [2, 10, 20, 30, 40, 50], axis=0)

    rows = rows_of_patients(labels, [str(number) for number in range(len(labels))], 3, seed=0)

    assert len(rows) == 3
    assert labels[rows].any(axis=0)[:2].all()


def test_findings_of_the_phantoms_keep_both_labels_in_a_small_subset_that_is_decoded_once(tmp_path, monkeypatch):
    model, dataset = ModelSpec(name="m", kind="tiny-cxr"), DatasetSpec(kind="phantom", options={"patients": 80})
    artifacts = Artifacts(tmp_path)

    some = artifacts.image_set(model, dataset, limit=45, seed=1)
    listed = artifacts.image_list(some)
    other = artifacts.image_set(model, dataset, limit=45, seed=2)
    monkeypatch.setattr(Phantom, "load", lambda *_, **__: pytest.fail("it was drawn again"))
    again = artifacts.image_set(model, dataset, limit=45, seed=1)

    everything = Phantom(patients=80)
    assert 43 <= some.images <= 45
    assert (listed.labels() > 0).any(axis=0).all()
    assert not (listed.labels() > 0).all(axis=0).any()
    assert {listed.patients.count(patient) for patient in set(listed.patients)} == {3}, "whole patients"
    assert again == some
    assert other.image_list != some.image_list
    assert everything.classes == some.classes


def test_rows_keep_labels_patients_and_names_together():
    images = Images(
        pixels=np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1),
        labels=np.arange(4, dtype=np.uint8)[:, None],
        patients=("a", "b", "c", "d"),
        names=("1", "2", "3", "4"),
    )

    kept = images.rows([1, 3])

    assert (kept.pixels.ravel().tolist(), kept.labels.ravel().tolist()) == ([1, 3], [1, 3])
    assert (kept.patients, kept.names) == (("b", "d"), ("2", "4"))


def test_a_large_subset_of_many_patients_is_drawn_without_looking_through_those_drawn():
    labels = np.tile(LABELS, (10, 1))
    began = time.process_time()

    rows = rows_of_patients(labels, [str(row) for row in range(30_000)], 25_000, seed=0)

    assert len(rows) == 25_000
    assert time.process_time() - began < 5
