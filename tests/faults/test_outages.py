"""A device that fails whatever the case: out of its run and of the next ones, until a check brings it back."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.faults.suites import add_device, attempts
from tests.lab.project import wait_for

pytestmark = [pytest.mark.tensorflow, pytest.mark.sshd]

#: More attempts than the test waits for.
SUITE = "models: [tiny-cxr]\ndataset: phantom\nschemes: [float32, int8]\neffort: smoke\nattempts: 60\naccuracy: none\n"


@pytest.fixture
def python(tmp_path):
    """Return a Python of the device's own, with all that ours has; a test may move it away."""
    venv = tmp_path / "device-python"
    (venv / "bin").mkdir(parents=True)
    (venv / "pyvenv.cfg").write_text((Path(sys.prefix) / "pyvenv.cfg").read_text())
    (venv / "lib").symlink_to(Path(sys.prefix) / "lib")
    (venv / "bin" / "python").symlink_to(Path(sys.executable))
    return venv / "bin" / "python"


def test_a_device_that_can_start_no_worker_is_out_of_this_run_and_the_next_until_a_check_brings_it_back(
    project, sshd, python
):
    (project.folder / "suite.yaml").write_text(SUITE)
    add_device(project, sshd())
    inventory = project.folder / "inventory.yaml"
    inventory.write_text(inventory.read_text().replace("python: python3", f"python: {python}"))
    run = project.start("run", "suite.yaml", "--devices", "pi")
    wait_for(lambda: attempts(project))

    python.rename(python.with_name("gone"))
    out, err = run.communicate(timeout=300)
    failed = [error for _, error in attempts(project) if error is not None]
    python.with_name("gone").rename(python)
    skipped = project.process("run", "suite.yaml", "--devices", "pi")
    health = project.json("devices", "list", "pi")[0]["outage"]
    doctor = [finding["command"] for finding in project.json("doctor") if "is out since" in finding["sentence"]]
    checked = project.farm("devices", "check", "pi")

    assert run.returncode == 1, out + err
    assert len(failed) == 3
    assert "pi  is out of the next runs: farm devices check pi brings it back" in err
    assert [event["reason"] for event in project.events("DeviceTakenOut")] == [health["reason"]]
    assert skipped.returncode == 3
    assert "pi is out since" in skipped.stderr
    assert "3 workers in a row could not be started" in skipped.stderr
    assert doctor == ["farm devices check pi"]
    assert (checked.returncode, "pi: it is back in runs" in checked.stderr) == (0, True)
    assert project.json("devices", "list", "pi")[0]["outage"] is None


def test_each_device_is_shown_as_it_answers_and_not_after_the_slowest(project, sshd, tmp_path):
    slow, release = tmp_path / "slow-python", tmp_path / "release"
    slow.write_text(f'#!/bin/sh\nwhile [ ! -e {release} ]; do sleep 0.05; done\nexec {sys.executable} "$@"\n')
    slow.chmod(0o755)
    add_device(project, sshd(), "a-slow")
    inventory = project.folder / "inventory.yaml"
    inventory.write_text(
        inventory.read_text().replace("python: python3", f"python: {slow}") + "  local: {transport: local}\n"
    )

    check = project.start("devices", "check")
    first = check.stdout.readline()
    was_waiting = check.poll() is None and not release.exists()
    release.touch()
    rest, err = check.communicate(timeout=300)

    assert was_waiting
    assert first.startswith("local")
    assert rest.startswith("a-slow")
    assert check.returncode == 0, err
