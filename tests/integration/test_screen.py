"""`farm run` in a terminal, from its first line to its table, and to a person who wants out."""

from __future__ import annotations

import signal
import subprocess

import pytest

from tests.lab.project import FARM
from tests.lab.terminals import opened

pytestmark = pytest.mark.tensorflow

RUN = ("run", "suite.yaml", "--accuracy", "none")


@pytest.fixture
def project(project):
    suite = "models: [tiny-cxr]\ndataset: phantom\nschemes: [float32]\nruntimes: ['null']\neffort: smoke\nattempts: 4\n"
    (project.folder / "suite.yaml").write_text(suite)
    return project


def in_a_terminal(project, *argv, **size):
    return opened([*FARM, *argv], folder=project.folder, environment=project.environment, **size)


def works(terminal):
    return any("measures tiny-cxr float32" in line for line in terminal.shown)


def test_a_run_draws_one_block_that_follows_a_resize_and_leaves_its_table(project):
    with in_a_terminal(project, *RUN, "--verbose", columns=140) as program:
        program.read_until(works)
        block = program.terminal.shown[-2:]
        program.resize(100, 30)
        status = program.read_to_end()
        shown, text = program.terminal.shown, program.terminal.text

    assert status == 0, text
    assert block[0].split()[:2] == ["device", "doing"]
    assert block[1].startswith("local ")
    assert not any("doing" in line or "measures" in line for line in shown), "the block is gone at the end"
    assert "1 case × 4 attempts ≈ " in text
    assert "local/tiny-cxr/float32/null/t1/b1  attempt 4: " in text
    assert "local: start over local: " in text
    assert "verdict" in text.rsplit("measured:", 1)[-1]


def test_ctrl_c_twelve_times_leaves_at_once_with_what_still_runs_and_farm_stop_ends_it(project):
    suite = project.folder / "suite.yaml"
    suite.write_text(suite.read_text().replace("smoke", "sustained"))

    with in_a_terminal(project, *RUN) as program:
        program.read_until(works)
        (lane,) = project.rows("SELECT id FROM lanes")
        program.process.send_signal(signal.SIGSTOP)  # all of them are there when it goes on
        for _ in range(2):
            program.process.send_signal(signal.SIGCONT)
            program.type("\x03")
        for _ in range(10):
            program.type("\x03")
        status = program.read_to_end()
        text = program.terminal.text
    stopped = project.process("stop", "--now")

    assert status == 130, text
    assert "Traceback" not in text
    assert "Exception ignored" not in text
    is_left = "farm attach" in text  # else the lane was stopped before the second Ctrl-C was taken
    assert is_left or "what was measured is stored" in text
    assert lane[0].startswith(project.json("runs")[0]["id"])
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    assert "local" in stopped.stdout or "nothing of run" in stopped.stdout
    assert not project.processes_of_the_agent()


def test_a_pipe_that_is_closed_early_ends_quietly(project):
    command = f"{' '.join(FARM)} run --dry-run --accuracy none 2>&1 | head -n 1"

    done = subprocess.run(
        ["sh", "-c", command], cwd=project.folder, env=project.environment, capture_output=True, text=True, check=False
    )

    assert done.stdout.startswith("dataset  1020 images for latency alone")
    assert done.stderr == ""
