"""The views and one's own SELECT, on every database."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest

from orchestrator.domain import event as happened
from orchestrator.domain.device import Device
from orchestrator.domain.result import Reason, Verdict, figure_names
from orchestrator.errors import UsageError
from orchestrator.store import views
from orchestrator.store.store import Store
from orchestrator.testing import MIDNIGHT, make_case, make_measurement, make_scores
from tests.lab.telling import ended, judged, ready, started, tell

PAGE = (Path(__file__).parents[2] / "docs" / "sql.md").read_text(encoding="utf-8")
QUESTIONS = dict(re.findall(r"^### ([^\n]+)\n\n```sql\n([^`]+)\n```$", PAGE, re.MULTILINE))
HOT = Reason(verdict=Verdict.INVALID, code="throttled", message="it got hot", advice="cool it")
INT8 = "pi5/tiny-cxr/int8/litert/t1/b1"
VERSIONS = "ai-edge-litert 2.3.0, numpy 2.4.6, python 3.11.7"


@pytest.fixture
def store(migrated_url):
    with Store.open(migrated_url) as opened:
        yield opened


@pytest.fixture
def filled(store):
    """Two devices with float32 and int8 in one run, pi5's int8 in an earlier one too."""
    tell(store, started("old"), ready("old"), ready("old", sha256="b" * 64, size_bytes=250, scheme="int8"))
    for name, cpu in (("pi4", "Cortex-A72"), ("pi5", "Cortex-A76")):
        store.record_facts(Device(name=name), {"cpu_model": cpu, "cores": 4, "machine": 7}, MIDNIGHT)
    small = {"artifact": "b" * 64, "auc_mean": 0.875}
    tell(store, started("new"), judged(make_case(device="pi5", scheme="int8"), run="old", p50_ns=300_000.0, **small))
    for device, p50_ns in (("pi5", 1e6), ("pi4", 3e6)):
        figures = {"run": "new", "at": MIDNIGHT + timedelta(days=1), "energy_j": p50_ns / 1e7}
        tell(store, judged(make_case(device=device), p50_ns=p50_ns, peak_rss_bytes=7e7, **figures))
        int8 = make_case(device=device, scheme="int8")
        tell(store, judged(int8, p50_ns=p50_ns / 4, peak_rss_bytes=5e7, **figures, **small))
    refused = {"verdict": Verdict.INVALID, "reasons": (HOT,), "attempts": 0}
    tell(store, judged(make_case(device="pi4", threads=4), run="old", p50_ns=None, auc_mean=None, **refused))
    for number, start in enumerate((100, 200), 1):
        samples = range(start, start + 11)
        attempt = make_measurement(
            samples, attempt=f"a{number}", number=number, case=make_case(device="pi5", scheme="int8")
        )
        tell(store, ended(attempt, run="new"))
    tell(store, ended(make_measurement((), attempt="a3", error="broken"), run="new"))
    return store


ANSWERS = {
    "Latest p50 by device and scheme": [
        ("pi4", "tiny-cxr", "int8", 750_000.0),
        ("pi4", "tiny-cxr", "float32", 3e6),
        ("pi5", "tiny-cxr", "int8", 250_000.0),
        ("pi5", "tiny-cxr", "float32", 1e6),
    ],
    "int8's speed-up by device": [("pi4", "tiny-cxr", 4.0), ("pi5", "tiny-cxr", 4.0)],
    "AUC drop by scheme": [("float32", 0.0, 0.0, 2), ("int8", pytest.approx(0.025), pytest.approx(0.025), 2)],
    "The slowest devices": [("pi4", "Cortex-A72", 3e6), ("pi5", "Cortex-A76", 1e6)],
    "What is INVALID, and why": [("old", "pi4/tiny-cxr/float32/litert/t4/b1", "throttled", "it got hot")],
    "A case over runs": [
        ("old", 300_000.0, None, None, "VALID"),
        ("new", 250_000.0, None, None, "VALID"),
    ],
    "Energy of an inference": [
        ("pi5", "float32", 0.1),
        ("pi5", "int8", 0.1),
        ("pi4", "float32", 0.3),
        ("pi4", "int8", 0.3),
    ],
    "Versions of runtimes": [("pi5", "litert", VERSIONS)],
    "Medians of attempts": [("new", 1, 105.0, 101.0, 11), ("new", 2, 205.0, 201.0, 11)],
    "Peak memory": [("tiny-cxr", "float32", 70.0), ("tiny-cxr", "int8", 50.0)],
}


def test_the_page_has_ten_questions():
    assert QUESTIONS.keys() == ANSWERS.keys()
    assert len(QUESTIONS) == 10


def test_the_questions_of_the_page_are_answered(filled):
    for question, expected in ANSWERS.items():
        answer = filled.sql(QUESTIONS[question])

        apart = {place for place, name in enumerate(answer.columns) if name == "measured_at"}
        rows = [tuple(value for place, value in enumerate(row) if place not in apart) for row in answer.rows]
        if question in ("int8's speed-up by device", "Energy of an inference"):  # some are equal
            rows, expected = sorted(rows), sorted(expected)  # noqa: PLW2901
        assert rows == expected, question


def test_the_views_have_the_columns_that_the_page_names(store):
    table = dict(re.findall(r"^\| `(v_\w+)` \| [^|]+\| (.+) \|$", PAGE, re.MULTILINE))

    columns = {name: set(store.sql(f"SELECT * FROM {name}").columns) for name in views.NAMES}  # noqa: S608

    case = {*views.IDENTITY, "case_name"}
    named = {name: set(re.findall(r"`(\w+)`", text)) for name, text in table.items()}
    assert columns["v_results"] == named["v_results"] | case
    assert columns["v_attempts"] == named["v_attempts"] | case
    assert columns["v_accuracy"] == (named["v_accuracy"] | set(views.IDENTITY)) - {"threads", "interpreters"}
    assert columns["v_devices"] == named["v_devices"] | {"device"}
    assert columns["v_figures"] == {"run", "is_current", "verdict", *case, *figure_names()}


def test_what_a_device_sent_breaks_no_view(filled):
    filled.record_facts(Device(name="odd"), {"cores": "many", "memory_bytes": [1], "cpu_model": {"a": 1}}, MIDNIGHT)

    answer = filled.sql("SELECT cores, memory_bytes, cpu_model, machine FROM v_devices WHERE device IN ('odd', 'pi4')")

    assert sorted(answer.rows, key=str) == [(4, None, "Cortex-A72", None), (None, None, None, None)]


def test_each_finding_has_its_auc(filled):
    scores = make_scores(classes=("Nodule", "Mass"), auc=(0.75, None), device_auc=(0.5, None), shape=(1, 2))
    tell(filled, happened.Scored(run="new", device="local", scores=scores))

    answer = filled.sql("SELECT finding, auc, device_auc, auc_mean_error FROM v_accuracy ORDER BY finding")

    assert answer.rows == (("Mass", None, None, 0.01), ("Nodule", 0.75, 0.5, 0.01))


CHANGES = (
    "DELETE FROM metrics",
    "UPDATE runs SET seed = 1",
    "DROP VIEW v_results",
    "CREATE TABLE t (a INTEGER)",
    "WITH gone AS (DELETE FROM metrics RETURNING 1) SELECT * FROM gone",
    "SELECT 1; DELETE FROM metrics",
    "COMMIT",
    "VACUUM",
    "PRAGMA user_version = 7",
    "ATTACH DATABASE 'other.db' AS other",
    "COPY runs TO PROGRAM 'cat'",
    "SELECT * INTO other FROM runs",
    "",
    "-- nothing",
)


def test_a_statement_that_is_no_question_is_refused_and_changes_nothing(filled, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = filled.results()

    for statement in CHANGES:
        with pytest.raises(UsageError):
            filled.sql(statement)

    assert filled.results() == before
    assert not (tmp_path / "other.db").exists()
    tell(filled, started("after"))  # the connection writes again


def test_wrong_sql_is_refused_in_the_words_of_the_database(store):
    with pytest.raises(UsageError, match=r'no such column: sped|column "sped" does not exist') as refused:
        store.sql("SELECT sped FROM v_results")

    assert "v_results" in refused.value.hint


def test_values_are_the_same_of_every_database(filled):
    query = (
        "SELECT count(*) AS n, avg(count) AS mean, min(started_at) AS began FROM v_attempts WHERE error IS NULL",
        "SELECT data, 1 AS a, 2 AS a FROM samples WHERE attempt = 'a1' AND kind = 'latency'",
    )

    counted, blob = map(filled.sql, query)

    assert counted.rows[0][:2] == (2, 11)
    assert counted.rows[0][2].startswith("2026-01-01")
    assert (blob.columns, blob.rows) == (("data", "a", "a_2"), (("88 bytes", 1, 2),))


def test_more_rows_than_the_limit_are_counted_out(filled):
    few, all_of_them = (filled.sql("SELECT case_name FROM v_results", limit) for limit in (2, None))

    assert (len(few.rows), few.more) == (2, True)
    assert (len(all_of_them.rows), all_of_them.more) == (6, False)
