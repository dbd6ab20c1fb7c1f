from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from orchestrator.datasets.base import make_dataset, resized
from orchestrator.datasets.folder import Folder
from orchestrator.datasets.phantom import DRAWN, FINDINGS, Phantom, draw
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
        ("phantom", {"seed": "x"}, "'seed' is a whole number, not 'x'"),
        ("phantom", {"seed": True}, "'seed' is a whole number, not True"),
        ("phantom", {"name": 3}, "'name' is text, not 3"),
        ("folder", {}, "'root' is missing"),
        ("folder", {"root": "x", "validation": "a tenth"}, "'validation' is a number"),
        ("folder", {"root": "x", "grey": 1}, "'grey' is true or false"),
        ("folder", {"root": "x", "seed": -1}, "seed -1"),
    ],
)
def test_options_that_cannot_be_are_named(kind, options, words):
    with pytest.raises(DatasetError, match=words):
        make_dataset(DatasetSpec(kind=kind, options=options))


def test_options_that_may_be_left_out_may_be_null_and_whole_numbers_are_numbers(root):
    options = {"root": str(root), "positive": None, "name": None, "validation": 0.2, "seed": 3}

    assert make_dataset(DatasetSpec(kind="folder", options=options)).classes == ("WELL",)


def test_shrinking_averages_instead_of_picking():
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    small = resized(board.astype(np.uint8)[None, ..., None], 16, 16)

    assert np.abs(small.astype(int) - 127).max() < 20


# folder


def write(path, colour=128, mode="L", size=(20, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)


@pytest.fixture
def root(tmp_path):
    """Twelve patients of two images each to train on, four to test on, two classes."""
    for side, patients in (("train", range(12)), ("test", range(100, 104))):
        for number in patients:
            label = "SICK" if number % 2 else "WELL"
            for image in range(2):
                write(tmp_path / side / label / f"person{number}_{image}.png", colour=number)
    return tmp_path


def parts_of(folder):
    return {part: folder.load(part, height=8, width=8) for part in PARTS}


def test_two_classes_are_one_column_of_which_the_positive_one_can_be_named(root):
    by_default = Folder(str(root))
    named = Folder(str(root), positive="WELL")

    assert (by_default.classes, named.classes, by_default.task) == (("WELL",), ("WELL",), "binary")
    assert Folder(str(root), positive="SICK").classes == ("SICK",)
    labels = named.load("evaluation", height=8, width=8).labels
    assert labels.shape == (8, 1)
    assert labels.sum() == 4


def test_more_classes_are_one_of_n(root):
    for side, number in (("train", 50), ("train", 51), ("train", 52), ("test", 200)):
        write(root / side / "OTHER" / f"person{number}_0.png")

    images = Folder(str(root)).load("evaluation", height=8, width=8)

    assert images.labels.shape[1] == 3
    assert (images.labels.sum(axis=1) == 1).all()


def test_no_patient_is_in_two_parts_and_who_is_tested_is_nowhere_else(root):
    write(root / "train" / "SICK" / "person101_9.png")

    parts = parts_of(Folder(str(root), calibration=0.2, validation=0.2))

    seen = [set(images.patients) for images in parts.values()]
    assert sum(len(patients) for patients in seen) == len(set().union(*seen)) == 16
    assert "person101" in parts["evaluation"].patients


def test_patients_are_recognised_by_a_group_or_are_as_many_as_files(root):
    grouped = Folder(str(root), patient=r"person(\d+)_").load("evaluation", height=8, width=8)
    unknown = Folder(str(root), patient="nobody").load("evaluation", height=8, width=8)

    assert set(grouped.patients) == {"100", "101", "102", "103"}
    assert len(set(unknown.patients)) == 8


@pytest.mark.parametrize(
    ("mode", "colour"), [("RGB", (10, 20, 30)), ("RGBA", (10, 20, 30, 40)), ("I;16", 3000), ("1", 1)]
)
def test_images_of_any_mode_become_grey_or_colour(root, mode, colour):
    write(root / "test" / "SICK" / "person999_0.PNG", colour, mode)
    write(root / "test" / "SICK" / ".hidden.png")

    assert Folder(str(root)).load("evaluation", height=8, width=8).pixels.shape == (9, 8, 8, 1)
    assert Folder(str(root), grey=False).load("evaluation", height=8, width=8).pixels.shape == (9, 8, 8, 3)


def test_files_numbered_from_one_in_every_folder_are_not_taken_for_the_same_patients(tmp_path):
    for side in ("train", "test"):
        for label in ("SICK", "WELL"):
            for number in range(20):
                write(tmp_path / side / label / f"{number:03}.png")

    parts = parts_of(Folder(str(tmp_path)))

    assert sum(len(images.pixels) for images in parts.values()) == 80
    assert len(parts["evaluation"].pixels) == 40


def test_sixteen_bits_are_shown_by_their_high_byte(root):
    path = root / "test" / "SICK" / "person101_0.png"
    Image.fromarray(np.full((20, 30), 128 * 256 + 99, np.uint16)).save(path)

    folder = Folder(str(root))

    place = sorted(p.name for p in path.parent.iterdir()).index(path.name)
    assert set(folder.load("evaluation", height=8, width=8).pixels[place].ravel()) == {128}


def test_the_fingerprint_notices_a_changed_file_and_a_changed_setting(root):
    before = Folder(str(root)).fingerprint()

    assert Folder(str(root)).fingerprint() == before
    assert Folder(str(root), seed=1).fingerprint() != before
    write(root / "test" / "SICK" / "person101_0.png", colour=1, size=(40, 40))
    assert Folder(str(root)).fingerprint() != before


def broken(root, how):
    if how == "no test":
        (root / "test").rename(root / "tst")
    elif how == "other classes":
        (root / "test" / "SICK").rename(root / "test" / "ILL")
    elif how == "empty class":
        (root / "test" / "EMPTY").mkdir()
        (root / "train" / "EMPTY").mkdir()
    elif how == "no image":
        (root / "test" / "SICK" / "person101_0.png").write_bytes(b"not an image")
    elif how == "cut image":
        path = root / "test" / "SICK" / "person101_0.png"
        Image.effect_noise((99, 99), 50).save(path)
        path.write_bytes(path.read_bytes()[:500])
    elif how == "one folder more":
        (root / "inner").mkdir()
        for side in ("train", "test"):
            (root / side).rename(root / "inner" / side)
    elif how == "not unpacked":
        (root / "train").rename(root / "other")
        (root / "images.zip").write_bytes(b"PK")
    return root


@pytest.mark.parametrize(
    ("how", "options", "words"),
    [
        ("no test", {}, ["test", "no such folder", "CLASS"]),
        ("one folder more", {}, ["train", "did you mean", "inner"]),
        ("not unpacked", {}, ["train", "unpack", "images.zip"]),
        ("other classes", {}, ["ILL", "SICK"]),
        ("empty class", {}, ["EMPTY", "no image"]),
        ("no image", {}, ["person101_0.png", "image"]),
        ("cut image", {}, ["person101_0.png", "image"]),
        ("", {"positive": "SIK"}, ["'SIK'", "'SICK'"]),
        ("", {"patient": "("}, ["regular expression"]),
        ("", {"validation": 1.5}, ["validation 1.5"]),
        ("", {"roots": "x"}, ["roots"]),
    ],
)
def test_what_is_wrong_with_a_folder_is_said_with_the_file(root, how, options, words):
    broken(root, how)

    with pytest.raises(DatasetError) as caught:
        make_dataset(DatasetSpec(kind="folder", options={"root": str(root)} | options)).load(
            "evaluation", height=8, width=8
        )

    for word in words:
        assert word in str(caught.value)


@pytest.mark.real_images
def test_all_624_test_radiographs_are_evaluated(xrays):
    folder = Folder(str(xrays), patient=r"person\d+|IM-\d+")

    images = folder.load("evaluation", height=32, width=32)

    assert images.pixels.shape == (624, 32, 32, 1)
    assert images.labels.sum() == 390
    assert folder.classes == ("PNEUMONIA",)
