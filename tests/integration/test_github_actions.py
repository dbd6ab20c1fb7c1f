"""The example for GitHub Actions: its shape, and its steps on a real run as far as that goes without GitHub."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from orchestrator.config import claims, suite
from orchestrator.exchange.unpack import opened

EXAMPLE = Path(__file__).parents[2] / "examples" / "github-actions"
#: https://docs.github.com/actions/reference/workflow-syntax-for-github-actions: of the parts that are used here.
KEYS = {
    "workflow": {"name", "on", "permissions", "concurrency", "env", "jobs"},
    "job": {"runs-on", "timeout-minutes", "defaults", "steps", "env", "needs", "if"},
    "step": {"name", "id", "if", "uses", "with", "run", "env", "shell", "continue-on-error", "timeout-minutes"},
}


@pytest.fixture(scope="module")
def workflow():
    return YAML(typ="safe").load((EXAMPLE / "edge-benchmark.yml").read_text(encoding="utf-8"))


def steps(workflow):
    (job,) = workflow["jobs"].values()
    return job["steps"]


def test_it_has_the_shape_of_a_workflow(workflow):
    (job,) = workflow["jobs"].values()

    assert set(workflow) <= KEYS["workflow"]  # YAML 1.2, as GitHub reads it: `on` is no truth value
    assert set(job) <= KEYS["job"]
    assert "self-hosted" in job["runs-on"]
    assert job["timeout-minutes"] > 0
    ids = [step["id"] for step in job["steps"] if "id" in step]
    for step in job["steps"]:
        assert set(step) <= KEYS["step"], step
        assert ("uses" in step) != ("run" in step), step
        assert re.fullmatch(r"actions/[\w-]+@v\d+", step.get("uses", "actions/x@v1"))
        assert set(re.findall(r"steps\.(\w+)\.", str(step.get("if")))) <= set(ids)


def test_what_strangers_propose_never_runs_on_the_fleet(workflow):
    assert set(workflow["on"]) == {"push", "schedule", "workflow_dispatch"}
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["cancel-in-progress"] is False
    for step in steps(workflow):
        assert "${{" not in step.get("run", ""), "a value that a person types would be a part of the script"


def test_its_suite_and_claims_can_be_read():
    assert suite.load(EXAMPLE / "suite.yaml").models[0].name == "tiny-cxr"
    assert len(claims.load(EXAMPLE / "claims.yaml")) == 4


def run_step(workflow, name, folder, environment):
    """Run a step as GitHub does with `shell: bash`; return it with what it wrote into the summary."""
    (script,) = [step["run"] for step in steps(workflow) if step.get("name") == name]
    summary, output = folder / "summary-of-the-job.md", folder / "output"
    summary.write_text("")
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder / "bench",
        env=environment | {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(output)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    return done, summary.read_text(encoding="utf-8")


@pytest.mark.tensorflow
def test_its_steps_measure_check_and_keep_what_came_out(workflow, project):
    bench = project.folder / "bench"
    bench.mkdir()
    for name in ("suite.yaml", "claims.yaml"):
        shutil.copy(EXAMPLE / name, bench)
    environment = project.environment | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "FARM_DB": f"sqlite:///{project.folder / 'farm.db'}",
        "FARM_INVENTORY": str(project.folder / "inventory.yaml"),
        "EFFORT": "smoke",
    }
    (project.folder / "inventory.yaml").write_text("devices:\n  local:\n    transport: local\n")

    measured, _ = run_step(workflow, "Measure", project.folder, environment)
    checked, summary = run_step(workflow, "Check the claims", project.folder, environment)
    table, report = run_step(workflow, "Table", project.folder, environment)
    kept, _ = run_step(workflow, "Archive of the run", project.folder, environment)

    assert measured.returncode == 0, measured.stderr
    assert (project.folder / "output").read_text() == "status=0\n"
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "Quantized files are less than two thirds of float32" in summary
    assert "not enough evidence" in summary  # no Raspberry Pi here
    assert table.returncode == 0, table.stderr
    assert "int8" in report
    assert (bench / "claims.xml").read_text(encoding="utf-8").count("<testcase") == 4
    assert kept.returncode == 0, kept.stderr
    with opened(bench / "run.farm.zip") as archive:
        assert len(list(archive.objects("cases"))) == 4

    (bench / "claims.yaml").write_text("claims:\n- {claim: tiny, scheme: int8, size_ratio: {at_least: 100}}\n")
    refuted, summary = run_step(workflow, "Check the claims", project.folder, environment)
    assert refuted.returncode == 1
    assert "refuted" in summary
    (bench / "suite.yaml").write_text("models: gone.keras\n")
    unmeasured, _ = run_step(workflow, "Measure", project.folder, environment)
    assert unmeasured.returncode != 0
    assert "status=2" in (project.folder / "output").read_text()
