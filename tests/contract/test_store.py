"""What every database must do with what a run tells it."""

from __future__ import annotations

from orchestrator.store.store import Store


def test_a_new_database_is_empty(database_url):
    with Store.open(database_url) as store:
        assert store.runs() == ()
        assert store.results() == []
