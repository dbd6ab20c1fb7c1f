"""ChestX-ray14 in the layout of its distribution, in small."""

from __future__ import annotations

import gzip
import os
import shutil
import time
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from orchestrator.datasets.base import make_dataset
from orchestrator.datasets.chestxray14 import ChestXray14
from orchestrator.datasets.labelled_files import LabelledFile, LabelledFiles, by_patient
from orchestrator.datasets.leaks import refuse_leaks
from orchestrator.datasets.nih_names import FINDINGS
from orchestrator.domain.model import DatasetSpec
from orchestrator.errors import DatasetError
from tests.lab import toys

HEADER = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"
PATIENTS, EACH = 40, 2
TABLE = "Data_Entry_2017_v2020.csv"


def rows():
    """(image, findings, patient): finding k for patients k, k + 14, …; every fifth patient has none."""
    for patient in range(1, PATIENTS + 1):
        for number in range(EACH):
            first = FINDINGS[patient % 14]
            labels = (
                "No Finding" if patient % 5 == 0 else first if number else f"{first}|{FINDINGS[(patient + 1) % 14]}"
            )
            yield f"{patient:08d}_{number:03d}.png", labels, patient


@pytest.fixture
def root(tmp_path) -> Path:
    """The distributed layout: two image folders, the label file, the two lists; every seventh file is RGBA."""
    folder = tmp_path / "nih"
    lines, lists = [HEADER], {"train_val_list.txt": [], "test_list.txt": []}
    for place, (image, labels, patient) in enumerate(rows()):
        inside = folder / f"images_{1 + place % 2:03d}" / "images"
        inside.mkdir(parents=True, exist_ok=True)
        grey = Image.fromarray(np.full((8, 8), patient, np.uint8))
        (grey.convert("RGBA") if place % 7 == 0 else grey).save(inside / image)
        lines.append(f"{image},{labels},0,{patient},60,M,PA")
        lists["test_list.txt" if patient % 4 == 0 else "train_val_list.txt"].append(image)
    (folder / TABLE).write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, images in lists.items():
        (folder / name).write_text("\n".join(images) + "\n", encoding="utf-8")
    return folder


def patients(dataset, part):
    return set(dataset.load(part, height=8, width=8).patients)


def test_the_findings_are_columns_in_the_standard_order_several_in_an_image(root):
    dataset = ChestXray14(str(root))
    images = dataset.load("evaluation", height=8, width=8)

    assert dataset.classes == FINDINGS
    assert (dataset.task, dataset.synthetic) == ("multi-label", False)
    assert images.pixels.shape == (PATIENTS // 4 * EACH, 8, 8, 1)
    for pixels, labels, patient in zip(images.pixels, images.labels, images.patients, strict=True):
        number = int(patient)
        assert set(pixels.ravel().tolist()) == {number}, "also where the file is RGBA"
        assert labels.any() == (number % 5 != 0)
        assert number % 5 == 0 or labels[number % 14]


def test_the_official_split_is_kept_and_no_patient_is_in_two_parts(root):
    dataset = ChestXray14(str(root))
    parts = {part: patients(dataset, part) for part in ("train", "validation", "calibration", "evaluation")}

    assert parts["evaluation"] == {str(number) for number in range(4, PATIENTS + 1, 4)}
    assert sum(map(len, parts.values())) == len(set().union(*parts.values())) == PATIENTS


def test_a_split_by_patient_needs_no_lists_and_is_another_for_another_seed(root):
    for name in ("train_val_list.txt", "test_list.txt"):
        (root / name).unlink()

    one, same, other = (ChestXray14(str(root), split="patient", seed=seed) for seed in (0, 0, 1))

    assert len(patients(one, "evaluation")) == PATIENTS * 0.2
    assert patients(one, "evaluation") == patients(same, "evaluation") != patients(other, "evaluation")
    assert not patients(one, "evaluation") & patients(one, "train")
    assert one.fingerprint() == same.fingerprint() != other.fingerprint()


def test_a_patient_on_both_sides_of_a_list_is_tested_and_nothing_else(root):
    listed = root / "train_val_list.txt"
    images = listed.read_text(encoding="utf-8").split()
    (root / "test_list.txt").write_text("00000001_000.png\n", encoding="utf-8")
    listed.write_text("\n".join(image for image in images if image != "00000001_000.png"), encoding="utf-8")

    dataset = ChestXray14(str(root))

    assert "1" not in patients(dataset, "train") | patients(dataset, "validation") | patients(dataset, "calibration")
    assert dataset.summary().left_out["of the training side, whose patient is tested too"] == 1


def test_findings_may_be_chosen_in_the_order_of_the_models_outputs(root):
    dataset = make_dataset(DatasetSpec(kind="chestxray14", options={"root": str(root), "findings": ["Hernia", "Mass"]}))
    images = dataset.load("evaluation", height=8, width=8)

    assert dataset.classes == ("Hernia", "Mass")
    assert images.labels.shape[1] == 2
    hernia = FINDINGS.index("Hernia")
    assert all(
        labels[0]
        for labels, patient in zip(images.labels, images.patients, strict=True)
        if int(patient) % 14 == hernia and int(patient) % 5
    )


def test_images_directly_in_one_folder_are_found_too(root):
    (root / "images").mkdir()
    for path in root.glob("images_*/images/*.png"):
        path.rename(root / "images" / path.name)

    assert len(ChestXray14(str(root)).load("evaluation", height=8, width=8).pixels) == PATIENTS // 4 * EACH


def test_missing_images_are_refused_by_count_and_name_or_skipped_and_counted(root):
    for number in (1, 2, 3, 5):
        next(root.glob(f"images_*/images/{number:08d}_001.png")).unlink()

    with pytest.raises(
        DatasetError, match=r"4 of 80 images are missing: 00000001_001.png, 00000002_001.png, 00000003_001.png, …"
    ):
        ChestXray14(str(root))
    summary = ChestXray14(str(root), missing="skip").summary()

    assert summary.left_out == {"in the label file, not in the folder": 4}
    assert sum(part.images for part in summary.parts) == 76


def test_the_summary_counts_findings_of_each_part(root):
    summary = ChestXray14(str(root)).summary()
    evaluation = next(part for part in summary.parts if part.part == "evaluation")

    expected = Counter()
    for _, labels, patient in rows():
        if patient % 4 == 0:
            expected.update(labels.split("|"))
    assert {name: count for name, count in evaluation.by_class.items() if count} == expected
    assert summary.patients == PATIENTS
    assert {"L", "RGBA"} >= set(summary.modes)


def test_a_few_images_stand_for_all_findings_and_no_other_is_decoded(root, monkeypatch):
    decoded = toys.count_decoding(monkeypatch)
    images = ChestXray14(str(root)).load("train", height=8, width=8, limit=20)

    assert len(images.pixels) == len(decoded) == 20
    assert images.labels.any(axis=0).sum() >= 12


def change(root, how):  # noqa: C901, PLR0912  a table of faults
    table, tests = root / TABLE, root / "test_list.txt"
    text = table.read_text(encoding="utf-8")
    match how:
        case "no root":
            shutil.rmtree(root)
        case "no table":
            table.unlink()
        case "two tables":
            shutil.copy(table, root / "Data_Entry_2017.csv")
        case "no column":
            table.write_text(text.replace("Patient ID", "Subject"), encoding="utf-8")
        case "odd finding":
            table.write_text(text.replace(",Effusion,", ",Efusion,", 1), encoding="utf-8")
        case "contradiction":
            table.write_text(text.replace(",Effusion,", ",No Finding|Effusion,", 1), encoding="utf-8")
        case "shifted":
            table.write_text(text.replace(",Effusion,0,", ",Effusion,Mass,0,", 1), encoding="utf-8")
        case "another patient":
            table.write_text(text.replace(",Effusion,0,2,", ",Effusion,0,3,", 1), encoding="utf-8")
        case "not text":
            table.write_bytes(b"\xff\xfe\x00\x00")
        case "no list":
            tests.unlink()
        case "no tests":
            tests.write_text("", encoding="utf-8")
        case "both lists":
            tests.write_text("00000001_000.png\n", encoding="utf-8")
        case "no images":
            for folder in root.glob("images_*"):
                shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("how", "options", "words"),
    [
        ("no root", {}, "no such folder"),
        ("no table", {}, "no Data_Entry_2017*.csv in it"),
        ("two tables", {}, "more than one label file"),
        ("no column", {}, "Data_Entry_2017_v2020.csv:1: no column called 'Patient ID'"),
        ("odd finding", {}, "did you mean 'Effusion'"),
        ("contradiction", {}, "'No Finding' beside 'Effusion'"),
        ("shifted", {}, "Data_Entry_2017_v2020.csv:5: more cells than the 7 columns"),
        (
            "another patient",
            {},
            "Data_Entry_2017_v2020.csv:5: 00000002_001.png is of patient 00000002, the row has '3'",
        ),
        ("not text", {}, "Data_Entry_2017_v2020.csv:1: can't be read: not UTF-8 at byte 0"),
        ("no list", {}, "test_list.txt: No such file"),
        ("no tests", {}, "no image of test_list.txt is here"),
        ("both lists", {}, "00000001_000.png is in train_val_list.txt as well as in test_list.txt"),
        ("no images", {}, "none of the 80 images"),
        ("", {"split": "offical"}, "did you mean 'official'"),
        ("", {"missing": "ignore"}, "refuse or skip"),
        ("", {"findings": ["Herna"]}, "did you mean 'Hernia'"),
        ("", {"findings": ["Mass", "Mass"]}, "the same one twice"),
        ("", {"test": 1.0}, "must be a share below 1"),
        ("", {"validation": 0.9, "calibration": 0.2}, "must be shares below 1"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said_with_the_file(root, how, options, words):
    change(root, how)

    with pytest.raises(DatasetError) as refused:
        ChestXray14(str(root), **options)

    assert words in str(refused.value)


@pytest.mark.real_images
def test_the_official_label_file_and_split_with_the_images_at_hand(tmp_path):
    data = Path(os.environ.get("FARM_TEST_DATA", "")) / "chestxray14-sample"
    if not data.is_dir():
        pytest.skip("no real radiographs here: FARM_TEST_DATA names no folder with chestxray14-sample/")
    with zipfile.ZipFile(data / "images.zip") as archive:
        archive.extractall(tmp_path)
    for packed, name in (
        ("full_Data_Entry_2017_v2020.csv.gz", TABLE),
        ("full_train_val_list.txt.gz", "train_val_list.txt"),
        ("full_test_list.txt.gz", "test_list.txt"),
    ):
        (tmp_path / name).write_bytes(gzip.decompress((data / packed).read_bytes()))

    dataset = ChestXray14(str(tmp_path), missing="skip")
    images = dataset.load("evaluation", height=32, width=32)

    assert len(images.pixels) == 54
    assert dataset.summary().left_out["in the label file, not in the folder"] == 112_120 - 400
    assert len(set(images.patients)) == 54


def test_an_image_that_is_listed_twice_counts_once_and_contradictions_are_refused(root):
    table = root / TABLE
    lines = table.read_text(encoding="utf-8").splitlines()

    table.write_text("\n".join([*lines, lines[1]]) + "\n", encoding="utf-8")
    assert sum(map(len, ChestXray14(str(root)).files.values())) == PATIENTS * EACH

    other = lines[1].replace(lines[1].split(",")[1], "Hernia")
    table.write_text("\n".join([*lines, other]) + "\n", encoding="utf-8")
    with pytest.raises(
        DatasetError, match=r"_v2020.csv:82: 00000001_000.png has two rows that differ: this one and line 2"
    ):
        ChestXray14(str(root))


@pytest.mark.parametrize("year", ["Data_Entry_2017.csv", "Data_Entry_2017_v2020.csv"])
def test_both_label_files_are_read_as_spreadsheets_save_them(root, year):
    table = root / TABLE
    lines = table.read_text(encoding="utf-8").splitlines()
    header = HEADER.replace("Patient Gender", "Patient Sex" if "v2020" in year else "Patient Gender")
    table.unlink()
    end = "," if year == "Data_Entry_2017.csv" else ""
    wide = [f"{header},OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]{end}"]
    wide += [f"{line},2682,2749,0.143,0.143{end}" for line in lines[1:]]
    (root / year).write_bytes("\ufeff".encode() + "\r\n".join(wide).encode() + b"\r\n")

    dataset = ChestXray14(str(root))

    assert dataset.summary().patients == PATIENTS
    assert {file.view for file in dataset.files["evaluation"]} == {"PA"}


def test_test_images_alone_are_an_evaluation_part_alone(root):
    tested = set((root / "test_list.txt").read_text(encoding="utf-8").split())
    for path in root.glob("images_*/images/*.png"):
        if path.name not in tested:
            path.unlink()

    parts = ChestXray14(str(root), missing="skip").files

    assert (len(parts["evaluation"]), len(parts["calibration"])) == (PATIENTS // 4 * EACH, 0)


def test_patients_of_the_official_lists_on_both_sides_are_refused_in_a_run(root):
    listed = root / "train_val_list.txt"
    images = listed.read_text(encoding="utf-8").split()
    (root / "test_list.txt").write_text("00000001_000.png\n", encoding="utf-8")
    listed.write_text("\n".join(image for image in images if image != "00000001_000.png"), encoding="utf-8")

    with pytest.raises(DatasetError, match="1 patient is tested as well as trained on: 1\n"):
        refuse_leaks(ChestXray14(str(root)))
    refuse_leaks(ChestXray14(str(root), leaks="leave-out"))


def test_a_byte_order_mark_of_a_list_hides_no_image(root):
    path = root / "train_val_list.txt"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())

    assert not ChestXray14(str(root)).summary().left_out


class Listed(LabelledFiles):
    """Images that nothing reads."""

    name, task, classes = "listed", "multi-label", ("Mass",)

    def __init__(self, count):
        super().__init__(Path("nowhere"), grey=True, bits=None)
        files = [
            LabelledFile(path=Path(str(number)), findings=frozenset({"Mass"}), patient=str(number // 2))
            for number in range(count)
        ]
        self.divide(*by_patient(files, 0.2, 0), self.shares(0.1, 0.05, 0), ())


def test_as_many_rows_as_the_whole_set_has_are_divided_in_seconds():
    begin = time.process_time()  # other programs don't count

    divided = Listed(112_120)

    assert time.process_time() - begin < 8
    assert sum(map(len, divided.files.values())) == 112_120
