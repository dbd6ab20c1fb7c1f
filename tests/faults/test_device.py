"""What a run survives of its devices: a power cut, another controller."""

from __future__ import annotations

import signal
import sqlite3
from contextlib import closing

import pytest

from tests.faults.suites import ATTEMPTS, SUITE, attempts, lanes, power_cut
from tests.lab.project import wait_for

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def project(project):
    (project.folder / "suite.yaml").write_text(SUITE)
    return project


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


def test_a_second_controller_is_refused_with_the_name_of_the_holder(project):
    first = project.start("run", "--effort", "mobile", "--schemes", "int8")
    wait_for(lambda: lanes(project))

    second = project.process("run", "--effort", "smoke", "--db", f"sqlite:///{project.folder / 'second.db'}")
    is_measuring = first.poll() is None
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=300)

    assert is_measuring
    assert second.returncode == 1
    ((run,),) = project.rows("SELECT id FROM runs")
    assert run in second.stderr
    with closing(sqlite3.connect(project.folder / "second.db")) as store:
        judged = store.execute("SELECT skipped, verdict FROM run_cases").fetchall()
    assert judged, "the reason is kept"
    assert all(skipped and verdict is None for skipped, verdict in judged), "a refusal is no result"
