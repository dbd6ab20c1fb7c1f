"""A results database of SQLite's that another process keeps locked while a run measures."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing

import pytest

from tests.faults.suites import ATTEMPTS, QUICK, attempts, has_finished, measured, stored
from tests.lab.project import wait_for

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]


def test_a_database_that_is_locked_until_the_lane_is_over_costs_nothing(project):
    """For a minute with FARM_TEST_SLOW, which is longer than a writer waits; else for the lane's seconds."""
    (project.folder / "suite.yaml").write_text(QUICK.format(attempts=ATTEMPTS))
    run = project.start("run", "suite.yaml")
    wait_for(lambda: attempts(project))

    with closing(sqlite3.connect(project.folder / "farm.db", timeout=60, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        before = len(stored(project))
        wait_for(lambda: has_finished(project.workdir))
        waited = len(stored(project))
        if os.environ.get("FARM_TEST_SLOW"):
            spool = project.folder / ".farm" / "spool"
            wait_for(lambda: list(spool.glob("*.jsonl")), seconds=200)
        other.execute("ROLLBACK")
    out, err = run.communicate(timeout=300)

    assert run.returncode == 0, out + err
    assert "Traceback" not in err
    assert before == waited < ATTEMPTS
    assert stored(project) == measured(project.workdir)
    assert len(attempts(project)) == ATTEMPTS
