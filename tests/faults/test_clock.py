"""A device whose clock is a year off, measured by a real run; the clock of its processes is set, not the machine's."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from tests.agent.device import DATA
from tests.lab.project import Project

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the clock is set by LD_PRELOAD")

SUITE = {
    "models": [{"name": "m", "path": str(DATA / "float32.tflite"), "preprocess": {"size": 8, "channels": 3}}],
    "dataset": {"kind": "phantom", "patients": 20, "labelled": False},
    "runtimes": ["null"],
    "effort": "smoke",
    "attempts": 3,
    "accuracy": "none",
}


@pytest.fixture
def library(tmp_path):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler here to set a clock with")
    path = tmp_path / "libclock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", path, DATA / "clock.c", "-ldl"], check=True)
    return path


@pytest.fixture
def project(tmp_path, library):
    """Return a project with one device: this machine, by a clock that is a year behind."""
    (tmp_path / "home").mkdir()
    (tmp_path / "offset").write_text(str(-365 * 86_400))
    clock = f"LD_PRELOAD={library} FARM_TEST_OFFSET={tmp_path / 'offset'}"
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\n{clock} exec {sys.executable} "$@"\n')
    python.chmod(0o700)
    entry = {"transport": "local", "python": str(python), "workdir": str(tmp_path / "work")}
    (tmp_path / "inventory.yaml").write_text(json.dumps({"devices": {"pi": entry}}))
    (tmp_path / "suite.yaml").write_text(json.dumps(SUITE))
    return Project(folder=tmp_path)


def test_a_clock_that_is_a_year_behind_is_named_and_spoils_no_measurement(project):
    words = "its clock is 365 days behind"

    run = project.process("run", "suite.yaml", "--devices", "pi")
    doctor = json.loads(project.farm("doctor", "--json").stdout)
    shown = project.farm("devices", "show", "pi")

    assert run.returncode == 0, run.stderr
    begun = [event["attempt"] for event in project.events("AttemptStarted")]
    ended = project.events("AttemptEnded")
    assert len(begun) == 3
    assert [event["attempt"] for event in ended] == begun
    assert [attempt for (attempt,) in project.rows("SELECT id FROM attempts ORDER BY rowid")] == begun
    assert "clock-stepped" not in run.stderr + run.stdout
    ((began, over),) = project.rows("SELECT started_at, ended_at FROM runs")
    moments = [at for (at,) in project.rows("SELECT at FROM events ORDER BY id")]
    assert moments[0] >= began
    assert moments[-1] <= over
    assert all(began <= at <= over for (at,) in project.rows("SELECT started_at FROM attempts"))
    (p50,) = {row["p50_ns"] for row in project.json("results", "list")}
    assert 0 < p50 < 60e9
    assert words in " ".join(shown.stdout.split())
    assert [finding for finding in doctor if words in json.dumps(finding) and "set-ntp" in json.dumps(finding)], doctor
