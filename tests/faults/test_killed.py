"""Commands that `kill -9` ends at seeded moments, three times in one run, and what the next one finds."""

from __future__ import annotations

import random

import pytest

from tests.faults.suites import QUICK, add_device, killed, measured, stored
from tests.lab.simulations import simulations

pytestmark = [pytest.mark.tensorflow, pytest.mark.sshd, pytest.mark.slow]

KILLS = 3
ATTEMPTS = 3
#: Lines that a quick run of two devices prints with ``--verbose``, or fewer.
LINES = 36
#: Lines that a command prints with ``--verbose`` which reads one device, or fewer.
LINES_OF_A_QUESTION = 8


@pytest.mark.parametrize("seed", range(simulations(10)))
def test_a_run_that_is_killed_three_times_stores_each_attempt_once_and_measures_none_again(project, sshd, seed):
    server = sshd()
    add_device(project, server, others="  local: {}\n")
    (project.folder / "suite.yaml").write_text(QUICK.format(attempts=ATTEMPTS))
    moment = random.Random(seed)  # noqa: S311  a seed, no secret
    printed = []

    for _ in range(KILLS):
        begun = project.rows("SELECT id FROM runs")
        words = ("run", "--resume", begun[0][0]) if begun else ("run", "suite.yaml")
        printed.append(killed(project.start(*words, "--verbose"), moment, LINES))
    last = project.process("run", *(["--resume"] if project.rows("SELECT id FROM runs") else ["suite.yaml"]))

    assert last.returncode == 0, last.stdout + last.stderr
    assert "Traceback" not in "".join(printed) + last.stderr
    times = stored(project)
    assert times == measured(project.workdir) + measured(server.folder / "work")
    assert set(times.values()) == {1}
    assert len(times) == 2 * ATTEMPTS
    ids, errors = zip(*project.rows("SELECT id, error FROM attempts"), strict=True)
    assert sorted(ids) == sorted(times)
    assert set(errors) == {None}
    assert project.rows("SELECT exit_status FROM runs") == [(0,)]


@pytest.mark.parametrize("seed", range(simulations(10)))
def test_attach_stop_and_collect_that_are_killed_lose_nothing_and_store_nothing_twice(project, seed):
    (project.folder / "suite.yaml").write_text(QUICK.format(attempts=2 * ATTEMPTS))
    moment = random.Random(seed)  # noqa: S311  a seed, no secret
    begun = project.process("run", "suite.yaml", "--detach")
    commands = moment.sample(["attach", "stop", "collect"], 3)

    printed = [killed(project.start(command, "--verbose"), moment, LINES_OF_A_QUESTION) for command in commands]
    collected = project.process("collect")
    between = stored(project)
    last = project.process("run", "--resume")

    assert begun.returncode == collected.returncode == last.returncode == 0, collected.stderr + last.stderr
    assert "Traceback" not in "".join(printed) + collected.stderr + last.stderr
    times = stored(project)
    assert between <= times
    assert times == measured(project.workdir)
    assert (len(times), set(times.values())) == (2 * ATTEMPTS, {1})
    assert project.rows("SELECT exit_status FROM runs") == [(0,)]
