from __future__ import annotations

import hashlib
import os
import re
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from orchestrator.datasets.base import make_dataset
from orchestrator.datasets.decoding import decode_all
from orchestrator.datasets.folder import PATIENT, Folder
from orchestrator.datasets.image_files import spread
from orchestrator.datasets.leaks import refuse_contradictions, refuse_leaks
from orchestrator.datasets.nih_names import FINDINGS
from orchestrator.datasets.same_content import same_content
from orchestrator.domain.model import DatasetSpec
from orchestrator.errors import DatasetError
from tests.lab import toys

PARTS = ("train", "validation", "calibration", "evaluation")


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


def test_options_that_may_be_left_out_may_be_null_and_whole_numbers_are_numbers(root):
    options = {"root": str(root), "positive": None, "name": None, "validation": 0.2, "seed": 3}

    assert make_dataset(DatasetSpec(kind="folder", options=options)).classes == ("WELL",)


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

    for grey, channels in ((True, 1), (False, 3)):
        folder = Folder(str(root), grey=grey, bits=12)
        assert folder.load("evaluation", height=8, width=8).pixels.shape == (9, 8, 8, channels)


def test_files_numbered_from_one_in_every_folder_are_not_taken_for_the_same_patients(tmp_path):
    for side in ("train", "test"):
        for label in ("SICK", "WELL"):
            for number in range(20):
                write(tmp_path / side / label / f"{number:03}.png")

    parts = parts_of(Folder(str(tmp_path)))

    assert sum(len(images.pixels) for images in parts.values()) == 80
    assert len(parts["evaluation"].pixels) == 40


def test_an_image_of_sixteen_bits_among_others_of_eight_asks_how_many_are_used(root):
    path = root / "test" / "SICK" / "person101_1.png"
    Image.fromarray(np.full((20, 30), 128 * 256 + 99, np.uint16)).save(path)

    place = sorted(p.name for p in path.parent.iterdir()).index(path.name)
    pixels = Folder(str(root), bits=16).load("evaluation", height=8, width=8).pixels

    assert set(pixels[place].ravel()) == {128}
    for number in range(60):
        write(root / "train" / "WELL" / f"person{200 + number}.png")
    with pytest.raises(
        DatasetError, match=r"person101_1.png: a 16-bit image \(largest value 32867\)[^\n]*\n.*`bits: 12`"
    ):
        Folder(str(root)).load("evaluation", height=8, width=8)


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
    elif how == "a zip":
        root.rename(root.with_name("images"))
        root.write_bytes(b"PK")
    return root


@pytest.mark.parametrize(
    ("how", "options", "words"),
    [
        ("no test", {}, ["test", "no such folder", "CLASS"]),
        ("one folder more", {}, ["train", "did you mean", "inner"]),
        ("not unpacked", {}, ["train", "unpack", "images.zip"]),
        ("a zip", {}, ["a file, expected a folder", "unpack it"]),
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


# small inputs with a known right answer


def shifted(bits, **how):
    """Return a way to save an image whose values use ``bits`` of 16."""

    def save(folder, label, number, image):
        Image.fromarray(image.astype(np.uint16) << (bits - 8)).save(folder / f"{number:03d}.png", **how)

    return save


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_radiographs_of_twelve_bits_in_sixteen_are_refused_until_the_suite_says_so(tmp_path, bits):
    toys.write(tmp_path, shifted(bits))

    for use in (Folder.summary, toys.brightness_auc):
        with pytest.raises(DatasetError, match=f"nearly black\n.*`bits: {bits}`"):
            use(Folder(str(tmp_path)))
    named = Folder(str(tmp_path), bits=bits)
    assert toys.brightness_auc(named) == pytest.approx(toys.AUC, abs=5e-4)
    assert named.summary().modes == ("I;16",)
    assert 255 < named.summary().pixel_range[1] < 1 << bits
    assert named.fingerprint() != Folder(str(tmp_path)).fingerprint()
    with pytest.raises(DatasetError, match=r"png: its pixels are .* more than 8 bits hold"):
        Folder(str(tmp_path), bits=8).load("evaluation", height=8, width=8)


def test_images_that_use_all_sixteen_bits_need_no_option(tmp_path):
    toys.write(tmp_path, shifted(16))

    assert toys.brightness_auc(Folder(str(tmp_path))) == pytest.approx(toys.AUC, abs=5e-4)


def test_sixteen_bit_colour_of_which_pillow_reads_half_is_never_read_as_black(tmp_path):
    def save(folder, label, number, image):
        rows = b"".join(b"\0" + np.repeat(row.astype(np.uint16) << 4, 3).astype(">u2").tobytes() for row in image)
        chunks = [
            (b"IHDR", struct.pack(">IIBBBBB", *image.shape[::-1], 16, 2, 0, 0, 0)),
            (b"IDAT", zlib.compress(rows)),
        ]
        (folder / f"{number:03d}.png").write_bytes(
            b"\x89PNG\r\n\x1a\n"
            + b"".join(
                struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
                for kind, body in [*chunks, (b"IEND", b"")]
            )
        )

    toys.write(tmp_path, save)

    with pytest.raises(DatasetError, match="nearly black"):
        Folder(str(tmp_path)).summary()
    with pytest.raises(DatasetError, match=r"only the upper 8 bits[^\n]*\n.*16-bit grey"):
        Folder(str(tmp_path), bits=12).load("evaluation", height=8, width=8)


def test_a_floating_point_image_is_refused_with_what_to_save_instead(root):
    Image.fromarray(np.full((8, 8), 0.5, np.float32)).save(root / "test" / "SICK" / "person101_0.tif")

    with pytest.raises(DatasetError, match=r"person101_0.tif: its pixels are floating-point numbers\n.*8 or 16 bits"):
        Folder(str(root), bits=12).load("evaluation", height=8, width=8)


def test_every_ending_that_pillow_decodes_is_read_and_what_is_left_out_is_counted(tmp_path):
    endings = (".png", ".tif", ".bmp", ".gif", ".pgm", ".TIFF")

    def save(folder, label, number, image):
        ending = ".png" if label == "NORMAL" or number < 4 else endings[number % len(endings)]
        Image.fromarray(image).save(folder / f"{number:03d}{ending}")

    toys.write(tmp_path, save)
    for name in ("scan.dcm", "other.DCM", "notes.txt", "README"):
        (tmp_path / "test" / "NORMAL" / name).write_bytes(b"x")

    folder = Folder(str(tmp_path))

    assert toys.brightness_auc(folder) == pytest.approx(toys.AUC, abs=5e-4)
    summary = folder.summary()
    counts = {part.part: part for part in summary.parts}
    assert counts["evaluation"].by_class == {"NORMAL": 40, "PNEUMONIA": 40}
    assert sum(part.images for part in summary.parts) == 128
    assert summary.left_out == {".dcm": 2, ".txt": 1, "no ending": 1}
    assert (summary.patients, summary.unmatched, summary.pattern) == (128, 128, PATIENT)
    assert (summary.sampled, summary.modes) == (16, ("L",))
    low, high = summary.pixel_range
    assert (low < 90, high > 150) == (True, True)


@pytest.mark.parametrize("inner", ["images", "Images", "png224"])
def test_images_one_folder_deeper_are_found_and_masks_beside_them_are_not_read(tmp_path, inner):
    def save(folder, label, number, image):
        (folder / inner).mkdir(exist_ok=True)
        Image.fromarray(image).save(folder / inner / f"{label}-{number}.png")
        if inner != "png224":
            (folder / "masks").mkdir(exist_ok=True)
            Image.fromarray((image > 110).astype(np.uint8) * 255).save(folder / "masks" / f"{label}-{number}.png")

    toys.write(tmp_path, save)

    folder = Folder(str(tmp_path))

    assert toys.brightness_auc(folder) == pytest.approx(toys.AUC, abs=5e-4)
    assert folder.summary().left_out == ({} if inner == "png224" else {"in masks/": 128})


def test_images_in_several_folders_of_a_class_are_refused_with_the_folders(root):
    for inner in ("left", "right"):
        write(root / "test" / "ODD" / inner / "person500.png")
    write(root / "train" / "ODD" / "person501.png")

    with pytest.raises(DatasetError, match=r"ODD: its images are in 2 folders \(left, right\)\n.*move"):
        Folder(str(root))


def test_names_in_latin1_bytes_are_read_and_can_be_printed(tmp_path):
    toys.write(tmp_path)
    test = os.fsencode(tmp_path / "test")
    named = Path(os.fsdecode(test + b"/NORMAL/M\xfcller_003.png"))
    (tmp_path / "test" / "NORMAL" / "normal_003.png").rename(named)
    for side in ("train", "test"):
        (tmp_path / side / "PNEUMONIA").rename(os.fsdecode(os.fsencode(tmp_path / side) + b"/L\xfcnge"))

    folder = Folder(str(tmp_path), positive=r"L\xfcnge")

    assert toys.brightness_auc(folder) == pytest.approx(toys.AUC, abs=5e-4)
    assert len(folder.fingerprint()) == 64
    assert folder.classes == (r"L\xfcnge",)
    named.write_bytes(b"nothing")
    with pytest.raises(DatasetError) as caught:
        folder.load("evaluation", height=8, width=8)
    assert r"M\xfcller_003.png: can't be read as an image" in str(caught.value)
    assert str(caught.value).encode()


def damaged(path, how):
    whole = path.read_bytes()
    if how == "a damaged chunk":
        at = whole.index(b"IDAT")
        path.write_bytes(whole[: at - 4] + b"\xff\xff\xff\xff" + whole[at : at + 4] + b"\0" * 40 + whole[at + 44 :])
    elif how == "half a header":
        path.write_bytes(whole[:20])
    elif how == "a cut JPEG":
        Image.effect_noise((99, 99), 50).save(path, "JPEG")
        path.write_bytes(path.read_bytes()[:700])
    elif how == "a cut TIFF":
        Image.effect_noise((99, 99), 50).save(path, "TIFF")
        path.write_bytes(path.read_bytes()[:300])
    elif how == "a decompression bomb":
        Image.new("1", (20000, 20000)).save(path)


@pytest.mark.parametrize(
    "how", ["a damaged chunk", "half a header", "a cut JPEG", "a cut TIFF", "a decompression bomb"]
)
def test_one_bad_image_is_an_error_with_its_name(root, how):
    damaged(root / "test" / "SICK" / "person101_0.png", how)

    for use in (Folder.summary, lambda folder: folder.load("evaluation", height=8, width=8)):
        with pytest.raises(DatasetError, match=r"person101_0.png: can't be read as an image: .+\n"):
            use(Folder(str(root)))


def test_chestxray14_as_it_is_distributed_is_sent_to_its_own_kind(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "Data_Entry_2017_v2020.csv").write_text("Image Index,Finding Labels\n")

    with pytest.raises(
        DatasetError, match=r"train: no such folder\n.*ChestX-ray14 as it is distributed.*kind: chestxray14"
    ):
        Folder(str(tmp_path))


def test_a_limit_takes_images_of_every_class_and_decodes_no_other(root, monkeypatch):
    decoded = toys.count_decoding(monkeypatch)
    folder = Folder(str(root))
    folder.load("calibration", height=8, width=8)
    whole, decoded[:] = list(decoded), []

    few = folder.load("evaluation", height=8, width=8, limit=4)

    assert len(decoded) == 4
    assert few.labels.ravel().tolist() == [0, 0, 1, 1]
    decoded.clear()
    folder.load("calibration", height=8, width=8, limit=1)
    assert decoded == whole[:1], "of a shuffled part the first"


def test_spreading_takes_as_many_of_every_group_as_there_are():
    groups = "aaaaaaaaab" + "c" * 90

    rows = spread(groups, 7)

    assert [groups[row] for row in rows] == list("aaabccc")
    assert rows == sorted(set(rows))
    assert spread(groups, 1000) == list(range(100))


def test_a_folder_that_may_not_be_read_and_a_file_that_is_gone_are_named(root, monkeypatch):
    dataset = make_dataset(DatasetSpec(kind="folder", options={"root": str(root)}))
    (root / "test" / "SICK" / "person101_0.png").unlink()
    with pytest.raises(DatasetError, match=r"person101_0\.png: No such file"):
        dataset.fingerprint()

    def refused(self):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "iterdir", refused)  # the tests may run as root, whom no folder refuses
    with pytest.raises(DatasetError, match="train: Permission denied"):
        make_dataset(DatasetSpec(kind="folder", options={"root": str(root)}))


def test_images_are_decoded_side_by_side_in_their_order_and_the_first_bad_one_is_named(tmp_path):
    paths = [tmp_path / f"{number:02d}.png" for number in range(40)]
    for number, path in enumerate(paths):
        write(path, colour=number)
    wanted = {"height": 8, "width": 8, "grey": True, "bits": None}

    pixels = decode_all(paths, **wanted)

    assert pixels[:, 0, 0, 0].tolist() == list(range(40))
    for broken in (30, 11):
        paths[broken].write_bytes(b"no image")
    with pytest.raises(DatasetError, match=r"11\.png"):
        decode_all(paths, **wanted)


# the same image in several class folders, or on both sides


def findings_folders(root, *, link=False):
    """Write ChestX-ray14 as people sort it: a folder for each finding, an image in as many as it has; names of NIH's."""
    random = np.random.default_rng(5)
    for side, patients in (("train", range(1, 43)), ("test", range(43, 71))):
        for name in (*FINDINGS, "No Finding"):
            (root / side / name).mkdir(parents=True, exist_ok=True)
        for patient in patients:
            name = f"{patient:08d}_000.png"
            shown = [FINDINGS[patient % 14], FINDINGS[(patient + 5) % 14]] if patient % 3 else ["No Finding"]
            first = root / side / shown[0] / name
            Image.fromarray(random.integers(0, 255, (24, 24), np.uint8)).save(first)
            for finding in shown[1:]:
                copy = root / side / finding / name
                copy.symlink_to(first) if link else shutil.copy(first, copy)
    return root


def test_an_image_in_two_findings_folders_is_refused_with_both_paths_and_what_to_use_instead(tmp_path):
    folder = Folder(str(findings_folders(tmp_path / "cxr")))

    with pytest.raises(DatasetError) as refused:
        refuse_contradictions(folder)

    words = str(refused.value)
    assert "dataset cxr: 47 images are there with different labels" in words
    assert re.search(r"/(\w+)/(\d{8}_000.png) = \S+/(?!\1/)\w+/\2", words)
    assert "`task: multi-label`" in words
    assert "`kind: csv`" in words


@pytest.mark.parametrize("link", [True, False], ids=["links", "copies"])
def test_as_multi_label_each_image_is_there_once_with_its_findings_in_nihs_order(tmp_path, link):
    folder = Folder(str(findings_folders(tmp_path, link=link)), task="multi-label")

    images = folder.load("evaluation", height=24, width=24)

    refuse_contradictions(folder)
    assert (folder.classes, folder.task) == (FINDINGS, "multi-label")
    assert sorted(images.patients) == [f"{patient:08d}" for patient in range(43, 71)]
    for patient, labels in zip(images.patients, images.labels, strict=True):
        number = int(patient)
        expected = {number % 14, (number + 5) % 14} if number % 3 else set()
        assert set(labels.nonzero()[0].tolist()) == expected


def test_findings_folders_are_columns_in_nihs_order_whatever_the_spelling_and_classes_give_another(tmp_path):
    root = findings_folders(tmp_path)
    for side in ("train", "test"):
        (root / side / "Pleural_Thickening").rename(root / side / "pleural thickening")

    assert Folder(str(root)).classes == (*FINDINGS[:12], "pleural thickening", "Hernia", "No Finding")
    assert Folder(str(root), task="multi-label", classes=["Hernia", "Mass"]).classes == ("Hernia", "Mass")
    with pytest.raises(DatasetError, match=r"classes: .*Atelectasis.* is not among them"):
        Folder(str(root), classes=["Hernia", "Mass"])
    with pytest.raises(DatasetError, match="did you mean 'Hernia'"):
        Folder(str(root), classes=["Herna"])
    with pytest.raises(DatasetError, match="each one once"):
        Folder(str(root), task="multi-label", classes=["Mass", "Mass"])
    with pytest.raises(DatasetError, match="did you mean 'multi-label'"):
        Folder(str(root), task="multilabel")


def test_one_name_with_two_images_is_no_image_of_several_findings(tmp_path):
    root = findings_folders(tmp_path)
    random = np.random.default_rng(0)
    for finding in ("Mass", "Edema"):
        Image.fromarray(random.integers(0, 255, (24, 24), np.uint8)).save(root / "train" / finding / "001.png")

    with pytest.raises(
        DatasetError, match=r"Edema/001.png and \S+Mass/001.png have one name and are different images\n.*csv"
    ):
        Folder(str(root), task="multi-label")


def test_an_image_with_a_finding_and_with_none_is_refused(tmp_path):
    root = findings_folders(tmp_path)
    sick = next((root / "train" / "Mass").iterdir())
    shutil.copy(sick, root / "train" / "No Finding" / sick.name)

    with pytest.raises(DatasetError, match=r"are one image, with a finding and with none"):
        Folder(str(root), task="multi-label")


def test_no_finding_is_never_the_positive_class(root):
    for side in ("train", "test"):
        (root / side / "SICK").rename(root / side / "Edema")
        (root / side / "WELL").rename(root / side / "No Finding")

    assert Folder(str(root)).classes == ("Edema",)


def noise(path, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(number).integers(0, 255, (24, 24), np.uint8)).save(path)


@pytest.fixture
def distinct(tmp_path):
    """Two classes, 16 and 6 patients of one image each, each of another content."""
    for side, patients in (("train", range(16)), ("test", range(20, 26))):
        for patient in patients:
            noise(tmp_path / "cxr" / side / ("ill", "well")[patient % 2] / f"person{patient}_1.png", patient)
    return tmp_path / "cxr"


def test_an_image_on_both_sides_is_refused_by_its_content_until_it_is_left_out_of_training(distinct):
    refuse_leaks(Folder(str(distinct)))
    shutil.copy(distinct / "test" / "ill" / "person20_1.png", distinct / "train" / "ill" / "person99_1.png")

    with pytest.raises(
        DatasetError,
        match=r"1 image is tested as well as trained on: \S+person99_1.png = \S+person20_1.png\n.*leave-out",
    ):
        refuse_leaks(Folder(str(distinct)))
    left_out = Folder(str(distinct), leaks="leave-out")
    refuse_leaks(left_out)
    assert left_out.summary().left_out == {"of the training side, which is tested too": 1}
    assert not any("person99" in file.patient for files in left_out.files.values() for file in files)


def test_a_patient_on_both_sides_is_refused_until_left_out_of_training(distinct):
    noise(distinct / "train" / "ill" / "person20_2.png", 99)

    with pytest.raises(DatasetError, match=r"1 patient is tested as well as trained on: person20\n.*leave-out"):
        refuse_leaks(Folder(str(distinct)))
    refuse_leaks(Folder(str(distinct), leaks="leave-out"))
    with pytest.raises(DatasetError, match="did you mean 'leave-out'"):
        Folder(str(distinct), leaks="leave out")


def test_files_of_one_size_are_told_apart_by_reading_pieces_alone(tmp_path, monkeypatch):
    paths = [tmp_path / f"{number}.bmp" for number in range(6)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number % 5]) * 100_000)
    read = []
    file_digest = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda file, how: read.append(file.name) or file_digest(file, how))

    assert list(same_content(paths, lambda path: path)) == [(paths[0], paths[5])]

    assert len(read) == 2


def test_files_that_differ_between_the_pieces_are_read_whole(tmp_path):
    paths = [tmp_path / f"{number}.bmp" for number in range(2)]
    for number, path in enumerate(paths):
        path.write_bytes(b"x" * 20_000 + bytes([number]) + b"x" * 60_000)

    assert list(same_content(paths, lambda path: path)) == []


# without a training side


def test_a_test_folder_alone_is_an_evaluation_part_alone(distinct):
    shutil.rmtree(distinct / "train")

    folder = Folder(str(distinct))

    assert {part: len(files) for part, files in folder.files.items()} == {
        "train": 0,
        "validation": 0,
        "calibration": 0,
        "evaluation": 6,
    }
    assert folder.load("evaluation", height=8, width=8).labels.sum() == 3
    assert len(folder.load("calibration", height=8, width=8).pixels) == 0
    assert folder.summary().patients == 6
    refuse_leaks(folder)


@pytest.mark.parametrize("beside", ["Train", "training"])
def test_a_training_side_of_another_name_is_not_overlooked(distinct, beside):
    (distinct / "train").rename(distinct / beside)

    with pytest.raises(
        DatasetError, match=rf"train: no such folder, and {beside} beside test/ may be it\n.*call it train/"
    ):
        Folder(str(distinct))
