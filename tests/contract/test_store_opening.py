"""What a person reads when the results database can't be used."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy

from orchestrator.errors import StoreError
from orchestrator.store import engine, migrate
from orchestrator.store.store import Store

NOW, NEXT = migrate.newest(), "9998"
SECRET = "hush-hush"  # noqa: S105


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "'' is no database farm can use"),
        ("farm.db", "'farm.db' is no database farm can use"),
        ("sqlite:farm.db", "is no database farm can use"),
        (f"mysql://u:{SECRET}@machine/farm", "'mysql' is no database farm can use"),
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

    with pytest.raises(StoreError, match="file is not a database"):
        Store.open(f"sqlite:///{path}")

    assert path.read_text() == "dear diary, " * 1000


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is a folder that even root can't write to")
def test_a_folder_that_nobody_may_write_to_is_named():
    with pytest.raises(StoreError, match=r"/proc/farm\.db: can't be opened: unable to open database file"):
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
    assert done.stdout == f"sqlite:///{path}: can't be opened: attempt to write a readonly database\n"


def test_a_server_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(engine, "CONNECT_TIMEOUT_S", 2)  # the least that libpq takes
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        began = time.monotonic()

        with pytest.raises(StoreError, match="timeout"):
            Store.open(f"postgresql://u:{SECRET}@127.0.0.1:{mute.getsockname()[1]}/farm")

    assert time.monotonic() - began < 30


def test_whoever_says_how_long_to_wait_is_obeyed(monkeypatch):
    url = sqlalchemy.make_url("postgresql+psycopg://u@machine/farm")
    waits = engine._timeout(url), engine._timeout(url.update_query_dict({"connect_timeout": "60"}))
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "60")

    assert waits == ({"connect_timeout": engine.CONNECT_TIMEOUT_S}, {})
    assert engine._timeout(url) == {}


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

    with pytest.raises(StoreError, match="can't be upgraded, and is as it was"):
        migrate.upgrade(opened)

    with opened.connect() as connection:
        assert migrate.current(connection) == NOW
        assert "colour" not in {column["name"] for column in sqlalchemy.inspect(connection).get_columns("runs")}
    opened.dispose()


def test_tables_of_another_program_are_left_alone(database_url):
    write(database_url, "CREATE TABLE cases (patient TEXT)")

    with pytest.raises(StoreError, match="can't be upgraded"):
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
