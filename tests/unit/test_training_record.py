"""A model is not tested on what it was trained on, as far as a record beside it says."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from orchestrator.datasets import phantom_drawing
from orchestrator.datasets.base import Images
from orchestrator.datasets.csv_table import CsvTable
from orchestrator.datasets.folder import Folder
from orchestrator.datasets.likeness import likenesses, recognised
from orchestrator.datasets.medmnist import MedMnist
from orchestrator.datasets.phantom import Phantom
from orchestrator.domain.model import ModelSpec
from orchestrator.errors import DatasetError, ModelError
from orchestrator.models.leaks import refuse_leaks
from orchestrator.models.training_record import TrainingRecord, record_of, refuse_seen
from orchestrator.testing import make_suite

SIDE = 96


@pytest.fixture(scope="module")
def chests():
    """Eighty pictures of chests, 96 × 96, no two of one patient."""
    drawn, _, patients = phantom_drawing.draw(np.random.default_rng(3), 80)
    first = np.unique(patients, return_index=True)[1]
    return [np.asarray(Image.fromarray(image).resize((SIDE, SIDE))) for image in drawn[first]]


def shrunk(image, side):
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))


def nih(root, chests, *, tested=range(60, 80), name="nih", stray=False, patient=None):
    """Write images under NIH's names with a table that tests some of them, and beside them a ``stray`` image of another name."""
    folder = root / name
    folder.mkdir(parents=True)
    lines = ["image,sick,side,patient"]
    if stray:
        Image.fromarray(np.rot90(chests[0])).save(folder / "stray.png")
        lines.append("stray.png,0,train,stray")
    for number, image in enumerate(chests):
        Image.fromarray(image).save(folder / f"{number:08d}_000.png")
        lines.append(f"{number:08d}_000.png,{number % 2},{'test' if number in tested else 'train'},mine {number}")
    (folder / "table.csv").write_text("\n".join(lines), encoding="utf-8")
    return CsvTable(str(folder / "table.csv"), labels="sick", split="side", name=name, patient=patient)


def chestmnist(path, chests, *, tested, side=28):
    """Write a set as MedMNIST does: small images without names, parts of its own."""
    rows = {"test": list(tested), "train": [n for n in range(len(chests)) if n not in tested and n % 5]}
    rows["val"] = [n for n in range(len(chests)) if n not in tested and n % 5 == 0]
    arrays = {}
    for split, numbers in rows.items():
        arrays[f"{split}_images"] = np.array([shrunk(chests[number], side) for number in numbers])
        arrays[f"{split}_labels"] = np.array([[number >> bit & 1 for bit in range(14)] for number in numbers], np.uint8)
    np.savez(path, **arrays)
    return MedMnist(str(path))


def trained_on(dataset, side=64):
    parts = [dataset.load(part, height=side, width=side) for part in ("train", "validation")]
    return TrainingRecord.of(dataset, parts)


@pytest.mark.parametrize("side", [28, 64, 224])
def test_a_model_of_chestmnists_split_is_not_tested_on_another_split_of_the_same_images(tmp_path, chests, side):
    mnist = chestmnist(tmp_path / f"chestmnist_{side}.npz", chests, tested=range(20), side=side)
    official = nih(tmp_path, chests)

    with pytest.raises(
        DatasetError, match=r"trained \(on chestmnist_\d+\) on \d+ of 20 test images of nih.*official one"
    ):
        refuse_seen("densenet", trained_on(mnist, 28), official)
    with pytest.raises(
        DatasetError, match=r"trained \(on nih\) on \d+ of 20 test images of chestmnist_\d+.*test-\d+, test-\d+"
    ):
        refuse_seen("densenet", trained_on(official), mnist)


def test_the_part_that_training_left_out_is_tested_in_any_copy_of_the_set(tmp_path, chests):
    mnist = chestmnist(tmp_path / "chestmnist_64.npz", chests, tested=range(60, 80), side=64)
    official = nih(tmp_path, chests)

    for one, other in ((mnist, official), (official, mnist), (official, official), (mnist, mnist)):
        refuse_seen("densenet", trained_on(one), other)


@pytest.mark.parametrize("odd", [{}, {"stray": True}, {"patient": "patient"}], ids=["nih", "stray", "own numbers"])
def test_patients_are_known_by_nihs_names_though_every_image_is_another(tmp_path, chests, odd):
    trained = nih(tmp_path, chests[:40] + chests[40:][::-1], name="mirrored", **odd)
    tested = nih(tmp_path, [np.flipud(image) for image in chests], tested=range(30))

    with pytest.raises(DatasetError, match=r"\d+ of the 30 test patients of nih: 0000000\d, 0000000\d"):
        refuse_seen("mine", trained_on(trained), tested)


def test_another_folder_counts_its_patients_anew(tmp_path):
    random = np.random.default_rng(0)
    for name in ("here", "there"):
        for side, numbers in (("train", range(12)), ("test", range(12, 16) if name == "here" else range(4))):
            for number in numbers:
                folder = tmp_path / name / side / ("ill", "well")[number % 2]
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray(random.integers(0, 255, (32, 32), np.uint8)).save(folder / f"person{number}.png")
    here, there = (Folder(str(tmp_path / name)) for name in ("here", "there"))

    refuse_seen("mine", trained_on(here), there)
    moved = replace(trained_on(here), likenesses=np.zeros((0, 32), np.uint8))
    (tmp_path / "here" / "test" / "ill" / "person0.png").write_bytes(
        (tmp_path / "here" / "test" / "ill" / "person12.png").read_bytes()
    )
    with pytest.raises(DatasetError, match="1 of the 5 test patients of here: person0"):
        refuse_seen("mine", moved, Folder(str(tmp_path / "here")))


def test_a_record_tells_neither_patients_nor_names_and_comes_back_as_it_was(tmp_path, chests):
    record = trained_on(nih(tmp_path, chests))

    path = record.write(tmp_path / "mine.keras")

    assert path.name == "mine.keras.training.json"
    assert "0000" not in json.dumps(json.loads(path.read_text(encoding="utf-8"))["patients"])[:6]
    assert "_000" not in path.read_text(encoding="utf-8")
    read = TrainingRecord.beside(tmp_path / "mine.keras")
    assert (read.patients, read.images, read.dataset) == (record.patients, record.images, "nih")
    assert np.array_equal(read.likenesses, record.likenesses)
    assert TrainingRecord.beside(tmp_path / "other.keras") is None


def test_a_pipe_in_place_of_a_record_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "mine.keras.training.json")

    with pytest.raises(ModelError, match="it is no file"):
        record_of(ModelSpec(name="mine", kind="keras", options={"path": str(tmp_path / "mine.keras")}))


def test_a_saved_model_in_the_current_folder_may_have_a_record_beside_it(tmp_path, chests, monkeypatch):
    (tmp_path / "mine").mkdir()
    trained_on(nih(tmp_path, chests)).write(tmp_path / "mine")
    monkeypatch.chdir(tmp_path / "mine")

    assert record_of(ModelSpec(name="mine", kind="keras", options={"path": "."})) is not None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 20_000,
        b"\xff",
        b'{"format": 2}',
        b'{"format": 1, "likenesses": "AAAA", "images": 1, "dataset": "", "fingerprint": "", "classes": [], "patients": []}',
        b'{"format": 1, "likenesses": "", "images": Infinity, "dataset": "", "fingerprint": "", "classes": [], "patients": []}',
    ],
    ids=range(8),
)
def test_a_damaged_record_is_refused_by_its_name(tmp_path, content):
    (tmp_path / "mine.keras.training.json").write_bytes(content)

    with pytest.raises(ModelError, match=r"mine.keras.training.json: can't be read as a record of training"):
        record_of(ModelSpec(name="mine", kind="keras", options={"path": str(tmp_path / "mine.keras")}))


def test_a_run_refuses_a_model_that_has_seen_the_test_part_unless_only_its_latency_is_asked_for(tmp_path, chests):
    dataset = nih(tmp_path, chests)
    everything = Images(pixels=np.array(chests)[..., None], labels=np.zeros((80, 1), np.uint8), patients=("x",) * 80)
    TrainingRecord.of(dataset, [everything]).write(tmp_path / "mine.keras")
    model = ModelSpec(name="mine", kind="keras", options={"path": str(tmp_path / "mine.keras")})
    suite = replace(make_suite(), models=(model,))

    with pytest.raises(DatasetError, match=r"model mine was trained \(on nih\) on 20 of 20 test images"):
        refuse_leaks(suite, dataset)
    refuse_leaks(replace(suite, accuracy="none"), dataset)
    (tmp_path / "mine.keras.training.json").unlink()
    refuse_leaks(suite, dataset)


def test_blank_and_tiny_images_are_never_recognised():
    blank, tiny = (
        np.full((2, 40, 40, 1), 7, np.uint8),
        np.random.default_rng(0).integers(0, 255, (2, 8, 8, 1), np.uint8),
    )

    assert not recognised(likenesses(blank), likenesses(blank)).any()
    assert not recognised(likenesses(tiny), likenesses(tiny)).any()


def test_images_of_colour_and_of_grey_are_one():
    grey = Phantom(patients=4).load("evaluation", height=64, width=64).pixels

    assert recognised(likenesses(np.repeat(grey, 3, axis=3)), likenesses(grey)).all()
    assert not recognised(likenesses(grey[:3]), likenesses(grey[3:])).any()
