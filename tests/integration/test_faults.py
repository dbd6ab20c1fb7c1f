"""What a run survives: cut links, killed controllers, crashed workers, devices that are off or held by another."""

from __future__ import annotations

import signal
import socket

import pytest

from tests.lab.project import wait_for

pytestmark = pytest.mark.tensorflow

#: Six attempts of a moment each: time enough to break things in between.
SUITE = "models: [tiny-cxr]\ndataset: phantom\nschemes: [float32, int8]\neffort: smoke\nattempts: 3\n"
ATTEMPTS = 6


@pytest.fixture
def project(project):
    (project.folder / "suite.yaml").write_text(SUITE)
    return project


def attempts(project):
    return project.rows("SELECT id, error FROM attempts")


def lanes(project):
    return project.rows("SELECT id FROM lanes")


def add_device(project, server, name="pi"):
    """Write an inventory with one real sshd in it, trusted."""
    device = server.device
    text = f"devices:\n  {name}:\n    address: {device.address}\n    port: {device.port}\n    user: {device.user}\n"
    text += f"    identity_file: {device.identity_file}\n    workdir: {device.workdir}\n    python: {device.python}\n"
    (project.folder / "inventory.yaml").write_text(text)
    (project.folder / ".farm" / "known_hosts").write_text(server.known_hosts.read_text())


@pytest.mark.sshd
def test_a_link_cut_in_the_middle_of_a_lane_loses_nothing_and_stores_nothing_twice(project, sshd):
    server = sshd()
    add_device(project, server)
    run = project.start("run", "suite.yaml", "--devices", "pi")
    wait_for(lambda: attempts(project))

    server.cut()
    out, err = run.communicate(timeout=200)

    assert run.returncode == 0, out + err
    assert len(project.events("LinkLost")) >= 1
    assert len(attempts(project)) == ATTEMPTS
    assert len(lanes(project)) == 1
    assert all(error is None for _, error in attempts(project))


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


def test_what_a_dead_device_left_undone_is_measured_by_resume(project):
    run = project.start("run", "suite.yaml")
    wait_for(lambda: attempts(project))
    run.send_signal(signal.SIGKILL)
    run.communicate()
    ((lane,),) = lanes(project)
    power_cut(project)
    before = dict(attempts(project))

    resumed = project.process("run", "--resume", "latest")

    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    after = dict(attempts(project))
    assert before.items() <= after.items()
    assert len(after) == ATTEMPTS
    assert lanes(project)[0] == (lane,)
    assert len(lanes(project)) == 2


def power_cut(project):
    """Kill every process of the agent, as a power cut would."""
    import os
    from pathlib import Path

    mark = str(project.workdir).encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if mark in (entry / "cmdline").read_bytes():
                    os.kill(int(entry.name), signal.SIGKILL)
            except OSError:
                continue


def test_a_device_that_is_off_or_silent_is_skipped_in_its_time_limit_with_a_reason(project):
    with socket.socket() as mute:  # takes connections and never says a word, like a machine that hangs
        mute.bind(("127.0.0.1", 0))
        mute.listen(1)
        (project.folder / "inventory.yaml").write_text(
            "devices:\n"
            f"  hung:\n    address: 127.0.0.1\n    port: {mute.getsockname()[1]}\n    user: pi\n"
            "  off:\n    address: 127.0.0.1\n    port: 9\n    user: pi\n"
        )
        done = project.process("run", "--devices", "off,hung", "--effort", "smoke")

    both = project.process("run", "--devices", "off,local", "--effort", "smoke", "--schemes", "float32")

    assert done.returncode == 3, "nothing could run"
    assert "no SSH server listens there" in done.stderr
    assert "hung (pi@127.0.0.1" in done.stderr
    assert "no SSH session begins" in done.stderr
    assert both.returncode == 1
    assert project.json("results", "list", "--device", "local")


def test_a_second_controller_is_refused_with_the_name_of_the_holder(project):
    first = project.start("run", "--effort", "mobile", "--schemes", "int8")
    wait_for(lambda: lanes(project))

    second = project.process("run", "--effort", "smoke", "--db", f"sqlite:///{project.folder / 'second.db'}")
    is_measuring = first.poll() is None
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=60)

    assert is_measuring
    assert second.returncode == 1
    ((run,),) = project.rows("SELECT id FROM runs")
    assert run in second.stderr


def test_ctrl_c_stops_the_lane_on_the_device_and_resume_goes_on(project):
    run = project.start("run", "suite.yaml")
    wait_for(lambda: attempts(project))

    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=60)

    assert run.returncode == 130
    assert "farm run --resume" in err
    assert "Traceback" not in err
    wait_for(lambda: project.farm("run", "--dry-run").returncode == 0)
    resumed = project.process("run", "--resume", "latest")
    assert resumed.returncode == 0, resumed.stdout + resumed.stderr
    assert len(attempts(project)) == ATTEMPTS


def test_a_run_whose_model_changed_meanwhile_is_not_resumed(project):
    import shutil

    from orchestrator.models.shipped import TinyCxr

    model = project.folder / "mine.keras"
    shutil.copy(TinyCxr.weights, model)
    (project.folder / "suite.yaml").write_text(
        "models:\n  - path: mine.keras\n    preprocess: {size: 64, scale: 0.00784313725490196, mean: 1}\n"
        "dataset: phantom\nschemes: float32\neffort: smoke\nattempts: 3\n"
    )
    run = project.start("run", "suite.yaml")
    wait_for(lambda: attempts(project))
    run.send_signal(signal.SIGKILL)
    run.communicate()
    before = attempts(project)
    scale_weights(model)

    resumed = project.process("run", "--resume", "latest")

    assert resumed.returncode == 2
    assert "another artifact now" in resumed.stderr
    assert "farm run" in resumed.stderr
    assert attempts(project) == before


def scale_weights(path):
    """Change every weight of a Keras file a little."""
    import keras

    model = keras.models.load_model(path, compile=False)
    model.set_weights([weight * 1.001 for weight in model.get_weights()])
    model.save(path)
