"""`farm datasets`, as a person looks at a dataset before a run."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import typer
from PIL import Image

from orchestrator.cli.dataset_options import dataset_options
from orchestrator.cli.datasets import check, list_datasets
from orchestrator.datasets.check import on_both_sides
from orchestrator.datasets.labelled_files import LabelledFile
from orchestrator.errors import DatasetError, UsageError


@pytest.fixture
def root(tmp_path):
    """Two classes, 12 and 8 images on the two sides, each of another content."""
    random = np.random.default_rng(1)
    for side, count in (("train", 12), ("test", 8)):
        for label in ("ill", "well"):
            folder = tmp_path / "cxr" / side / label
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = random.integers(0, 255, (10, 12), np.uint8)
                Image.fromarray(pixels).save(folder / f"{side}-{label}-{number}.png")
    return tmp_path / "cxr"


def found(root, capsys, **options):
    """Return (exit status, what was found) as JSON."""
    status = 0
    try:
        check(suite=None, dataset="folder", option=[f"root={root}"], json=True, **options)
    except typer.Exit as exit_:
        status = exit_.exit_code
    return status, json.loads(capsys.readouterr().out)


def test_a_clean_dataset_is_counted_and_exit_status_is_0(root, capsys):
    status, plain = found(root, capsys)

    assert status == 0
    assert plain["sizes"] == [{"width": 12, "height": 10, "images": 40}]
    assert (plain["copies"], plain["on_both_sides"]) == ([], [])
    assert next(part for part in plain["summary"]["parts"] if part["part"] == "evaluation")["by_class"] == {
        "well": 8,
        "ill": 8,
    }


def test_an_image_that_is_tested_and_trained_on_under_another_name_is_found(root, capsys):
    shutil.copy(root / "test" / "ill" / "test-ill-3.png", root / "train" / "ill" / "other.png")

    status, plain = found(root, capsys)

    (leak,) = plain["copies"]
    assert status == 1
    assert leak["leaks"]
    assert leak["same_labels"]
    assert {path.rsplit("/", 1)[1] for path in leak["paths"]} == {"test-ill-3.png", "other.png"}


def test_copies_on_one_side_are_harmless_and_copies_with_other_labels_are_named(root, capsys):
    shutil.copy(root / "test" / "ill" / "test-ill-3.png", root / "test" / "ill" / "again.png")
    shutil.copy(root / "test" / "ill" / "test-ill-4.png", root / "test" / "well" / "odd.png")

    status, plain = found(root, capsys)

    assert status == 1, "a run refuses other labels"
    assert [(each["leaks"], each["same_labels"]) for each in plain["copies"]] == [(False, True), (False, False)]


def test_what_is_wrong_is_followed_by_what_to_do(root, capsys):
    shutil.copy(root / "test" / "ill" / "test-ill-3.png", root / "train" / "ill" / "other.png")
    for number in range(4):
        shutil.copy(root / "test" / "ill" / f"test-ill-{number + 4}.png", root / "test" / "well" / f"odd-{number}.png")

    with pytest.raises(typer.Exit):
        check(suite=None, dataset="folder", option=[f"root={root}"])

    leak, cure, odd, other_cure = capsys.readouterr().out.splitlines()[-4:]
    assert "tested as well as trained on" in leak
    assert "`leaks: leave-out`" in cure
    assert "4 images are there with different labels" in odd
    assert odd.endswith("; …"), "one of four is not named"
    assert "`task: multi-label`" in other_cure


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("separator=|", "|"),
        ("patient=[0-9]+", "[0-9]+"),
        ("labels=[a, b]", ["a", "b"]),
        ('separator=";"', ";"),
        ("test=0.5", 0.5),
    ],
)
def test_an_option_is_read_as_yaml_or_as_it_stands(word, value):
    options = dataset_options("csv", ["path=t.csv", "labels=a", word])

    assert options[word.partition("=")[0]] == value


def test_views_and_pixel_values_are_counted_by_part(root, capsys):
    table = root.parent / "table.csv"
    lines = ["image,sick,side,view"]
    for side in ("train", "test"):
        for number, path in enumerate(sorted((root / side).rglob("*.png"))):
            view = "PA" if side == "train" or number % 4 else "AP"
            lines.append(f"{path.relative_to(root.parent)},{number % 2},{side},{view}")
    table.write_text("\n".join(lines), encoding="utf-8")
    dark = next((root / "test").rglob("*.png"))
    Image.fromarray(np.full((10, 12), 7, np.uint8)).save(dark)
    options = [f"path={table}", "labels=sick", "split=side", "view=view"]

    check(suite=None, dataset="csv", option=options, json=True)
    plain = json.loads(capsys.readouterr().out)
    check(suite=None, dataset="csv", option=options)
    out = capsys.readouterr().out

    assert plain["views"]["evaluation"] == {"AP": 4, "PA": 12}
    assert plain["pixels"]["evaluation"]["images"] == 16
    assert plain["pixels"]["evaluation"]["high"] > 200
    assert "views of evaluation: AP 4 (25.0%), PA 12 (75.0%)" in out
    assert "pixels of up to 32 images a part: train " in out


def test_a_patient_on_both_sides_is_found_though_training_leaves_it_out(root, capsys):
    for side in ("train", "test"):
        path = next((root / side / "ill").iterdir())
        path.rename(path.with_name(f"person7_{side}.png"))

    status, plain = found(root, capsys)

    assert (status, plain["on_both_sides"]) == (1, ["person7"])


def test_the_screen_says_it_in_words(root, capsys):
    shutil.copy(root / "test" / "ill" / "test-ill-3.png", root / "train" / "ill" / "other.png")

    with pytest.raises(typer.Exit):
        check(suite=None, dataset="folder", option=[f"root={root}"])

    out = capsys.readouterr().out
    assert "every image is 12 × 10 pixels" in out
    assert "1 image is tested as well as trained on, under two names" in out
    assert "8 (50.0%)" in out


def test_the_dataset_of_a_suite_is_checked(root, capsys):
    suite = root.parent / "suite.yaml"
    suite.write_text("models: [tiny-cxr]\ndataset: {kind: folder, root: cxr}\n", encoding="utf-8")

    check(suite=suite)

    assert "no patient and no image is tested as well as trained on" in capsys.readouterr().out


def test_images_that_a_program_draws_are_counted_too(capsys):
    check(suite=None, dataset="phantom", option=["patients=40"])

    assert "images" in capsys.readouterr().out


def test_the_contact_sheet_has_a_row_for_each_class_and_one_for_none(root, capsys):
    sheet = root.parent / "sheet.png"

    check(suite=None, dataset="folder", option=[f"root={root}"], sheet=sheet)

    with Image.open(sheet) as image:
        width, height = image.size
        pixels = np.asarray(image.convert("L"))
    assert (width, height) == (6 + 8 * 134, 6 + 2 * (134 + 18))
    assert (pixels < 250).mean() > 0.5, "eight images in each row"
    assert "16 test images" in capsys.readouterr().err


def test_a_sheet_that_can_not_be_written_is_said(root):
    with pytest.raises(UsageError, match="No such file or directory"):
        check(suite=None, dataset="folder", option=[f"root={root}"], sheet=root / "nowhere" / "x.png")


def test_a_damaged_image_is_named(root):
    (root / "test" / "ill" / "test-ill-3.png").write_bytes(b"nothing")

    with pytest.raises(DatasetError, match=r"test-ill-3\.png"):
        check(suite=None, dataset="folder", option=[f"root={root}"])


@pytest.mark.parametrize("options", [{}, {"suite": "x.yaml", "dataset": "phantom"}])
def test_one_of_suite_and_kind_is_named(options):
    with pytest.raises(UsageError, match="name a suite, or a kind with --dataset"):
        check(**{"suite": None, **options})


def test_a_plug_in_that_divides_wrongly_is_found(tmp_path):
    file = LabelledFile(path=tmp_path / "x.png", findings=frozenset(), patient="7")

    assert list(on_both_sides({"evaluation": [file], "train": [file]})) == ["7"]


def test_kinds_are_listed(capsys):
    list_datasets(json=True)

    assert {"phantom", "folder", "chestxray14", "csv"} <= set(json.loads(capsys.readouterr().out))
