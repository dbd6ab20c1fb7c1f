"""Databases backed up, copied to another kind, upgraded with a copy beside."""

from __future__ import annotations

import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing

import pytest
import sqlalchemy

from orchestrator.domain import event as happened
from orchestrator.errors import StoreError
from orchestrator.store import backup, copying, digest, engine, migrate
from orchestrator.store.store import Store
from orchestrator.testing import make_case, make_measurement, make_scores
from tests.lab.telling import RUN, ended, everything_that_can_happen, started

COPYING = """
import sys
from orchestrator.store import copying, engine

source, target = (engine.connect(url) for url in sys.argv[1:])
batches_of = copying._batches

def shown(rows):
    for batch in batches_of(rows):
        if "wall_ns" in batch[0]._fields and "golden_max_difference" in batch[0]._fields:
            print("batch", flush=True)
        yield batch

copying._batches = shown
copying._ROWS = 20
copying.copy(source, target)
print("done", flush=True)
"""


@pytest.fixture
def opened():
    """Open databases by their URLs; all are closed at the end."""
    engines = []

    def connect(url):
        engines.append(engine.connect(url))
        return engines[-1]

    yield connect
    for each in engines:
        each.dispose()


def fill(url, attempts=100):
    with Store.open(url) as store:
        store.record(*everything_that_can_happen())
        store.record(
            happened.Scored(run=RUN, scores=make_scores(scoring="s2", device="pi", scores=bytes(8), shape=(1, 2)))
        )
        store.record(
            *(
                ended(make_measurement([number] * 50, attempt=f"more-{number}", number=number, case=make_case(threads=number % 7 + 1)))
                for number in range(attempts)
            )
        )  # fmt: skip


@pytest.fixture
def source(tmp_path):
    url = f"sqlite:///{tmp_path / 'source.db'}"
    fill(url)
    return url


def digests(opened, url):
    with opened(url).connect() as connection:
        return {table.name: digest.digest_of(connection, table) for table in copying.TABLES}


def execute(url, statement):
    connected = sqlalchemy.create_engine(url)
    with connected.begin() as connection:
        connection.exec_driver_sql(statement)
    connected.dispose()


def test_a_copy_holds_the_same_and_goes_on_counting(source, database_url, opened):
    target = database_url

    copied = copying.copy(opened(source), opened(target))

    assert digests(opened, source) == digests(opened, target) == {each.table: each.digest for each in copied}
    with Store.open(target) as store:
        assert len(store.done_steps(RUN)) == 104
        store.record(happened.LinkLost(run=RUN, device="local", reason="x"))
        store.record(happened.CaseSkipped(run=RUN, case=make_case(threads=99), reason="new"))
        assert len(store.skips(RUN)) == 2


@pytest.mark.postgres
def test_there_and_back_again_is_the_same(source, postgres_url, tmp_path, opened):
    back = f"sqlite:///{tmp_path / 'back.db'}"

    copying.copy(opened(source), opened(postgres_url))
    copying.copy(opened(postgres_url), opened(back))

    assert digests(opened, source) == digests(opened, back)


def test_copying_twice_changes_nothing(source, database_url, opened):
    first = copying.copy(opened(source), opened(database_url))

    assert copying.copy(opened(source), opened(database_url)) == first


def test_a_target_with_other_content_is_refused_and_left_as_it_is(source, database_url, opened):
    with Store.open(database_url) as store:
        store.record(started("another"))
    before = digests(opened, database_url)

    with pytest.raises(StoreError, match="holds other results, which a copy would overwrite"):
        copying.copy(opened(source), opened(database_url))

    assert digests(opened, database_url) == before


def test_the_database_of_another_program_is_no_target(source, tmp_path, opened):
    other = f"sqlite:///{tmp_path / 'places.db'}"
    execute(other, "CREATE TABLE places (x INT)")

    with pytest.raises(StoreError, match="another program's"):
        copying.copy(opened(source), opened(other))


def test_a_database_is_not_copied_into_itself(source, opened):
    with pytest.raises(StoreError, match="one database"):
        copying.copy(opened(source), opened(source))


def test_a_copy_killed_in_the_middle_is_refused_to_others_and_finished_by_the_next_one(source, database_url, opened):
    command = [sys.executable, "-c", COPYING, source, database_url]
    copier = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    for _ in range(3):
        assert copier.stdout.readline() == "batch\n"
    copier.send_signal(signal.SIGKILL)
    copier.communicate()

    with pytest.raises(StoreError, match="a copy into this database is not finished"):
        Store.open(database_url)
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert done.stdout.count("batch") in {6 - 2, 6 - 3}, "what was there is not copied again"
    assert digests(opened, source) == digests(opened, database_url)
    with Store.open(database_url) as store:
        assert store.run(RUN).id == RUN


def test_a_copy_of_another_database_is_not_continued(source, database_url, tmp_path, opened):
    other = f"sqlite:///{tmp_path / 'other.db'}"
    fill(other, attempts=1)
    copying._begin(opened(database_url), engine.name_of(sqlalchemy.make_url(other)))

    with pytest.raises(StoreError, match=r"a copy of another database, .*other\.db, is not finished there"):
        copying.copy(opened(source), opened(database_url))


def test_a_source_that_changed_meanwhile_is_noticed(source, database_url, opened):
    copying._begin(opened(database_url), engine.name_of(sqlalchemy.make_url(source)))
    with opened(source).connect() as reading:
        for table in copying.TABLES:
            copying._copy_table(reading, opened(database_url), table)
    execute(source, "UPDATE runs SET dataset = 'changed'")

    with pytest.raises(StoreError, match="table runs differs: 1 rows in the source, 1 in the target"):
        copying.copy(opened(source), opened(database_url))


def test_a_backup_is_the_same_in_one_file_of_this_user_alone(database_url, tmp_path, opened):
    fill(database_url)
    file = tmp_path / "backup.db"

    backup.backup(opened(database_url), file)

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("backup.db") and path != file]
    assert digests(opened, f"sqlite:///{file}") == digests(opened, database_url)


def test_a_backup_replaces_no_file(source, tmp_path, opened):
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(StoreError, match="there is a file already"):
        backup.backup(opened(source), tmp_path / "mine.txt")

    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_a_backup_that_can_not_be_written_says_why(source, tmp_path, opened):
    with pytest.raises(StoreError, match=r"nowhere/x\.db: No such file or directory"):
        backup.backup(opened(source), tmp_path / "nowhere" / "x.db")


def test_an_old_file_is_backed_up_beside_itself_before_it_is_upgraded(source, tmp_path, opened):
    execute(source, "UPDATE alembic_version SET version_num = '0009'")

    kept = [backup.before_upgrade(opened(source), "0009") for _ in range(2)]

    assert [path.name for path in kept] == ["source-schema-0009.db", "source-schema-0009-2.db"]
    with closing(sqlite3.connect(kept[0])) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0009",)
        assert connection.execute("SELECT count(*) FROM attempts").fetchone() == (101,)


def test_nothing_is_upgraded_where_it_can_not_be_backed_up_before(source, opened, monkeypatch):
    execute(source, "UPDATE alembic_version SET version_num = '0009'")

    def refuse(_):
        raise StoreError("the disk is full")

    with pytest.raises(StoreError, match="the disk is full"):
        migrate.upgrade(opened(source), before=refuse)

    with opened(source).connect() as connection:
        assert migrate.current(connection) == "0009"
