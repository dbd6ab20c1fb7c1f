"""Which images were scored: names, patients, labels, under one hash."""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from orchestrator.datasets.folder import Folder
from orchestrator.datasets.phantom import Phantom
from orchestrator.domain import image_list
from orchestrator.domain.image_list import ImageList
from orchestrator.domain.model import DatasetSpec, ModelSpec, Preprocess
from orchestrator.errors import DatasetError
from orchestrator.models.artifacts import Artifacts
from orchestrator.testing import make_image_list

LABELS = np.array([[1, 0], [0, 1], [1, 1]], np.uint8)


def listed(**changes):
    given = {
        "dataset": "mine",
        "task": "multi-label",
        "classes": ("A", "B"),
        "names": ("1.png", "2.png", "3.png"),
        "patients": ("Smith", "Miller", "Smith"),
        "labels": LABELS,
    }
    return ImageList.of(**(given | changes))


def test_patients_are_numbers_and_their_identifiers_are_nowhere():
    images = listed()

    assert images.patients == (0, 1, 0)
    assert images.patient_count == 2
    assert b"Smith" not in images.to_bytes()


def test_labels_come_back_as_they_were():
    np.testing.assert_array_equal(listed().labels(), LABELS)


def test_the_hash_is_of_names_patients_and_labels_and_of_nothing_else():
    same = listed(patients=("x", "y", "x"))

    assert same.sha256 == listed().sha256
    assert (
        len({listed().sha256, listed(names=("1.png", "2.png", "4.png")).sha256, listed(labels=1 - LABELS).sha256}) == 3
    )


def test_a_list_survives_being_packed():
    images = listed(names=("ä.png", "\\xff.png", "two\nlines"))

    assert ImageList.unpack(images.packed()) == images


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no zlib",
        zlib.compress(b"[]"),
        zlib.compress(b"{}"),
        zlib.compress(json.dumps({**json.loads(make_image_list().to_bytes()), "positives": [[7]]}).encode()),
        zlib.compress(json.dumps({**json.loads(make_image_list().to_bytes()), "patients": [0]}).encode()),
        make_image_list().packed()[:-9],
    ],
)
def test_what_is_no_list_is_refused(data):
    with pytest.raises(ValueError, match="images"):
        ImageList.unpack(data)


def test_a_list_that_unpacks_to_more_than_any_list_has_is_refused(monkeypatch):
    monkeypatch.setattr(image_list, "MOST_BYTES", 1000)

    with pytest.raises(ValueError, match="too long"):
        ImageList.unpack(zlib.compress(b" " * 5000))


def test_images_of_a_folder_are_named_by_their_path_below_it(tmp_path):
    for side, patients in (("train", range(12)), ("test", range(100, 104))):
        for number in patients:
            path = tmp_path / side / ("SICK" if number % 2 else "WELL") / f"person{number}_1.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (8, 8), number).save(path)

    images = Folder(str(tmp_path)).load("evaluation", height=8, width=8)

    assert images.names[0] == "test/SICK/person101_1.png"
    assert len(set(images.names)) == len(images.patients) == 4


def test_every_phantom_has_a_name():
    images = Phantom(patients=2).load("evaluation", height=8, width=8)

    assert images.names[:4] == (
        "evaluation-00000-0",
        "evaluation-00000-1",
        "evaluation-00000-2",
        "evaluation-00001-0",
    )


def test_models_of_two_input_sizes_share_one_list(tmp_path):
    artifacts = Artifacts(tmp_path)
    dataset = DatasetSpec(kind="phantom", options={"patients": 3})
    sizes = [Preprocess(height=size, width=size, channels=1) for size in (16, 24)]
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")  # all that is looked at before the model itself is needed
    specs = [ModelSpec(name="m", kind="keras", options={"path": str(path)}, preprocess=size) for size in sizes]
    small, large = (artifacts.image_set(spec, dataset) for spec in specs)

    assert small.pixels_sha256 != large.pixels_sha256
    assert small.image_list == large.image_list
    assert artifacts.image_list(small).patients == (0, 0, 0, 1, 1, 1, 2, 2, 2)


def test_image_sets_that_an_older_farm_kept_without_names_are_read_again(tmp_path):
    artifacts = Artifacts(tmp_path)
    dataset, model = DatasetSpec(kind="phantom", options={"patients": 1}), ModelSpec(name="m", kind="tiny-cxr")
    before = artifacts.image_set(model, dataset)
    (kept,) = (tmp_path / "recipes").iterdir()
    plain = json.loads(kept.read_text())
    del plain["image_list"]
    kept.write_text(json.dumps(plain))

    assert artifacts.image_set(model, dataset) == before


def test_a_plug_in_that_gives_fewer_patients_than_images_is_refused_by_its_name(tmp_path, monkeypatch):
    listing = Phantom.listing
    monkeypatch.setattr(Phantom, "listing", lambda *a: replace(listing(*a), patients=("one",)))
    dataset = DatasetSpec(kind="phantom", options={"patients": 2})

    with pytest.raises(DatasetError, match=r"dataset phantom: 6 images, 1 patients"):
        Artifacts(tmp_path).image_set(ModelSpec(name="m", kind="tiny-cxr"), dataset)
