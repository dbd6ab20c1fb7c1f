"""Images that a table lists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from orchestrator.datasets.csv_table import CsvTable
from orchestrator.errors import DatasetError

IMAGES = 40


@pytest.fixture
def table(tmp_path):
    """Return a way to write a table of 40 images: columns by name with the cell of each number."""
    for number in range(IMAGES):
        Image.fromarray(np.full((8, 8), number, np.uint8)).save(tmp_path / f"{number}.png")

    def write(**columns) -> str:
        columns = {"image": lambda number: f"{number}.png", **columns}
        lines = [",".join(columns)]
        lines += [",".join(str(cell(number)) for cell in columns.values()) for number in range(IMAGES)]
        path = tmp_path / "table.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return str(path)

    return write


def labels_by_image(dataset):
    """Labels of every image by its number, which is its grey."""
    found = {}
    for part in ("train", "validation", "calibration", "evaluation"):
        images = dataset.load(part, height=8, width=8)
        for pixels, labels in zip(images.pixels, images.labels, strict=True):
            found[int(pixels[0, 0, 0])] = tuple(labels.tolist())
    return found


def test_a_column_for_each_finding_is_multi_label(table):
    path = table(Edema=lambda n: n % 2, Mass=lambda n: "" if n % 3 else "1.0")
    dataset = CsvTable(path, labels=["Mass", "Edema"])

    assert (dataset.classes, dataset.task, dataset.name) == (("Mass", "Edema"), "multi-label", "table")
    assert labels_by_image(dataset) == {n: (int(n % 3 == 0), n % 2) for n in range(IMAGES)}


@pytest.mark.parametrize("separator", [";", "\t"], ids=["semicolons", "tabs"])
def test_a_table_of_a_spreadsheet_is_read_as_one_with_commas(table, separator):
    path = Path(table(sick=lambda n: n % 2))
    before = labels_by_image(CsvTable(str(path), labels="sick"))
    text = path.read_text().replace(",", separator).replace("\n", "\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())

    assert labels_by_image(CsvTable(str(path), labels="sick")) == before


def test_one_column_of_zeros_and_ones_is_binary(table):
    dataset = CsvTable(table(sick=lambda n: "yes" if n % 2 else "no"), labels="sick")

    assert (dataset.classes, dataset.task) == (("sick",), "binary")
    assert labels_by_image(dataset)[3] == (1,)


def test_one_word_an_image_is_binary_for_two_words_and_one_of_n_for_more(table):
    two = table(what=lambda n: ("ill", "well")[n % 2])
    binary = CsvTable(two, labels="what", positive="ill")
    assert (binary.classes, binary.task) == (("ill",), "binary")
    assert labels_by_image(binary)[0] == (1,)

    three = CsvTable(table(what=lambda n: "abc"[n % 3]), labels="what", findings=["c", "a", "b"])
    assert (three.classes, three.task) == (("c", "a", "b"), "one-of-n")
    assert labels_by_image(three)[2] == (1, 0, 0)


def test_words_with_a_separator_are_multi_label(table):
    dataset = CsvTable(table(what=lambda n: "a|b" if n % 2 else ""), labels="what", separator="|")

    assert (dataset.classes, dataset.task) == (("a", "b"), "multi-label")
    assert labels_by_image(dataset)[1] == (1, 1)
    assert labels_by_image(dataset)[2] == (0, 0)


def test_the_split_column_says_who_is_tested_and_validation_counts_as_training(table):
    path = table(sick=lambda n: n % 2, side=lambda n: ("train", "Valid", "TEST")[n % 3])

    images = CsvTable(path, labels="sick", split="side").load("evaluation", height=8, width=8)

    assert {int(pixels[0, 0, 0]) % 3 for pixels in images.pixels} == {2}


def test_without_a_split_column_patients_are_dealt_and_none_is_in_two_parts(table):
    path = table(sick=lambda n: n % 2, who=lambda n: f"p{n // 4}")
    dataset = CsvTable(path, labels="sick", patient="who", test=0.3)
    parts = [
        set(dataset.load(part, height=8, width=8).patients)
        for part in ("train", "calibration", "validation", "evaluation")
    ]

    assert len(parts[3]) == 3
    assert sum(map(len, parts)) == len(set().union(*parts)) == IMAGES // 4


def test_uncertain_labels_are_refused_until_the_suite_says_what_they_are(table):
    path = table(sick=lambda n: -1 if n == 5 else n % 2)

    with pytest.raises(DatasetError, match=r"table.csv:7: sick is uncertain \(-1\)\n.*uncertain: positive"):
        CsvTable(path, labels="sick")

    assert labels_by_image(CsvTable(path, labels="sick", uncertain="negative"))[5] == (0,)
    assert labels_by_image(CsvTable(path, labels="sick", uncertain="positive"))[5] == (1,)


def test_images_may_lie_elsewhere_or_be_named_whole(table, tmp_path):
    whole = table(image=lambda n: tmp_path / f"{n}.png", sick=lambda n: n % 2)
    (tmp_path / "lists").mkdir()
    moved = tmp_path / "lists" / "all.csv"
    Path(whole).rename(moved)
    there = CsvTable(str(moved), labels="sick")
    below = CsvTable(table(sick=lambda n: n % 2), labels="sick", root=str(tmp_path))

    assert labels_by_image(there) == labels_by_image(below)
    assert there.fingerprint() != CsvTable(str(moved), labels="sick", seed=1).fingerprint()


@pytest.mark.parametrize(
    ("columns", "options", "words"),
    [
        ({}, {"labels": "sick"}, "table.csv:1: no column called 'sick'"),
        ({"sick": lambda n: n % 2}, {"labels": "sikc"}, "did you mean 'sick'"),
        ({"sick": lambda n: n % 2}, {"labels": ["sick"], "patient": "who"}, "no column called 'who'"),
        ({"sick": lambda n: n}, {"labels": ["sick"]}, "table.csv:4: sick is '2', expected 0 or 1"),
        ({"sick": lambda n: n % 2, "image": lambda n: f"{n}.jpg"}, {"labels": "sick"}, "table.csv:2: no image"),
        (
            {"sick": lambda n: n % 2, "side": lambda _: "left"},
            {"labels": "sick", "split": "side"},
            "side is 'left', expected train or test",
        ),
        ({"what": lambda n: "abc"[n % 3]}, {"labels": "what", "findings": ["d"]}, "no label called 'd'"),
        ({"what": lambda n: "abc"[n % 3]}, {"labels": "what", "positive": "a"}, "`positive:` is for two classes"),
        ({"sick": lambda n: n % 2}, {"labels": ["sick", "sick"]}, "each column once"),
        ({"sick": lambda n: n % 2}, {"labels": "sick", "uncertain": "maybe"}, "no uncertain called 'maybe'"),
        ({"what": lambda _: "a b"}, {"labels": "what", "separator": ""}, "`separator:` is empty"),
        ({"sick": lambda n: n % 2}, {"labels": "sick", "test": 0.0}, "must be a share below 1"),
    ],
    ids=lambda value: ", ".join(map(str, value)) if isinstance(value, dict) else "",
)
def test_what_is_wrong_is_said_with_its_line(table, columns, options, words):
    path = table(**columns)

    with pytest.raises(DatasetError) as refused:
        CsvTable(path, **options)

    assert words in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"image,sick\n", b"\xff\xfe\x00", b"image,sick\n\x00,1\n", None])
def test_a_table_that_is_none_is_refused_with_its_name(tmp_path, content):
    path = tmp_path / "table.csv"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(DatasetError, match=r"table\.csv"):
        CsvTable(str(path), labels="sick")


def add(path, *lines):
    """Add rows to a table."""
    with Path(path).open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
    return path


def test_a_row_that_is_there_twice_counts_once(table):
    path = add(table(sick=lambda n: n % 2), "3.png,1", "./4.png,0")

    dataset = CsvTable(path, labels="sick")

    assert sum(map(len, dataset.files.values())) == IMAGES
    assert dataset.summary().left_out == {"rows that repeat another row": 2}


@pytest.mark.parametrize("row", ["3.png,0,p,train", "3.png,1,q,train", "3.png,1,p,test"])
def test_an_image_with_two_rows_that_differ_is_refused_with_both_lines(table, row):
    path = table(
        sick=lambda n: n % 2, who=lambda n: "p" if n == 3 else f"x{n}", side=lambda n: ("train", "test")[n % 4 == 0]
    )

    with pytest.raises(DatasetError, match=r"table.csv:42: .*3.png is in line 5 too, with other labels"):
        CsvTable(add(path, row), labels="sick", patient="who", split="side")


def test_a_comma_without_quotes_does_not_shift_the_cells_of_a_row(table):
    path = add(table(sick=lambda n: n % 2, note=lambda n: f"note {n}"), "3.png,0,big, round")

    with pytest.raises(DatasetError, match=r"table.csv:42: more cells than the 3 columns"):
        CsvTable(path, labels="sick")


def test_empty_cells_at_the_end_of_a_row_are_no_cells(table):
    path = table(sick=lambda n: f"{n % 2},,")

    assert CsvTable(path, labels="sick").classes == ("sick",)


def test_two_columns_of_one_name_are_refused(table):
    path = Path(table(sick=lambda n: n % 2, other=lambda n: 1 - n % 2))
    path.write_text(path.read_text(encoding="utf-8").replace("other", "sick"), encoding="utf-8")

    with pytest.raises(DatasetError, match="2 columns are called 'sick'"):
        CsvTable(str(path), labels="sick")


@pytest.mark.parametrize("missing", ["", "NaN", "n/a"])
def test_an_image_without_its_one_word_is_refused_with_its_line(table, missing):
    path = table(what=lambda n: missing if n == 3 else ("ill", "well")[n % 2])

    with pytest.raises(DatasetError, match=r"table.csv:5: what is .*, expected a label"):
        CsvTable(path, labels="what")


def test_a_name_that_no_file_can_have_is_refused_in_short(table):
    with pytest.raises(DatasetError, match=r"table.csv:42: no image 'xxx") as refused:
        CsvTable(add(table(sick=lambda n: n % 2), "x" * 5_000 + ",1"), labels="sick")

    assert len(str(refused.value)) < 500


def test_a_label_or_patient_that_is_corrected_in_the_table_makes_another_dataset(table):
    def fingerprint(*, sick=frozenset({3}), patient=0):
        path = table(
            Mass=lambda n: n % 2,
            sick=lambda n: int(n in sick),
            patient=lambda n: patient if n == 0 else n,
            split=lambda n: "test" if n % 4 == 0 else "train",
        )
        return CsvTable(path, labels=["Mass", "sick"], patient="patient", split="split").fingerprint()

    assert fingerprint() == fingerprint()
    assert len({fingerprint(), fingerprint(sick={7}), fingerprint(sick={8}), fingerprint(patient="8")}) == 4
