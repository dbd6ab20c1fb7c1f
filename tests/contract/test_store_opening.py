"""What a person reads when the results database can't be used."""

from __future__ import annotations

import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
import sqlalchemy

from orchestrator.errors import StoreError
from orchestrator.store import engine, exceptions, migrate
from orchestrator.store.store import Store
from tests.lab.postgres import PASSWORD, binaries, serving
from tests.lab.telling import RUN, started, tell

NOW, NEXT = migrate.NEWEST, "9998"
SECRET = "hush-hush"  # noqa: S105


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "a database is named by its URL"),
        ("farm.db", "a database is named by its URL, not 'farm.db'"),
        ("sqlite:farm.db", "a database is named by its URL"),
        (f"u:{SECRET}@machine/farm", "a database is named by its URL"),
        (f"mysql://u:{SECRET}@machine/farm", "mysql is not a database that farm can use"),
        (f"postgresql://u:{SECRET}@{SECRET}@127.0.0.1:1/farm", "has an unescaped @: write it as %40"),
        (f"postgresql://u:{SECRET}@{SECRET}/{SECRET}@127.0.0.1:1/farm", "has an unescaped @"),
        (f"postgresql://u:a@{SECRET}:{SECRET}@127.0.0.1:1/farm", "in a password @ is written %40"),
        (f"postgresql://u:{SECRET}/{SECRET}:{SECRET}@127.0.0.1:1/farm", "Connection refused"),
        (f"postgresql://u:{SECRET}%40{SECRET}@127.0.0.1:1/farm", "Connection refused"),
        (f"postgresql://u@127.0.0.1:1/farm?sslpassword={SECRET}", "Connection refused"),
        ("postgresql://u@nowhere.invalid/farm", "there is no connection to the server"),
        ("postgresql://u@127.0.0.1:99999999/farm", "its address or options can't be used"),
        ("sqlite:///farm.db?timeout=soon", "its address or options can't be used"),
        (f"sqlite:///{'x' * 300}", "x: File name too long"),
        (f"postgresql+psycopg://u:{SECRET}@machine:port/farm", "the postgresql URL can't be read"),
        (f"postgresql://u:{SECRET}@127.0.0.1:1/farm", "Connection refused"),
        (f"postgresql+asyncpg://u:{SECRET}@127.0.0.1:1/farm", "Connection refused"),
        (f"postgresql://u@127.0.0.1:1/farm?password={SECRET}", "Connection refused"),
        (f"postgresql://u:{SECRET}@127.0.0.1:1/farm?colour=red", 'invalid connection option "colour"'),
        (f"postgresql://u:{SECRET}@127.0.0.1:1/farm?sslmode={SECRET}", "invalid sslmode value"),
        ("sqlite:////nowhere/farm.db", "there is no folder /nowhere"),
    ],
)
def test_a_url_that_cannot_be_used_says_why_and_shows_no_password(url, words):
    with pytest.raises(StoreError) as refused:
        Store.open(url)

    assert words in refused.value.message
    assert SECRET not in str(refused.value).replace(f"sslmode={SECRET}", "")
    assert refused.value.__cause__ is None


def test_a_folder_is_no_database(tmp_path):
    with pytest.raises(StoreError, match="is a folder, not a database"):
        Store.open(f"sqlite:///{tmp_path}")


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path):
    path = tmp_path / "farm.db"
    path.write_text("dear diary, " * 1000)

    with pytest.raises(StoreError, match=r"it is not an SQLite database \(file is not a database\)"):
        Store.open(f"sqlite:///{path}")

    assert path.read_text() == "dear diary, " * 1000


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is a folder that even root can't write to")
def test_a_folder_that_nobody_may_write_to_is_named():
    with pytest.raises(StoreError, match=r"/proc/farm\.db: the file can't be opened \(unable to open database file\)"):
        Store.open("sqlite:////proc/farm.db")


def test_a_database_that_we_may_only_read_is_named():
    # outside pytest's folders, which only their owner may enter; and root, who may write everywhere, becomes nobody
    code = (
        "import os, sys\n"
        "from orchestrator.errors import StoreError\n"
        "from orchestrator.store.store import Store\n"
        "import sqlalchemy.dialects.sqlite\n"
        "if os.geteuid() == 0:\n    os.setuid(65534)\n"
        "try:\n    Store.open(sys.argv[1])\nexcept StoreError as error:\n    print(error.message)\n"
    )
    folder = Path(tempfile.mkdtemp())
    path = folder / "farm.db"
    try:
        path.touch(0o444)
        folder.chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", code, f"sqlite:///{path}"], capture_output=True, text=True, check=False
        )
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)

    assert done.stderr == ""
    assert done.stdout == f"sqlite:///{path}: the file may only be read (attempt to write a readonly database)\n"


def test_a_server_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(engine, "CONNECT_TIMEOUT_S", 2)  # the least that libpq takes
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        began = time.monotonic()

        with pytest.raises(StoreError, match="timeout"):
            Store.open(f"postgresql://u:{SECRET}@127.0.0.1:{mute.getsockname()[1]}/farm")

    assert time.monotonic() - began < 120  # not the default of the operating system, many minutes


def test_whoever_says_how_long_to_wait_is_obeyed(monkeypatch):
    url = sqlalchemy.make_url("postgresql+psycopg://u@machine/farm")
    waits = engine._arguments(url), engine._arguments(url.update_query_dict({"connect_timeout": "60"}))
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "60")

    assert [each.get("connect_timeout") for each in waits] == [engine.CONNECT_TIMEOUT_S, None]
    assert "connect_timeout" not in engine._arguments(url)


@pytest.mark.postgres
def test_a_wrong_password_is_refused_and_not_shown(postgres):
    with pytest.raises(StoreError, match="password authentication failed") as refused:
        Store.open(postgres.url("postgres", password=SECRET))

    assert SECRET not in str(refused.value)
    assert refused.value.__context__ is None or refused.value.__suppress_context__


@pytest.mark.postgres
def test_a_database_that_does_not_exist_is_named(postgres):
    with pytest.raises(StoreError, match='database "elsewhere" does not exist'):
        Store.open(postgres.url("elsewhere"))


@pytest.mark.postgres
def test_a_password_may_come_from_the_environment(postgres, postgres_url, monkeypatch):
    monkeypatch.setenv("PGPASSWORD", postgres.password)
    url = sqlalchemy.make_url(postgres_url)
    without = sqlalchemy.URL.create("postgresql", username="farm", database=url.database, query=url.query)

    with Store.open(str(without)) as store:
        assert store.runs() == ()


@pytest.mark.postgres
def test_a_user_who_may_not_read_is_told_so(postgres, postgres_url):
    Store.open(postgres_url).close()
    postgres.execute("CREATE USER guest PASSWORD 'guest'")
    name = sqlalchemy.make_url(postgres_url).database

    with pytest.raises(StoreError, match="permission denied for table"):
        Store.open(postgres.url(name, user="guest", password="guest"))  # noqa: S106


def test_a_database_of_a_newer_farm_is_refused(database_url):
    Store.open(database_url).close()
    write(database_url, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(StoreError, match="schema 9999, which this farm does not know") as refused:
        Store.open(database_url)

    assert refused.value.hint == "use the newer farm that made it"
    opened = engine.connect(database_url)
    with pytest.raises(StoreError, match="schema 9999"):
        migrate.upgrade(opened)
    opened.dispose()


def test_a_database_of_an_older_farm_names_the_command_that_helps(database_url, monkeypatch, tmp_path):
    Store.open(database_url).close()
    next_farm(tmp_path / "migrations", monkeypatch)

    with pytest.raises(StoreError, match=f"schema {NOW}, this farm needs {NEXT}") as refused:
        Store.open(database_url)

    assert refused.value.hint == "back it up, then: farm db upgrade"
    opened = engine.connect(database_url)
    assert migrate.upgrade(opened) == NEXT
    opened.dispose()
    with Store.open(database_url) as store:
        assert store.runs() == ()


def test_a_migration_that_fails_leaves_the_database_as_it_was(database_url, monkeypatch, tmp_path):
    Store.open(database_url).close()
    next_farm(tmp_path / "migrations", monkeypatch, more='op.execute("SELECT * FROM nothing_of_ours")')
    opened = engine.connect(database_url)

    with pytest.raises(StoreError, match="is not upgraded, and is as it was"):
        migrate.upgrade(opened)

    with opened.connect() as connection:
        assert migrate.current(connection) == NOW
        assert "colour" not in {column["name"] for column in sqlalchemy.inspect(connection).get_columns("runs")}
    opened.dispose()


def test_tables_of_another_program_are_left_alone(database_url):
    write(database_url, "CREATE TABLE cases (patient TEXT)")

    with pytest.raises(StoreError, match=r"another program's.* table"):
        Store.open(database_url)

    opened = sqlalchemy.create_engine(database_url)
    assert sqlalchemy.inspect(opened).get_table_names() == ["cases"]
    opened.dispose()


def test_a_question_that_the_database_refuses_is_a_store_error(database_url):
    with Store.open(database_url) as store:
        write(database_url, "ALTER TABLE runs RENAME TO elsewhere")

        with pytest.raises(StoreError, match="runs"):
            store.runs()


def test_opening_leaves_no_connection_behind(tmp_path):
    code = (
        "import sys\n"
        "from orchestrator.errors import StoreError\n"
        "from orchestrator.store.store import Store\n"
        "try:\n    Store.open(sys.argv[1])\nexcept StoreError:\n    print('refused')\n"
    )
    path = tmp_path / "farm.db"
    path.write_text("dear diary, " * 1000)

    done = subprocess.run(
        [sys.executable, "-W", "error", "-X", "dev", "-c", code, f"sqlite:///{path}"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr) == ("refused\n", "")


def write(url, *statements):
    opened = sqlalchemy.create_engine(url)
    with opened.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    opened.dispose()


def next_farm(folder, monkeypatch, more="pass"):
    """Pretend that this farm brings one migration more."""
    shutil.copytree(migrate.folder(), folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "next.py").write_text(
        f"import sqlalchemy as sa\nfrom alembic import op\n\nrevision = {NEXT!r}\ndown_revision = {NOW!r}\n\n"
        "def upgrade():\n"
        "    op.add_column('runs', sa.Column('colour', sa.Text()))\n"
        f"    {more}\n"
    )
    monkeypatch.setattr(migrate, "folder", lambda: folder)
    monkeypatch.setattr(migrate, "NEWEST", NEXT)


def test_connections_to_a_new_file_at_the_same_moment_all_succeed(tmp_path):
    refused = []

    def connect(barrier, url):
        barrier.wait()
        try:
            engine.connect(url).dispose()
        except StoreError as error:
            refused.append(error.message)

    for number in range(100):  # without `_write_ahead`, about every tenth moment refuses one
        barrier = threading.Barrier(4)
        url = f"sqlite:///{tmp_path / str(number)}.db"
        threads = [threading.Thread(target=connect, args=(barrier, url)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert refused == []


@pytest.mark.postgres
def test_a_database_without_an_encoding_holds_every_character(postgres):
    with serving(binaries(), encoding=None) as server:  # what `LC_ALL=C initdb` makes, as in many containers
        with Store.open(server.url("postgres")) as store:
            tell(store, started(dataset="Röntgen 肺"))
        with Store.open(server.url("postgres")) as store:
            assert store.run("latest").dataset == "Röntgen 肺"

        with psycopg.connect(host=str(server.folder), dbname="postgres", user="farm", password=PASSWORD) as connection:
            assert connection.execute("SHOW server_encoding").fetchone()[0] in ("SQL_ASCII", b"SQL_ASCII")


def test_an_encoding_that_the_url_names_is_obeyed():
    url = sqlalchemy.make_url("postgresql+psycopg://u@machine/farm?client_encoding=latin1")

    assert "client_encoding" not in engine._arguments(url)


def test_a_locked_database_says_so_and_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setattr(exceptions, "BUSY_TIMEOUT_MS", 50)
    url = f"sqlite:///{tmp_path / 'farm.db'}"
    with Store.open(url) as store, closing(sqlite3.connect(tmp_path / "farm.db")) as other:
        other.execute("BEGIN IMMEDIATE")

        with pytest.raises(StoreError, match=r"another process keeps it locked.*\(database is locked\)") as refused:
            tell(store, started())

    assert "end the process that uses the database" in refused.value.hint


def test_a_damaged_database_says_so(tmp_path):
    path = tmp_path / "farm.db"
    with Store.open(f"sqlite:///{path}") as store:
        tell(store, started())
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"x" * (len(content) - 4096))

    with pytest.raises(StoreError, match=r"the file is damaged \(database disk image is malformed\)"):
        Store.open(f"sqlite:///{path}")


def test_a_damaged_value_says_so(tmp_path):
    url = f"sqlite:///{tmp_path / 'farm.db'}"
    with Store.open(url) as store:
        tell(store, started())
        write(url, "UPDATE runs SET suite = '{'")

        with pytest.raises(
            StoreError, match="the database is damaged: table runs, column suite, row run-1: JSON is expected"
        ):
            store.runs()


def test_a_database_that_is_gone_says_so(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    with Store.open(f"sqlite:///{folder / 'farm.db'}") as store:
        shutil.rmtree(folder)

        with pytest.raises(StoreError, match=r"project/farm\.db: the file"):
            tell(store, started())


def test_a_server_that_stops_in_the_middle_says_so(postgres, postgres_url):
    with Store.open(postgres_url) as store, store._engine.connect():
        postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'farm_%'")

        with pytest.raises(StoreError) as refused:
            store._engine.connect().exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")

    assert SECRET not in str(refused.value)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("statements", "words"),
    [
        (["CREATE TABLE moz_places (url TEXT)"], "the database is another program's: it has the table moz_places"),
        (
            [
                *(f"CREATE TABLE t{number} (x INT)" for number in range(5)),
                "CREATE TABLE alembic_version (version_num TEXT)",
                "INSERT INTO alembic_version VALUES ('e959f08ac86c')",
            ],
            "the database is another program's: it has the tables t0, t1, t2 …",
        ),
    ],
)
def test_the_database_of_another_program_is_refused_and_left_as_it_is(tmp_path, statements, words):
    url = f"sqlite:///{tmp_path / 'places.db'}"
    write(url, *statements)
    before = tables(url)

    for create in (True, False):
        with pytest.raises(StoreError, match=re.escape(words)):
            Store.open(url, create=create)

    assert tables(url) == before


def test_without_creating_a_question_finds_an_empty_store_and_leaves_nothing(database_url, tmp_path):
    with Store.open(database_url, create=False) as store:
        assert store.runs() == ()
        assert store.results() == []
        assert store.devices() == ()

    assert not any(tmp_path.iterdir())
    with Store.open(database_url) as store:
        tell(store, started())
    with Store.open(database_url, create=False) as store:
        assert [row.id for row in store.runs()] == [RUN]


#: Result codes that only a bug of ours brings about: their words are enough for whoever mends it.
OURS = {"INTERNAL", "ABORT", "NOMEM", "INTERRUPT", "NOTFOUND", "PROTOCOL", "EMPTY", "SCHEMA", "TOOBIG", "CONSTRAINT", "MISMATCH", "MISUSE", "NOLFS", "FORMAT", "RANGE", "ERROR"}  # fmt: skip
THEIRS = {"PERM", "BUSY", "LOCKED", "READONLY", "IOERR", "CORRUPT", "FULL", "CANTOPEN", "AUTH", "NOTADB"}


def test_every_result_code_of_sqlite_is_a_users_affair_or_a_bug():
    codes = {name: getattr(sqlite3, f"SQLITE_{name}") for name in OURS | THEIRS}

    assert sorted(codes.values()) == list(range(1, 27)), "all primary result codes"
    assert {codes[name] for name in THEIRS} == set(exceptions.SQLITE)


@pytest.mark.parametrize("code", sorted(exceptions.POSTGRESQL))
def test_every_class_of_postgresqls_errors_that_we_name_is_one_that_psycopg_knows(code):
    known = [state for state in psycopg.errors._sqlcodes if isinstance(state, str) and state.startswith(code)]

    assert known
    assert exceptions.meaning_of(psycopg.errors.lookup(known[0])()) is not None


def tables(url):
    opened = sqlalchemy.create_engine(url)
    try:
        return set(sqlalchemy.inspect(opened).get_table_names())
    finally:
        opened.dispose()
