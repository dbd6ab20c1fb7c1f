"""`farm db`: what a person does with the database itself."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from orchestrator.store import migrate
from orchestrator.store.store import Store
from tests.lab.project import Project
from tests.lab.telling import everything_that_can_happen, started


@pytest.fixture
def project(tmp_path):
    (tmp_path / "home").mkdir()
    return Project(folder=tmp_path)


@pytest.fixture
def filled(project):
    with Store.open(f"sqlite:///{project.folder / 'farm.db'}") as store:
        store.record(*everything_that_can_happen())
    return project


def execute(file, statement):
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize(
    "words", [("replay",), ("current",), ("check",), ("backup", "x.db"), ("copy", "sqlite:///x.db")], ids=" ".join
)
def test_where_there_is_no_database_none_is_made(project, words):
    done = project.farm("db", *words)

    assert "Traceback" not in done.stderr
    assert [path.name for path in project.folder.iterdir()] == ["home"]
    shown = {"replay": "no events wait", "current": "none yet", "check": "none yet"}
    assert shown.get(words[0], "there is no such file") in done.stdout + done.stderr


def test_a_sound_database_is_called_sound(filled):
    done = filled.farm("db", "check")

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == ["sound"]


def test_a_damaged_database_is_described_and_the_status_is_1(filled):
    execute(filled.folder / "farm.db", "UPDATE attempts SET wall_ns = 'soon'")

    checked = filled.farm("db", "check")
    asked = filled.farm("results", "show", "local/tiny-cxr/float32/litert/t1/b1")

    assert checked.returncode == 1
    assert "table attempts, column wall_ns, row attempt-1: a whole number is expected, not this text" in checked.stdout
    assert "restore a backup" in checked.stderr
    assert asked.returncode == 1
    assert "table attempts, column wall_ns, row attempt-1" in asked.stderr
    assert "farm db check" in asked.stderr


def test_an_old_database_is_backed_up_before_it_is_upgraded(filled):
    file = filled.folder / "farm.db"
    downgrade(filled, "0009")

    refused = filled.farm("results")
    current = filled.farm("db", "current")
    upgraded = filled.farm("db", "upgrade")

    assert "farm db upgrade" in refused.stderr
    assert (current.returncode, "schema 0009, this farm needs" in current.stdout) == (1, True)
    assert upgraded.returncode == 0, upgraded.stderr
    kept = filled.folder / "farm-schema-0009.db"
    assert upgraded.stdout.splitlines() == [f"schema 0009, backed up in {kept}", f"schema {migrate.NEWEST}"]
    with closing(sqlite3.connect(kept)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0009",)
    assert filled.farm("db", "current").returncode == 0
    assert file.exists()


def test_an_upgrade_leaves_nothing_of_what_it_removed_in_free_pages(filled):
    file = filled.folder / "farm.db"
    downgrade(filled, "0014")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA secure_delete = OFF")
        connection.execute(
            "UPDATE devices SET entry = ?", ('{"address": "pi.secret.example", "notes": "%s"}' % ("x" * 9000),)
        )
        connection.commit()
        connection.execute("UPDATE devices SET entry = '{}'")
        connection.commit()
    before = b"pi.secret.example" in file.read_bytes()

    upgraded = filled.farm("db", "upgrade", "--no-backup")

    assert before
    assert upgraded.returncode == 0, upgraded.stderr
    assert b"pi.secret.example" not in file.read_bytes()


def downgrade(project, revision):
    from alembic import command

    from orchestrator.store import engine

    opened = engine.connect(f"sqlite:///{project.folder / 'farm.db'}")
    with opened.connect().execution_options(writes=True) as connection, connection.begin():
        config = migrate._config()
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
    opened.dispose()


def test_a_backup_is_a_database_like_any_other(filled):
    done = filled.farm("db", "backup", "kept.db")
    again = filled.farm("db", "backup", "kept.db")

    assert (done.returncode, done.stdout) == (0, "backed up in kept.db\n")
    assert again.returncode == 1
    assert "there is a file already" in again.stderr
    assert filled.json("results", "--db", "sqlite:///kept.db") == filled.json("results") != []


@pytest.mark.postgres
def test_a_copy_shows_what_it_compared_and_warns_of_a_password(filled, postgres_url):
    done = filled.farm("db", "copy", postgres_url)

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "the same in both databases"
    assert any(line.split()[:3] == ["attempts", "1", "rows"] for line in done.stdout.splitlines())
    assert "it's-a" not in done.stderr + done.stdout
    assert "other users of this machine can read the password" in done.stderr
    assert json.loads(filled.farm("results", "--json", FARM_DB=postgres_url).stdout) == filled.json("results") != []


def test_a_password_in_the_environment_is_no_reason_to_warn(filled):
    url = "postgresql+psycopg://me:hush-hush@127.0.0.1:1/farm"

    shown = filled.farm("results", "--db", url)
    hidden = filled.farm("results", FARM_DB=url)
    by_option = filled.farm("results", "--db", "postgresql+psycopg://me@127.0.0.1:1/farm?password=hush-hush")

    assert shown.stderr.count("other users of this machine") == 1
    assert "other users of this machine" in by_option.stderr
    assert "other users of this machine" not in hidden.stderr
    assert "hush-hush" not in shown.stderr + hidden.stderr + by_option.stderr


def test_what_waits_for_another_database_is_left_to_it(filled):
    from orchestrator.store.spool import Spool

    file = Spool.open(filled.folder / ".farm" / "spool", "run-9", "postgresql+psycopg://machine/farm")
    file.write([started("run-9")])
    file.close()

    done = filled.farm("db", "replay")

    assert "events of run run-9 wait for another database, postgresql+psycopg://machine/farm" in done.stdout
    assert file.path.exists()


@pytest.mark.parametrize("words", [("results",), ("runs",), ("results", "best"), ("report",)], ids=" ".join)
def test_a_database_that_is_named_must_be_there_to_be_asked(project, words):
    done = project.farm(*words, "--db", "sqlite:////nope/x.db")

    assert done.returncode == 2
    assert "sqlite:////nope/x.db: no such database" in done.stderr
    assert "Traceback" not in done.stderr
