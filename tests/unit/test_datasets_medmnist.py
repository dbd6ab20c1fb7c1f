"""MedMNIST sets: the official .npz, whole, of another kind, damaged or hostile."""

from __future__ import annotations

import pickle
import zipfile

import numpy as np
import pytest

from orchestrator.datasets.medmnist import MedMnist
from orchestrator.errors import DatasetError

RNG = np.random.default_rng(0)


def write(path, *, columns=1, classes=2, shape=(28, 28), counts=(40, 20, 30), **changes):
    arrays = {}
    for split, count in zip(("train", "val", "test"), counts, strict=True):
        arrays[f"{split}_images"] = RNG.integers(0, 256, (count, *shape), np.uint8)
        arrays[f"{split}_labels"] = np.arange(count * columns).reshape(count, columns).astype(np.uint8) % classes
    np.savez_compressed(path, **(arrays | changes))
    return path


def test_pneumoniamnist_is_binary_with_pneumonia_as_the_positive_class(tmp_path):
    dataset = MedMnist(str(write(tmp_path / "pneumoniamnist_28.npz")))
    images = dataset.load("evaluation", height=16, width=16)

    assert (dataset.classes, dataset.task) == (("pneumonia",), "binary")
    assert images.pixels.shape == (30, 16, 16, 1)
    assert images.labels[:, 0].tolist() == [0, 1] * 15
    assert len(set(images.patients)) == 30


def test_chestmnist_is_multi_label_with_its_fourteen_findings_in_order(tmp_path):
    dataset = MedMnist(str(write(tmp_path / "chestmnist_64.npz", columns=14)))

    assert (dataset.task, len(dataset.classes), dataset.classes[12]) == ("multi-label", 14, "Pleural_Thickening")
    assert dataset.load("evaluation", height=28, width=28).labels.shape == (30, 14)


def test_other_sets_are_one_of_n_and_in_colour(tmp_path):
    dataset = MedMnist(str(write(tmp_path / "pathmnist.npz", classes=9, shape=(28, 28, 3))))
    images = dataset.load("evaluation", height=28, width=28, limit=9)

    assert (dataset.task, dataset.classes) == ("one-of-n", tuple("012345678"))
    assert images.pixels.shape == (9, 28, 28, 3)
    assert images.labels.sum(axis=0).tolist() == [1] * 9


def test_calibration_and_validation_share_no_image(tmp_path):
    dataset = MedMnist(str(write(tmp_path / "x.npz")))
    parts = [set(dataset.load(part, height=28, width=28).names) for part in ("calibration", "validation")]

    assert (len(parts[0]), len(parts[1]), parts[0] & parts[1]) == (10, 10, set())
    assert {part.part: part.images for part in dataset.summary().parts}["evaluation"] == 30


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"test_labels": np.zeros((0, 1), np.uint8)}, "not labels"),
        ({"test_labels": np.zeros(30, np.uint8)}, "not labels"),
        ({"test_labels": np.full((30, 3), 7)}, "not 0 and 1"),
        ({"test_labels": np.zeros((30, 1), np.float32)}, "not labels"),
        ({"test_images": np.zeros((29, 28, 28), np.uint8)}, "for 30 labels"),
        ({"test_images": np.zeros((30, 28, 28), np.float32)}, "float32"),
        ({"test_images": np.zeros((30, 28, 28, 28), np.uint8)}, "flat ones"),
        ({"test_images": np.array([object()] * 30)}, "can't be read"),
    ],
)
def test_what_is_no_medmnist_is_refused(tmp_path, changes, words):
    path = write(tmp_path / "m.npz", **changes)

    with pytest.raises(DatasetError, match=words):
        MedMnist(str(path)).load("evaluation", height=28, width=28)


def test_nothing_is_unpickled(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as archive:
        archive.writestr("test_labels.npy", pickle.dumps(print))

    with pytest.raises(DatasetError, match=r"can't be read as \.npz"):
        MedMnist(str(tmp_path / "m.npz"))


def test_a_file_that_unpacks_to_more_than_memory_is_refused_unread(tmp_path, monkeypatch):
    path = str(write(tmp_path / "m.npz"))
    monkeypatch.setattr("orchestrator.datasets.medmnist.LARGEST_IMAGE_BYTES", 700)

    with pytest.raises(DatasetError, match="an image unpacks to"):
        MedMnist(path).load("evaluation", height=28, width=28)
    monkeypatch.setattr("orchestrator.datasets.medmnist.LARGEST_BYTES", 100)
    with pytest.raises(DatasetError, match="test_labels unpacks to"):
        MedMnist(path)


@pytest.mark.parametrize("keep", [0, 100, 5000])
def test_a_truncated_or_missing_file_is_refused(tmp_path, keep):
    whole = write(tmp_path / "whole.npz").read_bytes()
    (tmp_path / "m.npz").write_bytes(whole[:keep])

    with pytest.raises(DatasetError, match=r"m\.npz: can't be read"):
        MedMnist(str(tmp_path / "m.npz"))
    with pytest.raises(DatasetError, match="no such file"):
        MedMnist(str(tmp_path / "none.npz"))


def test_names_in_the_other_order_make_another_dataset(tmp_path):
    path = str(write(tmp_path / "mine.npz"))

    one, other = (MedMnist(path, classes=classes, positive="ill") for classes in (["well", "ill"], ["ill", "well"]))

    assert one.listing("evaluation").labels[0] != other.listing("evaluation").labels[0]
    assert one.fingerprint() != other.fingerprint()
