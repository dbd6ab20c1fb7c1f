"""What every database must do with the names that people give runs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from orchestrator.errors import UnknownName, UsageError
from orchestrator.store.store import Store
from orchestrator.testing import MIDNIGHT
from tests.lab.telling import started, tell

OLD, NEW = "20260101-000000-aaaa", "20260102-000000-bbbb"


@pytest.fixture
def store(migrated_url):
    with Store.open(migrated_url) as opened:
        tell(opened, started(OLD), started(NEW, at=MIDNIGHT + timedelta(days=1)))
        yield opened


def names(store):
    return {row.id: row.name for row in store.runs()}


def test_a_run_is_found_by_its_name(store):
    store.name_run(OLD, "release-1")

    assert store.run("release-1").id == OLD
    assert names(store) == {OLD: "release-1", NEW: None}


def test_the_beginning_of_a_name_is_no_name_and_the_nearest_one_is_offered(store):
    store.name_run(OLD, "release-1")

    with pytest.raises(UnknownName, match="did you mean 'release-1'"):
        store.run("release")


def test_two_runs_never_share_a_name_and_it_moves_where_that_is_asked_for(store):
    store.name_run(OLD, "baseline")

    with pytest.raises(UsageError, match=f"the run {OLD} is called baseline already") as refused:
        store.name_run(NEW, "baseline")
    assert refused.value.hint == f"farm runs name {NEW} baseline --move"
    assert names(store) == {OLD: "baseline", NEW: None}

    store.name_run(NEW, "baseline", take=True)
    assert names(store) == {OLD: None, NEW: "baseline"}


def test_a_run_has_one_name_and_may_lose_it(store):
    store.name_run(OLD, "first")
    store.name_run(OLD, "second")
    store.name_run(OLD, "second")
    assert names(store) == {OLD: "second", NEW: None}

    store.unname_run(OLD)
    assert names(store) == {OLD: None, NEW: None}
    store.name_run(NEW, "second")


def test_a_name_that_is_the_beginning_of_an_id_is_refused(store):
    tell(store, started("imported-0001"))

    with pytest.raises(UsageError, match="an id of a run begins with 'import'"):
        store.name_run(OLD, "import")


def test_a_run_that_is_resumed_keeps_its_name(store):
    store.name_run(OLD, "kept")

    tell(store, started(OLD))

    assert store.run("kept").id == OLD
