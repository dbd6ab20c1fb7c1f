"""Several processes at one results database, and processes that die there."""

from __future__ import annotations

import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.domain.samples import Samples
from orchestrator.store.store import Store
from orchestrator.testing import make_case
from tests.lab.project import wait_for

#: What a controller does, as fast as it can: tell of attempts until the standard input ends or it is killed.
WRITER = """
import sys
from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.domain.effort import EFFORTS
from orchestrator.domain.plan import Attempt, Lane, Plan
from orchestrator.domain.samples import Samples
from orchestrator.store.store import Store
from orchestrator.testing import make_artifact, make_case, make_measurement

url, run, most = sys.argv[1], sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
with Store.open(url) as store:
    store.record(run_event.RunStarted(
        run=run, suite={}, seed=0, effort="smoke", dataset="phantom", synthetic=True, farm_version="0"))
    cases = [make_case(threads=threads) for threads in range(1, 9)]
    steps = tuple(Attempt(id=f"{run}-{case.threads}", case=case, number=1) for case in cases)
    plan = Plan(run=run, effort=EFFORTS["smoke"], seed=0, lanes=(Lane(device="local", steps=steps),), skips=())
    store.record(run_event.Planned(run=run, plan=plan))
    store.record(run_event.ArtifactReady(run=run, artifact=make_artifact(), reused=False, seconds=0))
    store.record(happened.LaneStarted(run=run, device="local", lane=run))
    for number in range(1, most + 1):
        attempt = make_measurement([number] * 5000, attempt=f"{run}-{number}", number=number, warmup_ns=(number,))
        cursor = happened.Cursor(lane=run, offset=number * 10)
        store.record(happened.AttemptEnded(run=run, device="local", cursor=cursor, measurement=attempt))
        print(number, flush=True)
"""


@pytest.fixture
def start():
    """Start writers that wait for a line before they open the database."""
    writers = []

    def begin(url, run, most):
        writer = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", WRITER, url, run, str(most)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        writers.append(writer)
        assert writer.stdout.readline() == "ready\n"
        return writer

    yield begin
    for writer in writers:
        writer.kill()
        writer.communicate()


def go(writer):
    writer.stdin.write("go\n")
    writer.stdin.flush()


def test_processes_that_open_a_new_database_at_once_take_turns(database_url, start):
    writers = [start(database_url, f"run-{number}", 3) for number in range(4)]

    for writer in writers:
        go(writer)

    for writer in writers:
        _, errors = writer.communicate(timeout=300)
        assert (writer.returncode, errors) == (0, "")
    with Store.open(database_url) as store:
        assert {row.id for row in store.runs()} == {f"run-{number}" for number in range(4)}
        for row in store.runs():
            assert row.cases == 8
            assert [lane.offset for lane in store.lanes(row.id)] == [30]
            assert len(store.measurements(row.id, make_case())) == 3


def test_a_killed_writer_leaves_everything_it_was_told_and_nothing_torn(database_url, start):
    for number in range(3):
        run = f"run-{number}"
        writer = start(database_url, run, 100_000)
        go(writer)
        for _ in range(3 + number):
            told = int(writer.stdout.readline())

        writer.send_signal(signal.SIGKILL)
        writer.wait()

        with Store.open(database_url) as store:
            (lane,) = store.lanes(run)
            attempts = store.measurements(run, make_case())
            assert len(attempts) >= told
            assert lane.offset == 10 * len(attempts)
            assert store.done_steps(run) == {f"{run}-{number}" for number in range(1, len(attempts) + 1)}
            for attempt in attempts:
                assert attempt.latency_ns == Samples.of([attempt.number] * 5000)
                assert attempt.warmup_ns == Samples.of([attempt.number])


def test_a_reader_sees_whole_attempts_while_a_writer_writes(database_url, start):
    with Store.open(database_url) as store:
        writer = start(database_url, "run-1", 30)
        go(writer)
        writer.stdout.readline()
        seen = [len(store.measurements("run-1", make_case())) for _ in range(20)]

        assert writer.wait(timeout=300) == 0
        assert seen == sorted(seen)
        assert seen[0] >= 1
        assert len(store.measurements("run-1", make_case())) == 30


@pytest.mark.postgres
def test_a_connection_that_the_server_closed_is_opened_again(postgres, postgres_url):
    with Store.open(postgres_url) as store:
        postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'farm_%'")

        assert store.runs() == ()


@pytest.mark.postgres
def test_a_case_that_another_controller_adds_at_the_same_moment_is_looked_up_again(postgres_url):
    """The other one's insert is neither there when we look nor out of the way when we insert."""
    address = postgres_url.replace("+psycopg", "")
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    case = make_case(device="shared")
    with Store.open(postgres_url) as store, ThreadPoolExecutor(1) as pool, psycopg.connect(address) as other:
        store.record(
            run_event.RunStarted(
                run="r", suite={}, seed=0, effort="smoke", dataset="phantom", synthetic=True, farm_version="0"
            )
        )
        other.execute("INSERT INTO cases VALUES (1000, 'shared', 'tiny-cxr', 'float32', 'litert', 1, 1, 0)")

        told = pool.submit(store.record, happened.CaseSkipped(run="r", case=case, reason="why"))
        with psycopg.connect(address, autocommit=True) as watch:
            wait_for(lambda: watch.execute(waiting).fetchone()[0], seconds=240)
        other.commit()
        told.result(timeout=240)

        assert store.skips("r") == ((case, "why"),)
        assert other.execute("SELECT case_id FROM run_cases").fetchall() == [(1000,)]


#: Twenty processes that wait at a pipe, then open the same new database and store a run each.
CROWD = """
import os, sys
from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.store.store import Store

for round in range(int(sys.argv[2])):
    url = f"sqlite:///{sys.argv[1]}/{round}.db"
    gate, open_gate = os.pipe()
    children = []
    for number in range(20):
        child = os.fork()
        if child == 0:
            os.close(open_gate)
            os.read(gate, 1)
            try:
                with Store.open(url) as store:
                    store.record(run_event.RunStarted(
                        run=f"run-{number}", suite={}, seed=0, effort="smoke", dataset="phantom", synthetic=True,
                        farm_version="0"))
                    assert store.run(f"run-{number}").id == f"run-{number}"
            except BaseException as error:
                print(repr(error), flush=True)
                os._exit(1)
            os._exit(0)
        children.append(child)
    os.close(open_gate)
    os.close(gate)
    for child in children:
        os.waitpid(child, 0)
    with Store.open(url) as store:
        print(len(store.runs()), flush=True)
"""


def test_twenty_processes_that_open_a_new_file_at_once_all_get_their_turn(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", CROWD, str(tmp_path), "1"], capture_output=True, text=True, check=False, timeout=300
    )

    assert (done.stdout.split(), done.stderr) == (["20"], "")
