"""Runs that one process at a time stores."""

from __future__ import annotations

import stat
import subprocess
import sys
import threading

import pytest

from orchestrator.errors import StoreError
from orchestrator.store.store import Store

RUN = "run-1"
#: A process that says whether a run is its own.
FOLLOW = """
from orchestrator.store.store import Store
with Store.open({url!r}) as store, store.following({run!r}) as is_ours:
    print(is_ours)
"""


def test_a_run_is_followed_by_one_process_at_a_time(migrated_url):
    with Store.open(migrated_url) as one, Store.open(migrated_url) as other:
        with one.following(RUN) as is_ours, other.following("run-2") as is_theirs:
            assert (is_ours, is_theirs) == (True, True)
        with other.following(RUN) as is_ours:
            assert is_ours


def test_a_run_in_memory_is_ours_and_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Store.open("sqlite:///:memory:") as store, store.following(RUN) as is_ours:
        assert is_ours
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_locked_once_whatever_link_leads_to_it(tmp_path):
    Store.open(f"sqlite:///{tmp_path / 'farm.db'}").close()
    (tmp_path / "link.db").symlink_to("farm.db")
    other = FOLLOW.format(url=f"sqlite:///{tmp_path / 'link.db'}", run=RUN)

    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store, store.following(RUN):
        refused = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True, check=True)
    free = subprocess.run([sys.executable, "-c", other], capture_output=True, text=True, check=True)

    assert (refused.stdout, free.stdout) == ("False\n", "True\n")


def test_whoever_waits_has_the_run_once_another_process_left_it(migrated_url):
    with subprocess.Popen(
        [sys.executable, "-c", f"{FOLLOW.format(url=migrated_url, run=RUN)}    input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as other:
        assert other.stdout.readline() == "True\n"
        with Store.open(migrated_url) as store:
            with store.following(RUN) as is_ours:
                assert not is_ours
            threading.Timer(0.5, other.stdin.write, ["\n"]).start()
            with store.following(RUN, wait_s=300) as is_ours:
                assert is_ours


def test_who_may_write_a_database_may_lock_a_run_in_it(tmp_path):
    path = tmp_path / "farm.db"
    with Store.open(f"sqlite:///{path}") as store:
        path.chmod(0o660)
        with store.following(RUN):
            pass

    assert stat.S_IMODE((tmp_path / "farm.db-lock").stat().st_mode) == 0o660


def test_a_link_that_somebody_planted_is_not_followed(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("")
    secret.chmod(0o600)
    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store:
        (tmp_path / "farm.db-lock").symlink_to(secret)
        with pytest.raises(StoreError, match=r"farm\.db-lock"), store.following(RUN):
            pass

    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
