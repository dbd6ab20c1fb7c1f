"""The suites of the examples, planned by `farm run --dry-run` on a few made images."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML

from orchestrator.datasets.chestxray14 import FINDINGS
from tests.lab import toys
from tests.lab.project import Project

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "orchestrator" / "models" / "weights" / "tiny-cxr.keras"


def chestxray14(folder: Path) -> None:
    """Write 42 patients with an image each: the findings in turn, every sixth patient is tested."""
    (folder / "images").mkdir(parents=True)
    rows, lists = ["Image Index,Finding Labels,Patient ID"], {"train_val_list.txt": [], "test_list.txt": []}
    for patient in range(42):
        name = f"{patient:08d}_000.png"
        Image.fromarray(np.full((8, 8), patient, np.uint8)).save(folder / "images" / name)
        rows.append(f"{name},{FINDINGS[patient % 14]},{patient}")
        lists["train_val_list.txt" if patient % 6 else "test_list.txt"].append(name)
    (folder / "Data_Entry_2017_v2020.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    for name, images in lists.items():
        (folder / name).write_text("\n".join(images) + "\n", encoding="utf-8")


def keras_file(path: Path, size: int, outputs: int) -> None:
    """Write the shipped network for images of ``size`` pixels and another number of findings; a plan reads no weights."""
    with zipfile.ZipFile(SHIPPED) as shipped, zipfile.ZipFile(path, "w") as written:
        for name in shipped.namelist():
            content = shipped.read(name)
            if name == "config.json":
                content = content.replace(b"[null, 64, 64, 1]", f"[null, {size}, {size}, 1]".encode())
                content = content.replace(b'"units": 14', f'"units": {outputs}'.encode())
            written.writestr(name, content)


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
        keras_file(project.folder / model["path"], model["preprocess"]["size"], outputs)
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
