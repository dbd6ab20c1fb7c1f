"""What the inventory allows on a device is what farm takes there."""

from __future__ import annotations

import json


def measured(project, limits, *argv):
    (project.folder / "inventory.yaml").write_text(f"devices:\n  local:\n    limits: {limits}\n")
    return project.process("run", "--schemes", "float32", "--effort", "smoke", "--json", *argv)


def test_a_device_that_may_hold_less_than_a_run_needs_is_left_alone(project):
    done = measured(project, "{disk: 1MB}")

    assert done.returncode == 1
    assert "the inventory allows 1.00 MB" in done.stderr
    assert "farm devices clean local" in done.stderr
    sent = [event["what"] for event in project.events("BlobSent")]
    assert sent in ([], ["agent"])
    assert measured(project, "{disk: 1GB}").returncode == 0


def test_an_attempt_that_wants_more_memory_than_allowed_fails_with_the_limit(project):
    done = measured(project, "{memory: 2MB}")

    assert done.returncode == 1
    (row,) = json.loads(done.stdout)
    assert row["verdict"] == "INVALID"
    assert "it may take 2 MB at most" in row["reasons"][0]["message"]
    assert measured(project, "{memory: 2GB}").returncode == 0


def test_an_attempt_that_takes_longer_than_allowed_is_ended(project):
    done = measured(project, "{attempt_timeout_s: 0.01}")

    assert done.returncode == 1
    (row,) = json.loads(done.stdout)
    assert "no answer within 0.01 s" in row["reasons"][0]["message"]


def test_a_runtime_that_is_not_allowed_is_a_skipped_case(project):
    (project.folder / "inventory.yaml").write_text("devices:\n  local:\n    runtimes: [tflite]\n")

    done = project.farm("run", "--schemes", "float32", "--effort", "smoke", "--dry-run")

    assert done.returncode == 0, done.stderr
    assert "the inventory allows only tflite on local" in done.stdout


def test_a_run_on_a_selection_by_facts_needs_no_names(project):
    assert project.farm("devices", "check").returncode == 0

    found = project.farm("run", "--devices", "cores>=1&memory>1MB", "--dry-run")
    none = project.farm("run", "--devices", "cores>=5000", "--dry-run")

    assert found.returncode == 0, found.stderr
    assert "local" in found.stdout
    assert none.returncode == 2
    assert "selector 'cores>=5000' matches no device" in none.stderr
