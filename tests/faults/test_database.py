"""A results database that goes away while a run measures."""

from __future__ import annotations

import signal
from collections import Counter

import pytest
import sqlalchemy

from tests.faults.suites import QUICK
from tests.lab.postgres import binaries, serving

pytestmark = [pytest.mark.tensorflow, pytest.mark.postgres]

ATTEMPTS = 8


@pytest.fixture(scope="module")
def server(postgres):
    """A server of this module alone, which may stop (not at once: it commits without waiting for its disk)."""
    with serving(binaries()) as own:
        yield own


@pytest.fixture
def project(project, server, monkeypatch):
    (project.folder / "suite.yaml").write_text(QUICK.format(attempts=ATTEMPTS))
    name = project.folder.parent.name.replace("-", "_").lower()[-40:]
    server.execute(f"CREATE DATABASE {name}")
    monkeypatch.setattr(
        type(project), "environment", type(project).environment.fget(project) | {"FARM_DB": server.url(name)}
    )
    return project


def ask(project, query):
    engine = sqlalchemy.create_engine(project.environment["FARM_DB"])
    try:
        with engine.connect() as connection:
            return connection.exec_driver_sql(query).fetchall()
    finally:
        engine.dispose()


def lines_until(run, words):
    """Read what a run shows until a line has ``words``."""
    seen = []
    for line in run.stderr:
        seen.append(line)
        if words in line:
            return seen
    pytest.fail("".join(seen))


def kinds(project):
    return Counter(kind for (kind,) in ask(project, "SELECT kind FROM events"))


def test_a_server_that_stops_and_comes_back_costs_nothing(project, server):
    run = project.start("run", "--verbose", "suite.yaml")
    lines_until(run, "attempt 1:")

    server.stop()
    lost = lines_until(run, "database lost, measuring goes on")
    lines_until(run, "attempt ")
    server.start()
    output, errors = run.communicate(timeout=300)

    assert run.returncode == 0, output + errors
    assert "it's-a" not in "".join(lost)
    assert "events that waited are stored" in errors
    assert kinds(project)["AttemptEnded"] == kinds(project)["AttemptStarted"] == ATTEMPTS
    assert ask(project, "SELECT count(*) FROM attempts") == [(ATTEMPTS,)]
    assert ask(project, "SELECT exit_status FROM runs") == [(0,)]
    assert not list((project.folder / ".farm" / "spool").iterdir())


def test_what_a_killed_run_could_not_store_is_stored_by_replay_and_finished_by_resume(project, server):
    run = project.start("run", "--verbose", "suite.yaml", "--patience", "600")
    lines_until(run, "attempt 1:")
    server.stop()
    lines_until(run, "attempt ")
    run.send_signal(signal.SIGKILL)
    run.communicate()
    away = project.process("db", "replay")
    server.start()

    replayed = project.process("db", "replay")
    again = project.process("db", "replay")
    resumed = project.process("run", "--resume", "latest")

    assert away.returncode == 1
    assert "check that it runs" in away.stderr
    assert "are stored that waited in" in replayed.stdout, replayed.stderr
    assert "farm run --resume" in replayed.stdout
    assert again.stdout == "no events wait for a database\n"
    assert resumed.returncode == 0, resumed.stderr
    assert kinds(project)["AttemptEnded"] == ATTEMPTS
    assert ask(project, "SELECT count(*) FROM attempts") == [(ATTEMPTS,)]


def test_a_server_that_stays_away_ends_the_run_with_the_next_command(project, server):
    run = project.start("run", "--verbose", "suite.yaml", "--patience", "1")
    lines_until(run, "attempt 1:")
    server.stop()

    _, errors = run.communicate(timeout=300)
    server.start()
    resumed = project.process("run", "--resume", "latest")

    assert run.returncode == 1
    assert "Traceback" not in errors
    assert "farm run --resume" in errors
    assert "farm db replay" in errors
    assert "are stored that waited in" in resumed.stderr
    assert resumed.returncode == 0, resumed.stderr
    assert ask(project, "SELECT count(*) FROM attempts") == [(ATTEMPTS,)]
