"""The bundle of `benchmarks/gpu.py`, carried to a Python of its own and run there on a software GPU."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import gpu

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def bundle(tmp_path):
    carried = tmp_path / "carried"
    for name in ("artifacts", "images"):
        (carried / name).mkdir(parents=True)
    for scheme in ("float32", "float16"):
        shutil.copy(DATA / f"{scheme}.tflite", carried / "artifacts" / f"mobilenetv2-{scheme}.tflite")
    gpu.images(carried / "images", side=8, channels=3)
    gpu.pack(tmp_path / "gpu.pyz", carried)
    return tmp_path / "gpu.pyz"


def test_a_bundle_measures_a_gpu_against_the_cpu_and_its_answers_become_tables(bundle, swiftshader, tmp_path):
    there = tmp_path / "there"
    there.mkdir()

    done = subprocess.run(
        [sys.executable, str(bundle), "--rounds", "1", "--seconds", "0.05"],
        cwd=there,
        env={**os.environ, **swiftshader},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "on SwiftShader" in done.stdout
    found = json.loads((there / "gpu-answers.json").read_text())
    text = "\n".join(gpu.tables(found))
    assert "**Software adapter: these are figures of a CPU that plays a GPU**" in text
    assert "| `mobilenetv2/float16/litert-gpu/t1` | 1 |" in text
    assert "| mobilenetv2 float32 | 1 thread | ∞ |" in text
    assert "mobilenetv2: a launch of nothing takes " in text
    assert 0 <= max(found["differences"].values()) < 1e-2


def test_a_machine_without_a_vulkan_driver_is_named_as_such_and_its_cpu_is_measured(bundle, tmp_path):
    done = subprocess.run(
        [sys.executable, str(bundle), "--rounds", "1", "--seconds", "0.05"],
        cwd=tmp_path,
        env={**os.environ, "VK_DRIVER_FILES": "/nowhere.json"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "gpu-answers.json").read_text())
    text = "\n".join(gpu.tables(found))
    assert "| `mobilenetv2/float32/litert/t1` | 1 |" in text
    assert "Failed: " in text
    assert "a launch of nothing" not in text
