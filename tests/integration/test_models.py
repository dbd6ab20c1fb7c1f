"""`farm models` as a person uses it."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from orchestrator.config import suite
from orchestrator.domain.model import Preprocess
from tests.lab.project import Project


@pytest.fixture
def empty(tmp_path):
    (tmp_path / "home").mkdir()
    return Project(folder=tmp_path)


@pytest.mark.tensorflow
@pytest.mark.real_images
def test_a_model_trained_on_real_radiographs_is_built_and_scored_on_all_of_them(empty, xrays):
    trained = empty.process(
        *("models", "train", "tiny-cxr", "--dataset", "folder", "--option", f"root={xrays}"),
        *("--option", r"patient=person\d+|IM-\d+", "--size", "32", "--epochs", "1", "--out", "mine.keras", "--json"),
    )
    said = json.loads(trained.stdout)
    (empty.folder / "suite.yaml").write_text(
        "models:\n  - path: mine.keras\n"
        "    preprocess: {size: 32, channels: 1, scale: 0.00784313725, mean: 1, std: 1}\n"
        "dataset: {kind: folder, root: '${XRAYS}', patient: 'person\\d+|IM-\\d+'}\n"
        "schemes: [float32, int8]\neffort: smoke\n"
    )

    done = empty.process("run", "suite.yaml", XRAYS=str(xrays))

    assert "epoch 1/1" in trained.stderr
    assert done.returncode == 0, done.stderr
    rows = {row["scheme"]: row for row in empty.json("results")}
    assert rows["float32"]["auc_mean"] == pytest.approx(said["auc_mean"], abs=1e-3)
    assert rows["float32"]["model"] == "mine"
    assert not rows["float32"]["synthetic"]
    assert empty.rows("SELECT images, class_count FROM scores") == [(624, 1)] * 2


@pytest.mark.tensorflow
def test_what_training_says_for_a_suite_is_what_the_model_was_trained_with_to_the_last_digit(empty):
    for side, patients in (("train", range(60)), ("test", range(100, 104))):
        for number in patients:
            path = empty.folder / "mine" / side / ("SICK" if number % 2 else "WELL") / f"person{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.effect_noise((16, 16), 10 + number % 2 * 60).save(path)

    done = empty.process(
        *("models", "train", "tiny-cxr", "--dataset", "folder", "--option", "root=mine"),
        *("--size", "16", "--epochs", "1", "--out", "mine.keras", "--curve", "curve.svg"),
    )

    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stderr.splitlines()] == ["loading", "epoch"], "no log of TensorFlow's"
    assert "tiny-cxr on mine" in (empty.folder / "curve.svg").read_text(encoding="utf-8")
    assert (empty.folder / "mine.keras.training.json").is_file()
    path = empty.folder / "suite.yaml"
    path.write_text(done.stdout.partition("for a suite.yaml:")[2] + "dataset: phantom\n")
    (model,) = suite.load(path).models
    assert model.options == {"path": str(empty.folder / "mine.keras")}
    # an int8 zero point lies on a tie there: one float32 step of the scale was seen to move AUC-ROC by 0.006
    assert model.preprocess == Preprocess(height=16, width=16, channels=1, scale=1 / 127.5, mean=(1.0,))


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["train", "tiny", "--out", "m.keras"], "tiny-cxr"),
        (["train", "tiny-cxr", "--out", "m.h5"], ".keras"),
        (["train", "tiny-cxr", "--out", "none/m.keras"], "no folder"),
        (["train", "tiny-cxr", "--out", "m.keras", "--dataset", "foldr"], "folder"),
        (["train", "tiny-cxr", "--out", "m.keras", "--dataset", "folder"], "root"),
        (["train", "tiny-cxr", "--out", "m.keras", "--option", "sed=1"], "seed"),
        (["train", "tiny-cxr", "--out", "m.keras", "--channels", "2"], "1 or 3"),
        (["train", "tiny-cxr", "--out", "m.keras", "--curve", "m.gif"], ".svg or .png"),
        (["train", "tiny-cxr", "--out", "m.keras", "--resume"], "no such checkpoint"),
    ],
)
def test_bad_words_are_answered_without_a_traceback(empty, argv, word):
    done = empty.farm("models", *argv)

    assert done.returncode in (1, 2)
    assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_what_there_is_can_be_listed(empty):
    assert "tiny-cxr" in empty.json("models", "list")["architectures"]
    assert "tiny-cxr" in empty.farm("models", "list").stdout
