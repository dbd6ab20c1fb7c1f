"""`farm bench` from files of models to the sentence that says which to deploy."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from PIL import Image

from tests.lab.project import Project

DATA = Path(__file__).parent.parent / "data"


def test_two_files_on_labelled_images_are_stored_compared_and_written_as_a_suite(tmp_path):
    project = Project(folder=tmp_path / "project")
    (project.folder / "home").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, colour in (("a", 0), ("b", 1), ("c", 2)):
        folder = project.folder / "images" / "test" / name
        folder.mkdir(parents=True)
        for number in range(4):
            pixels = rng.integers(0, 120, (8, 8, 3), np.uint8)
            pixels[..., colour] += 100
            Image.fromarray(pixels).save(folder / f"{name}{number}.png")
    for name in ("float32", "int8"):
        shutil.copy(DATA / f"{name}.tflite", project.folder / f"model-{name}.tflite")
    files = "model-float32.tflite", "model-int8.tflite"

    asked = project.farm("bench", *files, "--images", "images")
    done = project.process(
        "bench", *files, "--images", "images", "--preprocess", "0..1", "--effort", "smoke", "--suite-out", "suite.yaml"
    )

    assert asked.returncode == 2
    assert "--preprocess imagenet" in asked.stderr
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the same as a suite: farm run suite.yaml" in done.stderr
    assert "latency: against model-float32" in done.stdout
    assert done.stdout.rstrip().endswith(
        "effort smoke shows that the files work on local, not what to deploy: --effort standard decides"
    )
    rows = project.json("results", "list", "--run", "latest")
    assert [row["case"].split("/")[1] for row in rows] == ["model-float32", "model-int8"]
    assert all(row["auc_mean"] is not None for row in rows)
    plan = project.farm("run", "suite.yaml", "--dry-run")
    assert plan.returncode == 0, plan.stderr
    assert "local/model-int8/as-is/litert/t1/b1" in plan.stdout
