"""Values that no column can have, in a file that a hand or a failing disk changed."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from orchestrator.errors import StoreError
from orchestrator.store import engine, integrity
from orchestrator.store.store import Store
from orchestrator.testing import make_case
from tests.lab.telling import RUN, everything_that_can_happen


@pytest.fixture
def url(tmp_path):
    address = f"sqlite:///{tmp_path / 'farm.db'}"
    with Store.open(address) as store:
        store.record(*everything_that_can_happen())
    return address


def change(tmp_path, statement):
    with closing(sqlite3.connect(tmp_path / "farm.db")) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute(statement)
        connection.commit()


def read_everything(url):
    with Store.open(url) as store:
        store.runs()
        store.devices()
        store.results()
        store.lanes(RUN)
        store.measurements(RUN, make_case())
        store.scores(RUN, make_case())
        store.facts(RUN, "local")
        store.artifact("a" * 64, RUN, make_case())
        store.skips(RUN)
        store.artifacts_announced(RUN)


def findings(url):
    opened = engine.connect(url)
    try:
        return list(integrity.findings(opened))
    finally:
        opened.dispose()


DAMAGE = [
    ("UPDATE attempts SET wall_ns = 'soon'", "table attempts, column wall_ns, row attempt-1: a whole number"),
    ("UPDATE attempts SET wall_ns = 1.5", "table attempts, column wall_ns, row attempt-1: a whole number"),
    ("UPDATE attempts SET golden_max_difference = 'x'", "table attempts, column golden_max_difference"),
    ("UPDATE attempts SET unloadable = 'perhaps'", "table attempts, column unloadable, row attempt-1: true or false"),
    ("UPDATE attempts SET started_at = 'yesterday'", "table attempts, column started_at, row attempt-1: a moment"),
    ("UPDATE runs SET started_at = '2026-13-45'", "table runs, column started_at, row run-1: a moment"),
    ("UPDATE runs SET started_at = 5", "table runs, column started_at, row run-1: a moment"),
    ("UPDATE runs SET suite = '{'", "table runs, column suite, row run-1: JSON"),
    ("UPDATE runs SET suite = x'7b7d'", "table runs, column suite, row run-1: JSON"),
    ("UPDATE run_cases SET reasons = 'x' WHERE verdict IS NOT NULL", "table run_cases, column reasons"),
    ("UPDATE run_cases SET judged_at = 'never' WHERE verdict IS NOT NULL", "table run_cases, column judged_at"),
    ("UPDATE artifacts SET size_bytes = 'big'", "table artifacts, column size_bytes"),
    ("UPDATE devices SET last_seen_at = 'x'", "table devices, column last_seen_at, row local"),
    ("UPDATE lanes SET offset = 'x'", "table lanes, column offset, row lane-1"),
    ("UPDATE samples SET data = 'text' WHERE kind = 'latency'", "table samples, column data, row attempt-1/latency: bytes"),
    ("UPDATE scores SET scores = 'text'", "table scores, column scores, row scoring-1: bytes"),
    ("UPDATE scores SET images = 'many'", "table scores, column images"),
    ("UPDATE cases SET model = x'ff'", "table cases, column model"),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "words"), DAMAGE, ids=[statement for statement, _ in DAMAGE])
def test_a_value_that_its_column_can_not_have_is_named_by_table_column_and_row(url, tmp_path, statement, words):
    change(tmp_path, statement)

    with pytest.raises(StoreError, match="the database is damaged") as refused:
        read_everything(url)

    assert words in refused.value.message
    assert "farm db check" in refused.value.hint
    assert any(words in sentence for sentence in findings(url))


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE samples SET data = x'00' WHERE kind = 'latency'", "table samples, row attempt-1/latency:"),
        ("UPDATE scores SET scores = x'0000'", "table scores, row scoring-1:"),
        ("UPDATE attempts SET ended_at = '2025-01-01 00:00:00'", "table attempts, row attempt-1: it ended before it began"),
        ("UPDATE run_cases SET judged_at = NULL", "it has a verdict, but no moment of judgement"),
        ("DELETE FROM metrics", "it is VALID, but has no figure"),
        ("DELETE FROM cases", "table run_cases, row 1: refers to a row of cases that is not there"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_found(url, tmp_path, statement, words):
    assert findings(url) == []

    change(tmp_path, statement)

    assert any(words in sentence for sentence in findings(url)), findings(url)


def test_text_that_is_no_unicode_is_damage_too(url, tmp_path):
    change(tmp_path, "UPDATE runs SET dataset = CAST(x'ff' AS TEXT)")

    with pytest.raises(StoreError, match="the file is damaged"):
        read_everything(url)


def test_a_sound_database_has_no_findings(database_url):
    with Store.open(database_url) as store:
        store.record(*everything_that_can_happen())

    assert findings(database_url) == []
