"""Whoever may only read can ask everything."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from orchestrator.domain import event as happened
from orchestrator.errors import StoreError
from orchestrator.store.store import Store
from orchestrator.testing import make_case, make_scores
from tests.lab.postgres import PASSWORD
from tests.lab.telling import RUN, ended, judged, lane_started, ready, started, tell

NOBODY = 65534


def fill(store):
    tell(store, started(), ready(), lane_started(), ended(offset=1), judged())
    tell(store, judged(make_case(scheme="int8"), p50_ns=5e5))
    tell(store, happened.Scored(run=RUN, device="local", scores=make_scores()))


def everything(url):
    """Return what a database answers to each question."""
    case = make_case()
    with Store.open(url, create=False) as store:
        return (
            *(store.results(), store.results(run=RUN), store.count_results(), store.runs(), store.run("latest")),
            *(
                store.devices(),
                store.lanes(RUN),
                store.done_steps(RUN),
                store.artifact("a" * 64, RUN, make_case()),
                store.skips(RUN),
            ),
            *(
                store.measurements(RUN, case),
                store.scores(RUN, case),
                store.facts(RUN, "local"),
                store.profiles(RUN, case),
            ),
            *(store.attempt_times("local", [RUN]), store.noise_floor("local"), store.artifacts_announced(RUN)),
            *(store.sql(f"SELECT * FROM {view}").columns for view in ("v_results", "v_devices")),  # noqa: S608
        )


@pytest.fixture
def folder():
    """A folder that everybody may enter, unlike pytest's."""
    made = Path(tempfile.mkdtemp(prefix="farm-read-only-"))
    made.chmod(0o755)
    yield made
    made.chmod(0o755)
    shutil.rmtree(made)


@contextmanager
def without_rights():
    """Be a user who owns nothing, where we are root."""
    was_root = os.geteuid() == 0
    if was_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if was_root:
            os.seteuid(0)


def left_by_a_writer(folder, *suffixes):
    """Make a database whose writer still has it open, and copy it with the files beside it that have these suffixes."""
    used, copy = folder / "used.db", folder / "farm.db"
    with Store.open(f"sqlite:///{used}") as store:
        fill(store)
        expected = everything(f"sqlite:///{used}")
        for suffix in ("", *suffixes):
            shutil.copyfile(f"{used}{suffix}", f"{copy}{suffix}")
    return copy, expected


@pytest.mark.parametrize("suffixes", [(), ("-wal", "-shm"), ("-wal",)], ids=["closed", "in use", "killed"])
def test_a_file_without_write_permission_answers_everything(folder, suffixes):
    path, expected = left_by_a_writer(folder, *suffixes)
    if not suffixes:
        path = folder / "used.db"
    for file in folder.iterdir():
        file.chmod(0o444)
    folder.chmod(0o555)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}

    with without_rights():
        answers = everything(f"sqlite:///{path}")
        with pytest.raises(StoreError):
            Store.open(f"sqlite:///{path}").record(started("another"))

    assert answers == expected
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


@pytest.mark.parametrize("suffixes", [(), ("-wal",)], ids=["closed", "killed"])
def test_a_read_only_mount_answers_everything(folder, suffixes):
    if os.geteuid() != 0:
        pytest.skip("mounting takes root")
    mount = folder / "mount"
    mount.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "farm", str(mount)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"no mount here: {done.stderr.decode().strip()}")
    try:
        path, expected = left_by_a_writer(mount, *suffixes)
        subprocess.run(["mount", "-o", "remount,ro", str(mount)], check=True)

        assert everything(f"sqlite:///{path if suffixes else mount / 'used.db'}") == expected
    finally:
        subprocess.run(["umount", "-l", str(mount)], check=True)


@pytest.mark.postgres
def test_a_role_that_may_only_select_asks_everything(postgres, postgres_url):
    database = postgres_url.partition("?")[0].rpartition("/")[2]
    with Store.open(postgres_url) as store:
        fill(store)
    expected = everything(postgres_url)
    postgres.execute("DROP ROLE IF EXISTS reader")
    postgres.execute(f"CREATE ROLE reader LOGIN PASSWORD '{PASSWORD.replace(chr(39), chr(39) * 2)}'")
    with Store.open(postgres_url) as store, store._engine.begin() as connection:
        connection.exec_driver_sql("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")

    as_reader = postgres.url(database, user="reader")

    assert everything(as_reader) == expected
    with Store.open(as_reader, create=False) as store, pytest.raises(StoreError, match="may not do that"):
        store.record(started("another"))
    with Store.open(postgres_url) as store, store._engine.begin() as connection:
        connection.exec_driver_sql("DROP OWNED BY reader")
    postgres.execute("DROP ROLE reader")
