"""Outputs are matched to classes by name: where the names are from, and which column is scored for which class."""

from __future__ import annotations

import json
import os
import shutil
import zipfile

import pytest

from orchestrator.config import suite as suites
from orchestrator.domain.model import ModelSpec
from orchestrator.errors import ModelError
from orchestrator.models import class_match, class_names
from orchestrator.models.class_match import ClassMatch
from orchestrator.models.class_names import ClassNames
from tests.agent.device import DATA

CLASSES = ("Edema", "Pleural_Thickening", "Hernia")


def match(names, columns, classes=CLASSES, *, skip=False):
    stated = None if names is None else ClassNames(names=tuple(names), source="labels.txt")
    return class_match.match("m", stated, columns, "cxr", classes, skip=skip)


@pytest.mark.parametrize(
    ("names", "columns", "found"),
    [
        (None, 3, None),
        (CLASSES, 3, None),
        (("hernia", "EDEMA", "pleural thickening"), 3, (1, 2, 0)),
        (("Mass", "Edema", None, "Hernia", "Pleural-Thickening"), 5, (1, 4, 3)),
        (("Edema", "Pleural_Thickening", "Hernia", "Mass"), 4, (0, 1, 2)),
    ],
)
def test_columns_are_found_by_name_whatever_their_order_case_and_number(names, columns, found):
    assert match(names, columns) == ClassMatch(scored=(0, 1, 2), columns=found)


def test_classes_that_a_model_lacks_are_refused_by_name_or_left_out():
    names = ("Hernia", "Edema", "Pleura_Thickening")

    with pytest.raises(ModelError) as refused:
        match(names, 3)

    assert "lacks 1 class of the dataset cxr: Pleural_Thickening; labels.txt has Hernia, Edema" in str(refused.value)
    assert "'Pleura_Thickening' for 'Pleural_Thickening'" in str(refused.value.hint)
    assert "absent: skip" in str(refused.value.hint)
    assert match(names, 3, skip=True) == ClassMatch(scored=(0, 2), columns=(1, 0))
    with pytest.raises(ModelError, match="lacks every class"):
        match(("Mass",), 1, skip=True)


def test_without_names_numbers_must_be_equal_and_names_must_be_as_many_as_columns():
    with pytest.raises(ModelError, match="gives 5 scores for an image, the dataset cxr has 3 classes"):
        match(None, 5)
    with pytest.raises(ModelError, match=r"gives 1 score for an image, labels\.txt has 3 names"):
        match(CLASSES, 1)


@pytest.mark.parametrize(
    ("names", "columns", "found"),
    [
        (("normal", "sick"), 2, (1,)),
        (("sick", "normal"), 2, (0,)),
        (("normal", "sick"), 1, None),
        (("sick",), 1, None),
        (None, 2, None),
    ],
)
def test_a_binary_class_is_found_in_either_of_two_columns(names, columns, found):
    assert match(names, columns, ("Sick",)) == ClassMatch(scored=(0,), columns=found)


def test_one_score_of_two_names_is_that_of_the_second():
    with pytest.raises(ModelError, match="lacks every class"):
        match(("sick", "normal"), 1, ("sick",))


def spec(path, classes=None):
    return ModelSpec(name="m", kind="keras", options={"path": str(path)}, classes=classes)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("classes.txt", "Edema\nHernia\n"),
        ("labels.txt", "0 Edema\n1 Hernia\n\n"),
        ("m.labels.txt", "\ufeffEdema\r\nHernia"),
        ("m.keras.classes.json", '["Edema", "Hernia"]'),
        ("labels.json", '{"1": "Hernia", "0": "Edema"}'),
        ("classes.json", '{"classes": {"Edema": 0, "Hernia": 1}}'),
    ],
)
def test_names_are_read_from_a_file_beside_the_model(tmp_path, name, content):
    (tmp_path / name).write_text(content)

    assert class_names.stated(spec(tmp_path / "m.keras")).names == ("Edema", "Hernia")


def test_the_suite_wins_over_the_models_own_file_and_that_over_the_folders(tmp_path):
    (tmp_path / "labels.txt").write_text("a\nb")
    (tmp_path / "m.classes.txt").write_text("c\nd")

    found = [class_names.stated(spec(tmp_path / "m.keras", classes)).names for classes in (("e", None), None)]

    assert found == [("e", None), ("c", "d")]
    assert class_names.stated(spec(tmp_path / "other.h5")).names == ("a", "b")


def test_labels_in_the_metadata_of_a_tflite_are_read(tmp_path):
    path = tmp_path / "model.tflite"
    shutil.copy(DATA / "float32.tflite", path)
    before = class_names.stated(spec(path))
    with zipfile.ZipFile(path, "a") as archive:  # as the TFLite Metadata Writer packs them
        archive.writestr("labels.txt", "red\ngreen\nblue\n")

    after = class_names.stated(spec(path))

    assert before is None
    assert after.names == ("red", "green", "blue")
    assert after.source == f"labels.txt in {path}"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("classes.txt", b"a\nA\n", "'a' and 'A' are the same name"),
        ("classes.txt", b"\xff\xfe", "no list of class names"),
        ("classes.txt", b"", "0 class names"),
        ("classes.txt", b"a\n\x1b[31m\n", "no class name"),
        ("labels.json", b'{"a": 1, "b": 2}', "numbers are not 0, 1, 2"),
        ("labels.json", b'{"a": [], "b": {}}', "labels.json"),
        ("labels.json", b"[1, 2]", "a list of texts"),
        ("labels.json", b"[" * 100_000, "no list of class names"),
        ("labels.json", b"x" * (1 << 21), "larger than"),
    ],
)
def test_a_file_that_names_nothing_is_refused_with_its_name(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(ModelError, match=words) as refused:
        class_names.stated(spec(tmp_path / "m.keras"))

    assert name in str(refused.value)


def test_a_suite_names_the_outputs_of_any_model_and_is_stored_with_them(tmp_path):
    shutil.copy(DATA / "float32.tflite", tmp_path / "m.tflite")
    (tmp_path / "suite.yaml").write_text(
        "dataset: phantom\nmodels:\n  - {path: m.tflite, preprocess: {}, classes: [red, null, blue], absent: skip}\n"
    )

    suite = suites.load(tmp_path / "suite.yaml")

    assert (suite.models[0].classes, suite.models[0].absent) == (("red", None, "blue"), "skip")
    assert type(suite).from_json(json.loads(json.dumps(suite.to_json()))) == suite


def test_damaged_labels_inside_a_model_are_none(tmp_path):
    path = tmp_path / "m.tflite"
    for packing in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with zipfile.ZipFile(path, "w", packing) as archive:
            archive.writestr("labels.txt", "\n".join(map(str, range(500))))
        content = bytearray(path.read_bytes())
        for place in range(40, 400, 3):
            content[place] ^= 0xFF
            path.write_bytes(content)

            names = class_names.stated(ModelSpec(name="m", kind="tflite", options={"path": str(path)}))

            assert names is None or len(names.names) == 500
            content[place] ^= 0xFF


def test_a_pipe_beside_a_model_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "classes.txt")

    assert class_names.stated(ModelSpec(name="m", kind="keras", options={"path": str(tmp_path / "m.h5")})) is None


def test_a_model_in_the_current_folder_may_have_its_names_there(tmp_path, monkeypatch):
    (tmp_path / "classes.txt").write_text("a\nb\n")
    monkeypatch.chdir(tmp_path)

    names = class_names.stated(ModelSpec(name="m", kind="keras", options={"path": "."}))

    assert names is not None
    assert names.names == ("a", "b")


def test_a_number_that_two_names_have_is_refused(tmp_path):
    (tmp_path / "classes.json").write_text('{"0": "a", "00": "b", "1": "c"}')

    with pytest.raises(ModelError, match="a number is there twice"):
        class_names.stated(ModelSpec(name="m", kind="keras", options={"path": str(tmp_path / "m.h5")}))
