from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from orchestrator.datasets import phantom_drawing
from orchestrator.datasets.base import Datasets, make_dataset, resized
from orchestrator.datasets.phantom import Phantom
from orchestrator.datasets.phantom_drawing import DRAWN, FINDINGS, draw
from orchestrator.domain.model import DatasetSpec
from orchestrator.errors import DatasetError

PARTS = ("train", "validation", "calibration", "evaluation")
#: The order of ChestX-ray14's own label file.
STANDARD = [
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
]


def test_phantoms_have_the_findings_of_chestxray14_in_their_order_and_are_called_synthetic():
    phantom = Phantom()

    assert list(phantom.classes) == STANDARD
    assert phantom.synthetic
    assert phantom.task == "multi-label"


def test_a_part_of_the_phantoms_is_the_same_each_time_and_no_part_repeats_another():
    parts = {part: Phantom().load(part, height=DRAWN, width=DRAWN) for part in PARTS[1:]}
    again = Phantom().load("evaluation", height=DRAWN, width=DRAWN)

    assert np.array_equal(parts["evaluation"].pixels, again.pixels)
    assert np.array_equal(parts["evaluation"].labels, again.labels)
    firsts = [images.pixels[0].tobytes() for images in parts.values()]
    assert len(set(firsts)) == len(firsts)
    assert not set(parts["evaluation"].patients) & set(parts["calibration"].patients)


def test_phantoms_have_several_images_of_each_patient_and_several_findings_in_an_image():
    images = Phantom().load("evaluation", height=DRAWN, width=DRAWN)

    assert set(Counter(images.patients).values()) == {3}
    assert images.pixels.dtype == np.uint8
    assert images.labels.shape == (len(images.pixels), 14)
    assert (images.labels.sum(axis=1) > 1).any()
    assert 0.1 < images.labels.mean() < 0.25


@pytest.mark.parametrize("finding", range(14), ids=FINDINGS)
def test_every_finding_can_be_seen(finding):
    # the same random numbers twice: what differs is the finding's contrast
    with_it, labels, _ = draw(np.random.default_rng(7), 60, strength=1.0)
    without, _, _ = draw(np.random.default_rng(7), 60, strength=0.0)

    alone = (labels.sum(axis=1) == 1) & (labels[:, finding] == 1)
    nothing = labels.sum(axis=1) == 0
    assert alone.any()
    assert (with_it[alone] != without[alone]).any(axis=(1, 2)).all() or finding == 1
    assert np.array_equal(with_it[nothing], without[nothing])


def test_a_few_phantoms_are_the_first_of_all_of_them_and_the_summary_counts_them_by_part():
    phantom = Phantom(patients=4)

    few, all_of_them = (phantom.load("evaluation", height=32, width=32, limit=limit) for limit in (5, None))

    assert np.array_equal(few.pixels, all_of_them.pixels[:5])
    assert (few.labels.shape, few.patients) == ((5, 14), all_of_them.patients[:5])
    summary = phantom.summary()
    assert summary.synthetic
    assert {part.part: part.images for part in summary.parts}["evaluation"] == len(all_of_them.pixels) == 12


def test_images_that_are_not_wanted_are_not_drawn_and_change_no_other(monkeypatch):
    shapes, ellipse = [], phantom_drawing._ellipse
    everything = Phantom().load("evaluation", height=32, width=32).pixels
    monkeypatch.setattr(phantom_drawing, "_ellipse", lambda x, *more: shapes.append(x.shape[0]) or ellipse(x, *more))

    blocks = list(Phantom().blocks("evaluation", [5, 17, 950], height=32, width=32, images=2))

    assert [len(block) for block in blocks] == [2, 1]
    assert np.array_equal(np.concatenate(blocks), everything[[5, 17, 950]])
    assert set(shapes) == {2, 1}  # of the first 900 images, of the others


def test_phantoms_come_in_other_sizes_and_from_other_seeds():
    images = Phantom(patients=3).load("evaluation", height=32, width=48)

    assert images.pixels.shape == (9, 32, 48, 1)
    assert Phantom(seed=1).fingerprint() != Phantom().fingerprint() != Phantom(patients=3).fingerprint()


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        ("phantom", {"sed": 1}, "unknown key 'sed'; did you mean 'seed'"),
        ("phantom", {"patients": 0}, "patients 0"),
        ("phantom", {"seed": -1}, "seed -1"),
        ("phantom", {"seed": "x"}, "seed: must be a whole number, not 'x'"),
        ("phantom", {"seed": True}, "seed: must be a whole number, not True"),
        ("phantom", {"name": 3}, "name: must be text, not 3"),
        ("folder", {}, "root: is required"),
        ("folder", {"root": "x", "validation": "a tenth"}, "validation: must be a number, not 'a tenth'"),
        ("folder", {"root": "x", "grey": 1}, "grey: must be true or false, not 1"),
        ("folder", {"root": "x", "seed": -1}, "seed -1"),
        ("folder", {"root": "x", "bits": 17}, "bits 17: 8 to 16"),
    ],
)
def test_options_that_cannot_be_are_named(kind, options, words):
    with pytest.raises(DatasetError, match=words):
        make_dataset(DatasetSpec(kind=kind, options=options))


def test_shrinking_averages_instead_of_picking():
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    small = resized(board.astype(np.uint8)[None, ..., None], 16, 16)

    assert np.abs(small.astype(int) - 127).max() < 20


def test_the_datasets_of_a_run_are_made_once_each():
    datasets = Datasets()
    small, other = (DatasetSpec(kind="phantom", options={"patients": count}) for count in (40, 60))

    made = datasets.of(small)

    assert datasets.of(DatasetSpec(kind="phantom", options={"patients": 40})) is made
    assert datasets.of(other) is not made
    assert Datasets().of(small) is not made, "files may have changed until the next run"
