"""The suites of the examples, planned by `farm run --dry-run` on a few made images."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from orchestrator.datasets.chestxray14 import FINDINGS
from tests.lab import toys
from tests.lab.example_files import chestxray14, keras_file
from tests.lab.project import Project

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path) -> Project:
    """A project beside images in the layouts that the examples take."""
    (tmp_path / "home").mkdir()
    toys.write(tmp_path / "xrays" / "chest_xray")
    chestxray14(tmp_path / "nih")
    return Project(folder=tmp_path)


def planned(project: Project, suite: Path):
    """Return what `farm run --dry-run` answers about an example's suite, with models of the names and size it asks for."""
    copied = Path(shutil.copy(suite, project.folder))
    content = YAML(typ="safe").load(suite)
    outputs = len(FINDINGS) if content["dataset"]["kind"] == "chestxray14" else 1
    for model in content["models"]:
        keras_file(project.folder / model["path"], size=model["preprocess"]["size"], channels=1, outputs=outputs)
    data = {"XRAYS": str(project.folder / "xrays"), "CHESTXRAY14": str(project.folder / "nih")}
    return project.farm("run", copied.name, "--dry-run", "--devices", "local", **data)


@pytest.mark.parametrize(
    ("suite", "models", "images"),
    [
        ("pneumonia/suite.yaml", ("mobilenetv2", "tiny-cxr"), "evaluates 80 images"),
        ("chestxray14/suite.yaml", ("densenet121", "mobilenetv2"), "evaluates 7 images"),
        ("chestxray14/full.yaml", ("densenet121-224", "mobilenetv2-224"), "evaluates 7 images"),
    ],
)
def test_the_suite_of_an_example_plans_every_scheme_of_every_model(project, suite, models, images):
    answer = planned(project, ROOT / "examples" / suite)

    assert answer.returncode == 0, answer.stderr
    assert images in answer.stderr
    for model in models:
        for scheme in ("float32", "dynamic", "float16", "int8-io"):
            assert f"local/{model}/{scheme}/litert" in answer.stdout


def test_the_pneumonia_example_skips_only_what_a_runtime_does_not_take_or_the_device_lacks(project):
    answer = planned(project, ROOT / "examples" / "pneumonia" / "suite.yaml")

    assert "local/mobilenetv2/int16x8/litert-builtin" in answer.stdout
    skipped = [line for line in answer.stdout.splitlines() if line.startswith("skipped")]
    assert "local, 2 cases (keras): scheme keras makes .keras, runtime litert takes" in "\n".join(skipped)
    assert not [line for line in skipped if "float32" in line and "runtime litert " in line]
