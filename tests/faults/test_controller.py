"""What a run survives of its controller: kills, signals, sleep, a full disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import contextmanager

import numpy as np
import pytest

from tests.faults.suites import ATTEMPTS, QUICK, add_device, attempts, has_finished, lanes, measured, records, stored
from tests.lab import ready
from tests.lab.project import FARM, wait_for
from tests.lab.terminals import opened

pytestmark = pytest.mark.tensorflow

#: A controller that has slept for longer than a device may be silent: a minute and an attempt's time-out.
SLEEP_S = 130 if os.environ.get("FARM_TEST_SLOW") else 0


@pytest.fixture
def project(project):
    (project.folder / "suite.yaml").write_text(QUICK.format(attempts=ATTEMPTS))
    return project


@pytest.mark.sshd
def test_a_run_whose_controller_was_killed_is_collected_and_only_the_rest_is_measured(project, sshd):
    server = sshd()
    add_device(project, server)
    run = project.start("run", "suite.yaml", "--devices", "pi")
    wait_for(lambda: attempts(project))
    run.send_signal(signal.SIGKILL)
    run.communicate()
    at_death = attempts(project)

    resumed = project.process("run", "--resume", "latest")

    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert len(at_death) < ATTEMPTS
    assert len(attempts(project)) == ATTEMPTS
    assert len(lanes(project)) == 1, "the lane went on by itself: nothing was to be measured anew"
    assert len(project.rows("SELECT id FROM runs")) == 1
    started = [event["attempt"] for event in project.events("AttemptStarted")]
    assert len(started) == len(set(started)) == ATTEMPTS


def test_ctrl_c_stops_the_lane_on_the_device_and_resume_goes_on(project):
    run = project.start("run", "suite.yaml")
    wait_for(lambda: attempts(project))

    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=300)

    assert run.returncode == 130
    assert "farm run --resume" in err
    assert "Traceback" not in err
    wait_for(lambda: project.farm("run", "--dry-run").returncode == 0)
    resumed = project.process("run", "--resume", "latest")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert len(attempts(project)) == ATTEMPTS


def test_sigterm_stops_the_lane_in_order_as_ctrl_c_does(project):
    run = project.start("run", "suite.yaml")
    wait_for(lambda: attempts(project))

    run.terminate()
    _, err = run.communicate(timeout=300)

    assert run.returncode == 128 + signal.SIGTERM
    assert "farm run --resume" in err
    assert "Traceback" not in err
    assert has_finished(project.workdir)
    assert len(measured(project.workdir)) < ATTEMPTS


def test_a_terminal_that_is_closed_leaves_the_lane_at_work_and_loses_nothing(project):
    def is_measuring(terminal):
        return any("measures tiny-cxr float32" in line for line in terminal.shown)

    with opened([*FARM, "run", "suite.yaml"], folder=project.folder, environment=project.environment) as program:
        program.read_until(is_measuring)
        program.close()
        status = program.process.wait(timeout=300)
    wait_for(lambda: has_finished(project.workdir))
    resumed = project.process("run", "--resume")

    assert status == 128 + signal.SIGHUP
    assert resumed.returncode == 0, resumed.stderr
    assert len(lanes(project)) == 1
    assert stored(project) == measured(project.workdir)
    assert len(attempts(project)) == ATTEMPTS


def test_a_run_that_is_killed_before_it_has_an_id_leaves_nothing_and_the_next_one_starts_clean(project):
    run = project.start("run", "suite.yaml")
    wait_for((project.folder / "farm.db").exists, every=0.001)
    run.kill()
    run.communicate()

    resumed = project.process("run", "--resume")
    begun = project.process("run", "suite.yaml")

    assert resumed.returncode == 2
    assert "no run yet: farm run" in resumed.stderr
    assert begun.returncode == 0, begun.stderr
    assert project.rows("SELECT exit_status FROM runs") == [(0,)]


@pytest.mark.sshd
@pytest.mark.slow
def test_a_controller_that_sleeps_through_the_whole_lane_stores_it_when_it_wakes(project, sshd):
    server = sshd()
    add_device(project, server)
    work = server.folder / "work"
    run = project.start("run", "suite.yaml", "--devices", "pi", "--patience", "1")
    wait_for(lambda: records(work, "StepBegan"))

    run.send_signal(signal.SIGSTOP)
    wait_for(lambda: has_finished(work))
    time.sleep(SLEEP_S)
    run.send_signal(signal.SIGCONT)
    out, err = run.communicate(timeout=300)

    assert run.returncode == 0, out + err
    assert "Traceback" not in err
    assert len(lanes(project)) == 1
    assert stored(project) == measured(work)
    assert len(attempts(project)) == ATTEMPTS


@contextmanager
def on_a_small_disk(project, mebibytes):
    """Have a project on a disk of its own."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small disk")
    beside = project.folder.rename(project.folder.with_name("beside"))
    project.folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "none", project.folder]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"needs to mount a small disk: {done.stderr.strip()}")
    try:
        subprocess.run(["cp", "-a", f"{beside}/.", project.folder], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", project.folder], check=True)


@pytest.mark.sshd
def test_a_full_disk_ends_the_run_with_the_next_command_and_resume_goes_on_once_there_is_room(project, sshd):
    server = sshd()
    with on_a_small_disk(project, 64):
        add_device(project, server)
        run = project.start("run", "suite.yaml", "--devices", "pi")
        wait_for(lambda: attempts(project))
        filler = project.folder / "filler"
        with filler.open("wb") as file:
            subprocess.run(["cat", "/dev/zero"], stdout=file, stderr=subprocess.DEVNULL, check=False)
        _, err = run.communicate(timeout=300)
        filler.unlink()
        (begun,) = project.rows("SELECT id FROM runs")
        resumed = project.process("run", "--resume")

        assert run.returncode == 1
        assert "Traceback" not in err
        assert "disk is full" in err
        assert f"farm run --resume {begun[0]}" in err
        assert resumed.returncode == 0, resumed.stderr
        assert stored(project) == measured(server.folder / "work")
        assert len(attempts(project)) == ATTEMPTS


def test_a_run_whose_model_changed_meanwhile_is_not_resumed(project):
    model = project.folder / "mine.tflite"
    model.write_bytes(float32_artifact(project))
    (project.folder / "suite.yaml").write_text(
        "models:\n  - path: mine.tflite\n    preprocess: {scale: 0.00784313725490196, mean: 1}\n"
        "dataset: phantom\naccuracy: none\neffort: smoke\nattempts: 3\n"
    )
    run = project.start("run", "suite.yaml")
    wait_for(lambda: attempts(project))
    run.send_signal(signal.SIGKILL)
    run.communicate()
    before = attempts(project)
    model.write_bytes(ready.edited(model, scale_weights))

    resumed = project.process("run", "--resume", "latest")

    assert resumed.returncode == 2
    assert "another artifact now" in resumed.stderr
    assert "farm run" in resumed.stderr
    assert attempts(project) == before


def float32_artifact(project):
    """Return the file that was built of the tiny model without quantizing it."""
    state = project.folder / ".farm"
    recipes = [json.loads(path.read_text()) for path in (state / "recipes").iterdir()]
    sha256 = next(recipe["sha256"] for recipe in recipes if recipe.get("scheme") == "float32")
    return (state / "blobs" / sha256).read_bytes()


def scale_weights(graph):
    """Change the weights of the largest layer a little."""
    largest = max(graph.buffers, key=lambda buffer: 0 if buffer.data is None else len(buffer.data))
    largest.data = (np.asarray(largest.data, np.uint8).view("<f4") * np.float32(1.001)).view(np.uint8)
