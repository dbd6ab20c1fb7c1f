"""What is wrong with models and images is found before anything is built or stored."""

from __future__ import annotations

import shutil

import pytest

from orchestrator.datasets import base
from orchestrator.models.shipped import TinyCxr
from tests.lab import toys
from tests.lab.project import Project

SIZES = "size: 64, channels: 1"


@pytest.fixture
def mine(tmp_path):
    """A project with a model of its own and a folder of images in two classes."""
    (tmp_path / "home").mkdir()
    shutil.copyfile(TinyCxr.weights, tmp_path / "mine.keras")
    (tmp_path / "damaged.keras").write_bytes((tmp_path / "mine.keras").read_bytes()[:500])
    (tmp_path / "models.py").write_text("raise SystemExit('it is imported')\n\n\ndef build():\n    pass\n")
    toys.write(tmp_path / "images")
    return Project(folder=tmp_path)


def suite(model, dataset="phantom"):
    return f"models:\n  - {{{model}}}\ndataset: {dataset}\nschemes: [float32]\neffort: smoke\n"


@pytest.mark.parametrize("words", [(), ("--dry-run",)], ids=["run", "dry-run"])
@pytest.mark.parametrize(
    ("model", "dataset", "message"),
    [
        (f"path: gone.keras, preprocess: {{{SIZES}}}", "phantom", "gone.keras: no such file"),
        (f"path: damaged.keras, preprocess: {{{SIZES}}}", "phantom", "suite.yaml:2: "),
        (
            f"name: m, kind: python, entry: 'models:buidl', preprocess: {{{SIZES}}}",
            "phantom",
            "models.py: no function called 'buidl'; did you mean 'build'?",
        ),
        ("path: mine.keras", "phantom", "the suite does not say what the model expects of an image"),
        (
            "path: mine.keras, preprocess: {size: 32, channels: 1}",
            "phantom",
            "mine.keras: it takes (64, 64, 1), the suite's `preprocess:` gives (32, 32, 1)",
        ),
        (
            "path: mine.keras, preprocess: {size: 64, channels: 3}",
            "phantom",
            "mine.keras: it takes (64, 64, 1), the suite's `preprocess:` gives (64, 64, 3)",
        ),
        (
            f"path: mine.keras, preprocess: {{{SIZES}}}",
            "{kind: folder, root: images}",
            "model mine: it gives 14 scores for an image, the dataset images has 1 class",
        ),
        (
            f"path: mine.keras, preprocess: {{{SIZES}}}, classes: [Edema]",
            "phantom",
            "model mine: it gives 14 scores for an image, `classes:` of model mine has 1 names",
        ),
        (f"path: mine.keras, preprocess: {{{SIZES}}}", "{kind: folder, root: none}", "none"),
    ],
)
def test_what_is_wrong_with_models_and_images_ends_a_run_before_anything_is_built_or_stored(
    mine, words, model, dataset, message
):
    (mine.folder / "suite.yaml").write_text(suite(model, dataset))

    done = mine.farm("run", "suite.yaml", *words)

    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "suite.yaml:2: " in done.stderr or dataset == "{kind: folder, root: none}"
    assert not (mine.folder / "farm.db").exists()
    assert not list((mine.folder / ".farm").glob("recipes/*"))


def test_the_dataset_is_made_once_for_what_a_plan_shows(mine, monkeypatch):
    made, make = [], base.make_dataset
    monkeypatch.setattr(base, "make_dataset", lambda spec: made.append(spec) or make(spec))

    done = mine.farm("run", "--dry-run", "--schemes", "float32", "--effort", "smoke")

    assert done.returncode == 0, done.stderr
    assert len(made) == 1


@pytest.mark.parametrize(("schemes", "status"), [("onnx", 3), ("onnx,float32", 0)])
def test_a_plan_of_skipped_cases_alone_could_not_run(mine, schemes, status):
    done = mine.farm("run", "--dry-run", "--schemes", schemes, "--runtimes", "litert", "--effort", "smoke")

    assert done.returncode == status
    assert "scheme onnx makes .onnx, runtime litert takes .tflite" in done.stderr + done.stdout


@pytest.mark.tensorflow
def test_a_saved_model_of_another_size_is_refused_as_early(mine):
    import keras

    model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(14)])
    model.export(mine.folder / "saved", verbose=False)
    (mine.folder / "suite.yaml").write_text(suite(f"path: saved, preprocess: {{{SIZES}}}"))

    done = mine.farm("run", "suite.yaml", "--dry-run")

    assert done.returncode == 2
    assert "saved: it takes (16, 16, 3), the suite's `preprocess:` gives (64, 64, 1)" in done.stderr
