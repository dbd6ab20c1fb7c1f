"""``farm models build``: artifacts as files with their recipes, of what was built before."""

from __future__ import annotations

import hashlib
import json

SCHEMES = ("--schemes", "float32,int8")


def test_artifacts_are_files_with_their_recipe_beside_them_and_a_second_time_nothing_changes(project):
    first = project.json("models", "build", "tiny-cxr", *SCHEMES, "--out", "app")
    again = project.json("models", "build", "tiny-cxr", *SCHEMES, "--out", "app")

    folder = project.folder / "app"
    assert sorted(path.name for path in folder.iterdir()) == [
        *("tiny-cxr-float32.json", "tiny-cxr-float32.tflite", "tiny-cxr-int8.json", "tiny-cxr-int8.tflite")
    ]
    assert [each["scheme"] for each in first["artifacts"]] == ["float32", "int8"]
    for each in first["artifacts"]:
        content = (project.folder / each["path"]).read_bytes()
        recipe = json.loads((project.folder / each["recipe"]).read_text(encoding="utf-8"))
        assert hashlib.sha256(content).hexdigest() == each["sha256"] == recipe["sha256"]
        assert recipe["file"] == each["path"].rpartition("/")[2]
        assert {"tensorflow", "keras", "options", "model_sha256"} <= set(recipe["recipe"])
        assert recipe["checks"]["images"] == 16
        assert (recipe["dataset"], len(recipe["dataset_classes"])) == ("phantom", 14)
    assert [each["new"] for each in first["artifacts"]] == [True, True]
    assert [each["new"] for each in again["artifacts"]] == [False, False]
    assert not (project.folder / "farm.db").exists()


def test_the_table_says_where_the_files_are(project):
    done = project.farm("models", "build", "tiny-cxr", *SCHEMES, "--out", "app")

    assert done.returncode == 0, done.stderr
    assert "tiny-cxr-int8.tflite" in done.stdout
    assert "app: each with its recipe" in done.stdout


def test_a_file_with_other_bytes_is_not_overwritten_and_nothing_else_is_written(project):
    (project.folder / "app").mkdir()
    (project.folder / "app" / "tiny-cxr-int8.tflite").write_bytes(b"another")

    done = project.farm("models", "build", "tiny-cxr", *SCHEMES, "--out", "app")

    assert done.returncode == 2
    assert "app/tiny-cxr-int8.tflite: a file with other bytes is there" in done.stderr
    assert [path.read_bytes() for path in (project.folder / "app").iterdir()] == [b"another"]


def test_what_can_not_be_built_is_a_row_with_its_reason_and_the_rest_is_written(project):
    done = project.farm("models", "build", "tiny-cxr", "--schemes", "float32,as-is", "--out", "app")
    unknown = project.farm("models", "build", "tiny")

    assert done.returncode == 1
    assert "as-is takes a ready .tflite file" in done.stdout.replace("\n", " ")
    assert (project.folder / "app" / "tiny-cxr-float32.tflite").exists()
    assert unknown.returncode == 2
    assert "did you mean 'tiny-cxr'?" in unknown.stderr
