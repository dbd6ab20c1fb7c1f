"""What a run survives of its link: a connection that ends in the middle of a lane."""

from __future__ import annotations

import pytest

from tests.faults.suites import ATTEMPTS, QUICK, add_device, attempts, lanes
from tests.lab.project import wait_for

pytestmark = pytest.mark.tensorflow


@pytest.fixture
def project(project):
    (project.folder / "suite.yaml").write_text(QUICK.format(attempts=ATTEMPTS))
    return project


@pytest.mark.sshd
def test_a_link_cut_in_the_middle_of_a_lane_loses_nothing_and_stores_nothing_twice(project, sshd):
    server = sshd()
    add_device(project, server)
    run = project.start("run", "suite.yaml", "--devices", "pi")
    wait_for(lambda: attempts(project))

    server.cut()
    out, err = run.communicate(timeout=300)

    assert run.returncode == 0, out + err
    assert len(project.events("LinkLost")) >= 1
    assert len(attempts(project)) == ATTEMPTS
    assert len(lanes(project)) == 1
    assert all(error is None for _, error in attempts(project))
