"""A model whose columns are in another order than the dataset's classes, scored on a device."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from agent import scoring
from orchestrator.analysis import auc
from orchestrator.datasets.folder import Folder
from orchestrator.domain.model import Preprocess
from orchestrator.models.kernels import BY_FORMAT
from tests.agent.device import DATA

COLOURS = ("blue", "green", "red")
HOW = Preprocess(height=8, width=8, channels=3)


@pytest.fixture
def root(tmp_path):
    rng = np.random.default_rng(1)
    for side, count in (("train", 4), ("test", 12)):
        for place, colour in enumerate(COLOURS):
            folder = tmp_path / "images" / side / colour
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 200, (8, 8, 3)) * rng.random(3)
                pixels[..., 2 - place] += 30
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{side}_{colour}_{number}.png")
    return tmp_path / "images"


def write_suite(project, root, models):
    (project.folder / "suite.yaml").write_text(
        f"effort: smoke\ndataset: {{kind: folder, root: {root}, grey: false}}\nmodels:\n"
        + "".join(
            f"  - {{name: {name}, path: {DATA / 'float32.tflite'}, preprocess: {{}}{more}}}\n"
            for name, more in models.items()
        )
    )


@pytest.mark.parametrize(
    ("model", "classes", "words"),
    [
        ("lacking", "[green, violet, red]", "lacks 1 class of the dataset images: blue"),
        (
            "too-many",
            "[red, green, blue, violet]",
            "it gives 3 scores for an image, `classes:` of model too-many has 4 names",
        ),
    ],
)
def test_a_model_that_does_not_match_is_refused_before_anything_is_built(project, root, model, classes, words):
    write_suite(project, root, {"by-place": "", model: f", classes: {classes}"})

    done = project.farm("run", "suite.yaml")

    assert done.returncode == 2
    assert words in done.stderr.replace("\n", " ")


def test_columns_are_scored_by_their_names_and_stored_in_the_order_of_the_dataset(project, root):
    models = {
        "by-place": "",
        "turned": ", classes: [Red, blue, GREEN]",
        "two": ", classes: [green, violet, red], absent: skip",
    }
    write_suite(project, root, models)
    part = Folder(str(root), grey=False).load("evaluation", height=8, width=8)
    scores = scoring.scores(
        BY_FORMAT["tflite"].usual(str(DATA / "float32.tflite")), part.pixels, HOW, batch=1, classes=3
    )

    done = project.process("run", "suite.yaml")

    assert done.returncode == 0, done.stderr
    rows = {row["model"]: row for row in json.loads(project.farm("results", "list", "--json").stdout)}
    for model, columns, labels in (
        ("by-place", [0, 1, 2], [0, 1, 2]),
        ("turned", [1, 2, 0], [0, 1, 2]),
        ("two", [0, 2], [1, 2]),
    ):
        right = auc.auc_per_class(part.labels[:, labels], scores[:, columns])
        assert rows[model]["auc_mean"] == pytest.approx(auc.mean_auc(right)), model
    shown = json.loads(project.farm("results", "accuracy", rows["two"]["case"], "--json").stdout)
    assert "blue" not in json.dumps(shown)
