"""A database of every schema that there was, as its own farm stored it, is upgraded."""

from __future__ import annotations

import pytest

from orchestrator.store import engine, integrity, migrate
from orchestrator.store.store import Store
from orchestrator.testing import make_case
from tests.lab.databases import restore, stored
from tests.lab.telling import RUN


def test_there_is_a_database_of_every_schema_before_todays():
    older = {script.revision for script in migrate._script().walk_revisions()} - {migrate.NEWEST}

    assert older <= set(stored()), "before a migration lands: python -m tests.lab.databases"


@pytest.mark.parametrize("revision", stored())
def test_a_database_of_an_older_farm_is_upgraded_with_all_that_is_in_it(revision, database_url):
    restore(revision, database_url)
    opened = engine.connect(database_url)
    with opened.connect() as connection:
        assert migrate.current(connection) == revision

    migrate.upgrade(opened)

    assert list(integrity.findings(opened)) == []
    opened.dispose()
    with Store.open(database_url) as store:
        (row,) = store.results(run=RUN)
        assert (row.case, row.attempts) == (str(make_case()), 1)
        assert row.verdict in {"VALID", "WARN"}
        assert row.p50_ns == 1_000_000.0
        assert store.results() == [row]
        (attempt,) = store.measurements(RUN, make_case())
        assert len(attempt.latency_ns) == 128
        assert attempt.versions
        assert store.scores(RUN, make_case()) is not None
        assert [run.id for run in store.runs()] == [RUN]
        assert store.run("release-1" if revision >= "0007" else RUN).cases == 2
