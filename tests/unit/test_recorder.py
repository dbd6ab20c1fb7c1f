"""Events on their way into a database that goes away."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing

import pytest

from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.domain.result import Verdict
from orchestrator.errors import StoreError, StoreUnavailable
from orchestrator.runs.recorder import Recorder
from orchestrator.store import exceptions, spool
from orchestrator.store.event_text import from_line, to_line
from orchestrator.store.store import Store
from orchestrator.testing import make_case, make_measurement
from tests.lab.telling import RUN, SMOKE, ended, everything_that_can_happen, judged, lane_started, ready, started, tell

CASE = make_case()


class Clock:
    """A clock that a test moves; sleeping moves it, too, and may do something."""

    def __init__(self, meanwhile=None):
        self.now_s = 0.0
        self.slept = []
        self.meanwhile = meanwhile or (lambda: None)

    def __call__(self):
        return self.now_s

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now_s += seconds
        self.meanwhile()


@pytest.fixture
def file(tmp_path):
    (tmp_path / "db").mkdir()
    return tmp_path / "db" / "farm.db"


@pytest.fixture
def store(file):
    with Store.open(f"sqlite:///{file}") as opened:
        tell(opened, started(), ready(), lane_started())
        yield opened


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def recorder(store, tmp_path, clock):
    made = Recorder(store, tmp_path / "spool", RUN, clock=clock, sleep=clock.sleep)
    yield made
    made.close()


def lose(file):
    """Take the file away, as a disk that is unplugged does."""
    file.parent.rename(file.parent.with_name("elsewhere"))


def find(file):
    file.parent.with_name("elsewhere").rename(file.parent)


def attempt(number):
    return ended(make_measurement(attempt=f"attempt-{number}", number=number), offset=10 * number)


def kinds(store):
    with store._engine.connect() as connection:
        return [kind for (kind,) in connection.exec_driver_sql("SELECT kind FROM events ORDER BY id")]


def record(recorder, *events):
    return [type(event).__name__ for event in recorder.record(events)]


@pytest.mark.parametrize("event", everything_that_can_happen(), ids=lambda event: type(event).__name__)
def test_every_event_comes_back_from_its_line_as_it_was(event):
    line = to_line(event)

    assert "\n" not in line
    assert from_line(line) == event


def test_odd_values_come_back_as_they_were():
    readings = ({"at_ns": 1, "temperature_c": float("inf"), "$": "tag"},)
    event = ended(make_measurement([1, 2**62], readings=readings, error="torn \0 and \udc80\u2028words"))

    assert from_line(to_line(event)) == event
    verdict = judged(verdict=Verdict.INVALID, reasons=(SMOKE,))
    assert from_line(to_line(verdict)) == verdict


@pytest.mark.parametrize(
    "line", ["", "{", "[]", "{}", '{"$":"Popen","of":{}}', '{"$":"RunEnded","of":{"colour":1}}', '{"$":"Case"}']
)
def test_a_line_that_is_no_event_is_refused(line):
    with pytest.raises(ValueError):  # noqa: PT011  json's own words, or ours
        from_line(line)


def test_what_happens_while_the_database_is_away_waits_in_a_file_and_is_stored_in_order(
    recorder, store, file, clock, tmp_path
):
    assert record(recorder, attempt(1)) == ["AttemptEnded"]

    lose(file)
    assert record(recorder, attempt(2), attempt(3)) == ["DatabaseLost", "AttemptEnded", "AttemptEnded"]
    clock.now_s += 2
    assert record(recorder, attempt(4)) == ["AttemptEnded"], "tried, and still away"
    find(file)
    assert record(recorder, attempt(5)) == ["AttemptEnded"], "not tried yet"
    clock.now_s += 5
    assert record(recorder, attempt(6)) == ["AttemptEnded", "DatabaseBack"]
    assert record(recorder, attempt(7)) == ["AttemptEnded"]

    assert store.done_steps(RUN) == {f"attempt-{number}" for number in range(1, 8)}
    assert kinds(store)[3:] == ["AttemptEnded", "DatabaseLost", *["AttemptEnded"] * 5, "DatabaseBack", "AttemptEnded"]
    assert not list((tmp_path / "spool").iterdir())


def test_a_database_that_another_process_keeps_locked_costs_nothing(tmp_path, file, monkeypatch, clock):
    monkeypatch.setattr(exceptions, "BUSY_TIMEOUT_MS", 50)
    with Store.open(f"sqlite:///{file}") as store, closing(sqlite3.connect(file)) as other:
        tell(store, started(), ready(), lane_started())
        recorder = Recorder(store, tmp_path / "spool", RUN, clock=clock, sleep=clock.sleep)
        other.execute("BEGIN IMMEDIATE")

        assert record(recorder, attempt(1), attempt(2)) == ["DatabaseLost", "AttemptEnded", "AttemptEnded"]
        other.commit()
        clock.now_s += 5
        assert record(recorder, attempt(3)) == ["AttemptEnded", "DatabaseBack"]

        assert store.done_steps(RUN) == {"attempt-1", "attempt-2", "attempt-3"}
        assert store.lanes(RUN)[0].offset == 30


def test_the_file_is_of_this_user_alone_and_names_no_password(recorder, file, tmp_path):
    lose(file)
    record(recorder, attempt(1))

    (path,) = (tmp_path / "spool").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert json.loads(path.read_text().splitlines()[0]) == {
        "farm_spool": 1,
        "run": RUN,
        "database": f"sqlite:///{file}",
    }


def test_at_the_end_of_a_run_farm_waits_for_the_database(recorder, store, file, clock):
    lose(file)
    record(recorder, attempt(1))
    clock.meanwhile = lambda: find(file) if len(clock.slept) == 3 else None

    back = recorder.wait(60)

    assert isinstance(back, run_event.DatabaseBack)
    assert back.events == 2
    assert clock.slept == sorted(clock.slept), "each pause is longer"
    assert store.done_steps(RUN) == {"attempt-1"}
    assert recorder.wait(60) is None


def test_a_database_that_stays_away_is_given_up_with_the_next_command(recorder, file, clock, tmp_path):
    lose(file)
    record(recorder, attempt(1))

    with pytest.raises(StoreUnavailable, match="still out of reach") as refused:
        recorder.wait(60)

    assert clock.now_s == 60
    assert refused.value.hint == f"once it is back: farm run --resume {RUN}"
    assert [path.name for path in (tmp_path / "spool").iterdir()] == [f"{RUN}.jsonl"]
    find(file)


def test_a_refusal_that_does_not_pass_is_raised(recorder, tmp_path):
    with pytest.raises(StoreError, match="refused AttemptEnded") as refused:
        record(recorder, ended(make_measurement(artifact="f" * 64)))

    assert not isinstance(refused.value, StoreUnavailable)
    assert not (tmp_path / "spool").exists()


def test_where_events_can_not_wait_either_the_reason_is_the_database(recorder, file, tmp_path):
    (tmp_path / "spool").write_text("a file in the way")
    lose(file)

    with pytest.raises(StoreError, match=r"moved or deleted.*can't wait in a file either"):
        record(recorder, attempt(1))


def test_events_that_were_stored_after_all_are_not_stored_again(store, tmp_path):
    """A server that stops while it commits leaves both possible."""
    events = [attempt(1), happened.LinkLost(run=RUN, device="local", reason="x"), judged(), attempt(2)]
    tell(store, *events[:3])
    file = spool.Spool.open(tmp_path, RUN, store.name)
    file.write(events)

    assert file.drain(store) == 1

    assert kinds(store)[3:] == ["AttemptEnded", "LinkLost", "CaseJudged", "AttemptEnded"]


def test_a_file_that_is_stored_twice_changes_nothing(store, tmp_path):
    events = [event for event in everything_that_can_happen() if not isinstance(event, run_event.RunStarted)]
    file = spool.Spool.open(tmp_path, RUN, store.name)
    file.write([*events, *[attempt(number) for number in range(2, 600)]])
    shutil.copy(file.path, tmp_path / "copy")
    file.drain(store)
    before = kinds(store)
    shutil.copy(tmp_path / "copy", file.path)

    (again,) = spool.waiting(tmp_path)

    assert again.replay(store) == 0
    assert kinds(store) == before


def test_a_line_that_a_killed_process_left_half_is_left_out(store, tmp_path):
    file = spool.Spool.open(tmp_path, RUN, store.name)
    file.write([attempt(1)])
    file.close()
    with file.path.open("a") as other:
        other.write(to_line(attempt(2))[:-5])

    goes_on = spool.Spool.open(tmp_path, RUN, store.name)
    goes_on.write([attempt(3)])

    assert goes_on.drain(store) == 2
    assert store.done_steps(RUN) == {"attempt-1", "attempt-3"}


def test_a_damaged_line_is_named(store, tmp_path):
    file = spool.Spool.open(tmp_path, RUN, store.name)
    file.write([attempt(1), attempt(2)])
    file.close()
    file.path.write_text(file.path.read_text().replace('"$":"Samples"', '"$":"Samplez"', 1))

    with pytest.raises(StoreError, match=rf"{RUN}\.jsonl, line 2: no event") as refused:
        spool.waiting(tmp_path)[0].replay(store)

    assert refused.value.hint == "correct or remove that line, then: farm db replay"


def test_a_file_that_a_run_writes_is_left_to_it(store, tmp_path):
    file = spool.Spool.open(tmp_path, RUN, store.name)
    file.write([attempt(1)])

    assert spool.waiting(tmp_path)[0].replay(store) is None

    file.close()
    assert spool.waiting(tmp_path)[0].replay(store) == 1


#: Stores what waits in a folder, a file of a run at a time, and names each batch before it does.
REPLAYING = """
import sys
from pathlib import Path
from orchestrator.store import exceptions, spool
from orchestrator.store.store import Store

class Shown(Store):
    def record_missing(self, *events):
        print("storing", flush=True)
        return super().record_missing(*events)

with Shown.open(sys.argv[1]) as store:
    for file in spool.waiting(Path(sys.argv[2])):
        print(file.replay(store), flush=True)
"""


def test_a_replay_killed_in_the_middle_is_finished_by_the_next_one(database_url, tmp_path):
    with Store.open(database_url) as store:
        tell(store, started(), ready(), lane_started())
        links = [happened.LinkLost(run=RUN, device="local", reason=str(number)) for number in range(1, 501)]
        file = spool.Spool.open(tmp_path / "spool", RUN, store.name)
        file.write([event for number, link in enumerate(links, 1) for event in (link, attempt(number))])
        file.close()
        command = [sys.executable, "-c", REPLAYING, database_url, str(tmp_path / "spool")]
        for batches in (2, 3):
            replaying = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            for _ in range(batches):
                assert replaying.stdout.readline() == "storing\n"
            replaying.send_signal(signal.SIGKILL)
            replaying.communicate()
            assert len(store.done_steps(RUN)) < 500

        done = subprocess.run(command, capture_output=True, text=True, check=True)

        assert 0 < int(done.stdout.split()[-1]) < 1000, "some were stored before"
        assert len(store.done_steps(RUN)) == 500
        assert kinds(store)[3:] == ["LinkLost", "AttemptEnded"] * 500
    assert not list((tmp_path / "spool").iterdir())
