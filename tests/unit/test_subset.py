from __future__ import annotations

import numpy as np
import pytest

from orchestrator.datasets.base import Images
from orchestrator.datasets.subset import rows_of_patients

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
