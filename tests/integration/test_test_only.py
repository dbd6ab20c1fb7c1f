"""A folder of test images alone, as people have it who got a model from somewhere."""

from __future__ import annotations

import json
import shutil

import pytest

from orchestrator.datasets.folder import Folder
from orchestrator.models.training_record import TrainingRecord
from tests.lab import toys

SUITE = """models:
  - path: mine.keras
    preprocess: {size: 64, channels: 1}
dataset: {root: tested}
schemes: [float32, int8]
effort: smoke
"""


@pytest.mark.tensorflow
def test_a_test_folder_alone_is_scored_in_float_int8_waits_for_calibration_images_and_what_was_trained_on_is_refused(
    project,
):
    toys.write(project.folder / "whole")
    shutil.copytree(project.folder / "whole" / "test", project.folder / "tested" / "test")
    toys.model().save(project.folder / "mine.keras")
    suite = project.folder / "suite.yaml"

    suite.write_text(SUITE, encoding="utf-8")
    planned = project.farm("run", "suite.yaml", "--dry-run")
    alone = project.farm("run", "suite.yaml", "--json")
    suite.write_text(SUITE + "calibration: {root: whole}\n", encoding="utf-8")
    calibrated = project.farm("run", "suite.yaml", "--json")
    tested = Folder(str(project.folder / "tested"))
    seen = tested.load("evaluation", height=64, width=64).rows(range(3))
    TrainingRecord.of(tested, [seen]).write(project.folder / "mine.keras")
    refused = project.farm("run", "suite.yaml")

    (skipped,) = [line for line in planned.stdout.splitlines() if line.startswith("skipped")]
    assert "int8" in skipped
    assert "no calibration images: tested has a test part alone; `calibration: {kind: folder, root: …}`" in skipped
    for done, schemes in ((alone, {"float32"}), (calibrated, {"float32", "int8"})):
        rows = [row for row in json.loads(done.stdout) if row.get("p50_ns") or row.get("auc_mean")]
        assert {row["scheme"] for row in rows} == schemes, done.stderr
        assert all(row["auc_mean"] == pytest.approx(toys.AUC, abs=0.013) for row in rows)
    assert refused.returncode == 2
    assert "model mine was trained (on tested) on 3 of the 80 test patients of tested" in refused.stderr
