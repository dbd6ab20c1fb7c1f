"""The plug-in in examples/plugin, installed as its README says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.lab.project import Project

EXAMPLE = Path(__file__).parents[2] / "examples" / "plugin"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The package, built and installed without a network into a folder of its own."""
    folder = tmp_path_factory.mktemp("plugin")
    copy = shutil.copytree(EXAMPLE, folder / "my-plugin")
    where = ["--target", folder / "site", "--no-deps", "--no-index", "--no-build-isolation", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *where, copy], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder / "site"


@pytest.fixture
def project(site, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(site)
    random = np.random.default_rng(0)
    for number in range(60):
        folder = tmp_path / "CXR_png"
        folder.mkdir(exist_ok=True)
        pixels = random.integers(0, 256, (64, 64), np.uint8)
        Image.fromarray(pixels).save(folder / f"MCUCXR_{number:04d}_{number % 2}.png")
    (tmp_path / "home").mkdir()
    (tmp_path / "inventory.yaml").write_text("devices:\n  local: {transport: local}\n")
    return Project(folder=tmp_path)


def test_its_dataset_is_25_lines_and_is_listed_and_checked(project):
    lines = (EXAMPLE / "farm_tuberculosis" / "dataset.py").read_text().splitlines()

    listed = project.farm("datasets", "list")
    checked = project.json("datasets", "check", "--dataset", "tuberculosis", "--option", "root=CXR_png")

    assert len([line for line in lines if line.strip()]) <= 25
    assert "tuberculosis" in listed.stdout.split()
    parts = {part["part"]: part for part in checked["summary"]["parts"]}
    assert parts["evaluation"]["images"] == 18
    assert sum(part["images"] for part in parts.values()) == 60
    assert sum(part["by_class"]["Tuberculosis"] for part in parts.values()) == 30


def test_its_suite_plans_its_scheme_with_and_without_an_option(project, site):
    done = project.process("run", str(EXAMPLE / "few-images.yaml"), "--dry-run", PYTHONPATH=str(site))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "int8-few" in done.stdout
    assert "int8-very-few" in done.stdout


def test_a_wrong_option_of_it_is_refused_with_the_line_and_the_package(project):
    suite = project.folder / "suite.yaml"
    suite.write_text("models: [tiny-cxr]\ndataset: phantom\nschemes:\n  - {kind: int8-few, name: few, batch: 1}\n")

    done = project.farm("run", str(suite), "--dry-run")

    assert done.returncode == 2
    assert "suite.yaml:4: scheme int8-few (package farm-tuberculosis 0.1.0): unknown key 'batch'" in done.stderr
    assert "did you mean 'batches'" in done.stderr


def test_its_own_tests_pass_where_it_is_installed(site):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", EXAMPLE / "tests"],
        cwd=site,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout
