"""Runs of another controller, collected from devices into the database of a project that did not start them."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from collections import Counter

import pytest
import sqlalchemy

from agent import journal
from orchestrator.datasets.phantom import FINDINGS
from orchestrator.store.store import Store
from tests.faults.test_clock import SUITE
from tests.lab.project import Project, wait_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the device's Python is a shell script")

#: Python of a device: who asks for its lanes waits until two ask.
TOGETHER = """#!/bin/sh
case " $* " in *" lanes"*)
    touch {folder}/asked.$$
    while [ "$(ls {folder}/asked.* | wc -l)" -lt 2 ]; do sleep 0.05; done
esac
exec {python} "$@"
"""
SCORED = SUITE | {
    "models": [SUITE["models"][0] | {"classes": list(FINDINGS[:3]), "absent": "skip"}],
    "dataset": {"kind": "phantom", "patients": 20},
    "runtimes": ["litert"],
    "attempts": 2,
    "accuracy": "all",
}


def project_of(folder, names, **entry):
    (folder / "home").mkdir(parents=True)
    devices = {name: {"transport": "local", "workdir": str(folder.parent / "work" / name), **entry} for name in names}
    (folder / "inventory.yaml").write_text(json.dumps({"devices": devices}))
    return Project(folder=folder)


def measured(tmp_path, names, suite=SUITE):
    """Return the project whose run of ``names`` is over on the devices and stored nowhere, with the run."""
    project = project_of(tmp_path / "first", names)
    (project.folder / "suite.yaml").write_text(json.dumps(suite))
    done = project.process("run", "suite.yaml", "--detach")
    assert done.returncode == 0, done.stdout + done.stderr
    ((run,),) = project.rows("SELECT id FROM runs")
    for name in names:
        path = tmp_path / "work" / name / "lanes" / f"{run}-{name}-1" / "journal"
        wait_for(lambda path=path: journal.is_last(journal.whole(path.read_bytes())))
    return project, run


def ask(url, query):
    engine = sqlalchemy.create_engine(url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sqlalchemy.text(query))]
    finally:
        engine.dispose()


def events(url):
    return Counter(ask(url, "SELECT kind, device FROM events"))


def test_two_that_collect_a_run_at_once_store_everything_once(tmp_path, database_url):
    _, run = measured(tmp_path, ["pi"])
    python = tmp_path / "python"
    python.write_text(TOGETHER.format(folder=tmp_path, python=sys.executable))
    python.chmod(0o700)
    other = project_of(tmp_path / "other", ["pi"], python=str(python))

    both = [other.start("collect", "--json", "--db", database_url) for _ in range(2)]
    answers = [(each.communicate(timeout=300), each.returncode) for each in both]
    rest = other.farm("collect", "--db", database_url)

    assert [status for _, status in answers] == [0, 0], answers
    states = [row["state"] for (out, _), _ in answers for row in json.loads(out)]
    assert states.count("whole") == 1
    assert set(states) <= {"whole", "followed"}
    found = events(database_url)
    assert {kind: count for (kind, _), count in found.items() if count > 1} == {
        "AttemptStarted": 3,
        "AttemptEnded": 3,
    }
    assert {"RunAdopted", "LaneStarted", "LaneEnded", "DeviceFinished", "CaseJudged", "RunEnded"} <= {
        kind for kind, _ in found
    }
    assert ask(database_url, "SELECT run, device FROM device_facts") == [(run, "pi")]
    assert ask(database_url, "SELECT count(*) FROM attempts") == [(3,)]
    assert "nothing to collect" in rest.stdout


def test_several_devices_of_a_run_are_collected_in_one_go_and_one_after_the_other(tmp_path, database_url):
    _, run = measured(tmp_path, ["a", "b"])
    other = project_of(tmp_path / "other", ["a", "b"])
    apart = f"sqlite:///{tmp_path / 'apart.db'}"

    together = other.json("collect", "--db", database_url)
    first = other.json("collect", "a", "--db", apart)
    second = other.json("collect", "--db", apart)
    again = other.farm("collect", "--db", apart)

    assert [(row["device"], row["state"], row["attempts"]) for row in together] == [
        ("a", "whole", 3),
        ("b", "whole", 3),
    ]
    assert [(row["device"], row["state"]) for row in (*first, *second)] == [("a", "whole"), ("b", "whole")]
    assert "nothing to collect" in again.stdout
    for url in (database_url, apart):
        assert sorted(ask(url, "SELECT run, device FROM device_facts")) == [(run, "a"), (run, "b")]
        assert ask(url, "SELECT id, exit_status FROM runs") == [(run, 0)]
        assert ask(url, "SELECT count(*) FROM attempts") == [(6,)]
        assert sorted(ask(url, "SELECT device FROM events WHERE kind = 'RunAdopted'")) == [("a",), ("b",)]
        rows = other.json("results", "list", "--run", run, "--db", url)
        assert [(row["device"], row["attempts"]) for row in rows] == [("a", 3), ("b", 3)]


def test_latencies_are_stored_without_labels_and_the_scores_once_they_are_here(tmp_path):
    first, run = measured(tmp_path, ["pi"], SCORED)
    other = project_of(tmp_path / "other", ["pi"])

    collected = other.farm("collect")
    without = other.json("results", "list", "--run", run)
    again = other.farm("collect")
    shutil.copy(first.folder / "suite.yaml", other.folder)
    ran = other.process("run", "suite.yaml")
    (scored,) = other.json("collect")
    with_scores = other.json("results", "list", "--run", run)
    rest = other.farm("collect")

    assert collected.returncode == 0, collected.stdout + collected.stderr
    words = " ".join(collected.stdout.split())
    assert f"Scores of run {run} are not stored: they need the labels of phantom" in words
    assert "farm run SUITE" in words
    (row,) = without
    assert (row["attempts"], row["auc_mean"]) == (2, None)
    assert {reason["code"] for reason in row["reasons"]} & {"no-labels", "no-accuracy"} == {"no-labels"}
    assert row["p50_ns"] > 0
    assert "nothing to collect" in again.stdout
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (scored["run"], scored["state"], scored["attempts"], scored["scorings"], scored["labels_missing"]) == (
        run,
        "whole",
        0,
        1,
        [],
    )
    (row,) = with_scores
    assert row["auc_mean"] is not None
    assert "no-labels" not in [reason["code"] for reason in row["reasons"]]
    kinds = Counter(kind for (kind,) in other.rows("SELECT kind FROM events WHERE run = ?", run))
    assert (kinds["LaneStarted"], kinds["AttemptEnded"], kinds["Scored"], kinds["CaseJudged"]) == (1, 2, 1, 2)
    assert len(other.rows("SELECT id FROM attempts WHERE run = ?", run)) == 2
    assert len(other.rows("SELECT id FROM scores WHERE run = ?", run)) == 1
    assert "nothing to collect" in rest.stdout


def test_what_was_stored_and_not_judged_is_judged_by_the_next_collect(tmp_path):
    _, run = measured(tmp_path, ["pi"])
    other = project_of(tmp_path / "other", ["pi"])
    Store.open(f"sqlite:///{other.folder / 'farm.db'}").close()
    with sqlite3.connect(other.folder / "farm.db") as database:
        database.execute(
            "CREATE TRIGGER cut BEFORE INSERT ON events WHEN NEW.kind = 'CaseJudged' BEGIN SELECT RAISE(ABORT, 'cut'); END"
        )

    cut = other.farm("collect")
    with sqlite3.connect(other.folder / "farm.db") as database:
        before = database.execute("SELECT kind FROM events").fetchall()
        database.execute("DROP TRIGGER cut")
    (judged,) = other.json("collect")
    rest = other.farm("collect")

    assert cut.returncode == 1
    assert ("LaneEnded",) in before
    assert (judged["run"], judged["state"], judged["attempts"]) == (run, "whole", 0)
    kinds = Counter(kind for (kind,) in other.rows("SELECT kind FROM events"))
    assert (kinds["LaneStarted"], kinds["AttemptEnded"], kinds["CaseJudged"], kinds["RunEnded"]) == (1, 3, 1, 1)
    assert [row["attempts"] for row in other.json("results", "list", "--run", run)] == [3]
    assert "nothing to collect" in rest.stdout
