"""Runs that go on without a controller: left, followed, stopped, collected."""

from __future__ import annotations

import base64
import json
import zlib
from collections import Counter

import pytest

from agent import journal
from orchestrator.store.store import Store
from tests.lab.project import Project, wait_for
from tests.lab.telling import started, tell

pytestmark = pytest.mark.tensorflow

SUITE = (
    "models: [tiny-cxr]\ndataset: phantom\nschemes: [float32]\nruntimes: ['null']\naccuracy: none\n"
    "effort: smoke\nattempts: {attempts}\n"
)


@pytest.fixture
def detached(project):
    """Return what starts a detached run of so many attempts on `local` and returns its id."""

    def start(attempts):
        (project.folder / "suite.yaml").write_text(SUITE.format(attempts=attempts))
        done = project.process("run", "suite.yaml", "--detach")
        assert done.returncode == 0, done.stdout + done.stderr
        ((run,),) = project.rows("SELECT id FROM runs")
        assert f"farm attach {run}" in done.stdout
        return run

    return start


def attempts(project):
    return project.rows("SELECT id FROM attempts")


def wait_until_the_lane_is_over(project, run):
    path = project.workdir / "lanes" / f"{run}-local-1" / "journal"
    wait_for(lambda: journal.is_last(journal.whole(path.read_bytes())))


def test_a_detached_run_measures_on_its_own_and_attach_follows_it_to_its_end(project, detached):
    run = detached(4)
    left = project.events("RunDetached"), project.json("runs")[0]["ended_at"]

    attached = project.process("attach")
    again = project.farm("attach", run)

    assert left == ([{"devices": ["local"], "exit_status": 0}], None)
    assert attached.returncode == 0, attached.stdout + attached.stderr
    assert "float32" in attached.stdout
    assert len(attempts(project)) == 4
    assert len(project.rows("SELECT id FROM lanes")) == 1, "the lane went on by itself: nothing was measured anew"
    assert project.json("runs")[0]["exit_status"] == 0
    assert f"run {run} is over" in again.stderr
    assert (project.workdir / "lanes" / f"{run}-local-1" / "stored").exists(), "any controller may clean it away now"


def test_what_finished_alone_is_collected_exactly_once_by_two_at_once(project, detached):
    run = detached(3)
    wait_until_the_lane_is_over(project, run)
    other = project.json("collect", "--db", f"sqlite:///{project.folder / 'other.db'}")

    both = [project.start("collect", "--json"), project.start("collect", "--json")]
    answers = [(each.communicate(timeout=300), each.returncode) for each in both]
    rest = project.farm("collect")

    assert [(row["run"], row["state"], row["attempts"]) for row in other] == [(run, "whole", 3)]
    assert [status for _, status in answers] == [0, 0], answers
    states = [row["state"] for (out, _), _ in answers for row in json.loads(out)]
    assert "whole" in states
    assert len(attempts(project)) == 3
    assert len(project.events("AttemptEnded")) == 3
    assert project.json("runs")[0]["exit_status"] == 0
    assert project.json("results", "list", "--run", run)[0]["attempts"] == 3
    assert "nothing to collect" in rest.stdout


def test_a_run_whose_database_is_gone_is_collected_once_into_that_of_another_project(project, detached):
    run = detached(2)
    wait_until_the_lane_is_over(project, run)
    (project.folder / "farm.db").unlink()
    other = Project(folder=project.folder.parent / "other")
    (other.folder / "home").mkdir(parents=True)
    (other.folder / "home" / ".farm-agent").symlink_to(project.workdir)

    collected = other.farm("collect")
    shown = other.json("results", "list", "--run", run)
    again = other.farm("collect")
    resumed = other.farm("run", "--resume", run)

    assert collected.returncode == 0, collected.stdout + collected.stderr
    assert f"Run {run} was started by " in collected.stdout
    assert [(row["device"], row["runtime"], row["attempts"]) for row in shown] == [("local", "null", 2)]
    assert "nothing to collect" in again.stdout
    assert len(attempts(other)) == len(other.events("AttemptEnded")) == 2
    assert [row["exit_status"] for row in other.json("runs")] == [0]
    assert resumed.returncode == 2
    assert "started it" in resumed.stderr


def test_a_lane_that_keeps_nothing_of_its_run_is_named_and_stays(project, detached):
    run = detached(1)
    wait_until_the_lane_is_over(project, run)
    (project.folder / "farm.db").unlink()
    request = project.workdir / "lanes" / f"{run}-local-1" / "request.json"
    order = json.loads(request.read_bytes())
    rows, words = [], {}
    for name, origin in {
        "older": "",
        "damaged": order["origin"][:-40],
        "hostile": packed({"run": run, "seed": "x"}),
    }.items():
        request.write_text(json.dumps(order | {"origin": origin}))
        rows += [*project.json("collect"), *project.rows("SELECT id FROM runs")]
        words[name] = project.farm("collect").stdout

    assert [(row["run"], row["state"]) for row in rows] == [(run, "of another store")] * 3
    assert "an older farm started it" in words["older"]
    assert "can't be unpacked" in words["damaged"] or "cut off" in words["damaged"]
    assert "does not fit" in words["hostile"]
    assert all("farm collect --db URL" in text for text in words.values())


def packed(plain):
    return base64.b64encode(zlib.compress(json.dumps(plain).encode())).decode()


def test_stop_lets_the_step_under_way_end_collects_what_is_done_and_resume_does_the_rest(project, detached):
    run = detached(200)
    lane = project.workdir / "lanes" / f"{run}-local-1"
    wait_for(lambda: b"AttemptDone" in (lane / "journal").read_bytes())

    busy = project.farm("devices", "clean", "--unused-days", "0")
    stopped = project.farm("stop", "--json")
    again = project.farm("stop", run)
    plan = project.farm("run", "--resume", "--dry-run")

    (row,) = json.loads(stopped.stdout)
    records = [json.loads(line.partition(b" ")[2]) for line in (lane / "journal").read_bytes().splitlines()]
    done = [record for record in records if record["record"] == "AttemptDone"]
    assert busy.returncode == 1
    assert "busy with lane" in busy.stderr
    assert (stopped.returncode, row["state"], row["why"]) == (0, "whole", "stopped")
    assert records[-1]["error"] == "stopped"
    assert all(record["error"] is None for record in done)
    assert len(attempts(project)) == len(done) < 200
    assert "nothing of run" in again.stdout
    assert f"{200 - len(done)} attempts" in plan.stdout


def test_a_run_that_one_command_follows_is_stored_by_no_other(project, detached):
    run = detached(200)
    attached = project.start("attach")
    wait_for(lambda: attempts(project))

    others = [project.farm(*words) for words in (("attach",), ("run", "--resume"))]
    collected = project.json("collect")
    stopped = project.json("stop", run)
    _, err = attached.communicate(timeout=300)

    for other in others:
        assert other.returncode == 2
        assert f"another farm command stores run {run}" in other.stderr
        assert f"once that command has ended: farm attach {run}" in other.stderr
    assert [(row["device"], row["state"]) for row in (*collected, *stopped)] == [("local", "followed")] * 2
    assert f"farm run --resume {run}" in err, "the command that follows it has its end"
    kinds = Counter(kind for (kind,) in project.rows("SELECT kind FROM events"))
    assert kinds["LaneStarted"] == kinds["LaneEnded"] == 1
    assert 0 < kinds["AttemptEnded"] == len(attempts(project)) < 200


def test_stop_now_ends_the_worker_and_keeps_what_was_finished(project, detached):
    run = detached(200)
    lane = project.workdir / "lanes" / f"{run}-local-1"
    wait_for(lambda: b"AttemptDone" in (lane / "journal").read_bytes())

    stopped = project.farm("stop", run, "--now")

    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    assert f"farm run --resume {run}" in stopped.stdout
    assert 0 < len(attempts(project)) < 200
    assert project.rows("SELECT ended FROM lanes") == [(1,)]
    (row,) = project.json("runs")
    assert (row["cases"], row["verdicts"], row["exit_status"]) == (1, {}, None), "what was not measured is not INVALID"


def test_stop_and_attach_of_what_is_not_there_say_so(project):
    unknown = project.farm("stop", "2026")
    nothing = [project.farm(*argv) for argv in (["attach"], ["stop"], ["run", "--resume"])]

    assert (unknown.returncode, *(each.returncode for each in nothing)) == (2, 2, 2, 2)
    assert "no run called '2026'" in unknown.stderr
    for each in nothing:
        assert "no run yet: farm run starts one" in each.stderr
        assert "latest" not in each.stderr


def test_collect_asks_the_devices_that_are_there_and_names_one_that_is_off(project):
    (project.folder / "inventory.yaml").write_text(
        "devices:\n  local: {transport: local}\n  off: {address: 127.0.0.1, port: 9, user: pi}\n"
    )

    done = project.farm("collect")
    with Store.open(f"sqlite:///{project.folder / 'farm.db'}") as store:
        tell(store, started())
    after = project.farm("collect")

    assert done.returncode == 1
    assert "nothing to collect: there is no run yet: farm run" in done.stdout
    assert "off" in done.stderr
    assert "of the 1 of 2 devices that answered, the database has every journal" in after.stdout
