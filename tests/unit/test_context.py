"""What commands share: the project's files."""

from __future__ import annotations

import pytest

from orchestrator.cli.context import existing_store, open_store


@pytest.mark.parametrize(("opening", "names"), [(existing_store, []), (open_store, ["farm.db"])])
def test_a_question_creates_no_database_and_a_run_does(opening, names, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FARM_DB", raising=False)

    with opening() as store:
        rows = store.results()

    assert list(rows) == []
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file() and path.suffix == ".db") == names
