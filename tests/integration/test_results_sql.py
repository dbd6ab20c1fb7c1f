"""`farm results sql`, as a person types it."""

from __future__ import annotations

import csv
import io
import json
import os

import pytest

from orchestrator.store.store import Store
from orchestrator.testing import make_case
from tests.lab.same_process import call
from tests.lab.telling import judged, ready, started, tell


@pytest.fixture
def farm(tmp_path):
    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store:
        tell(store, started(), ready())
        for threads in range(1, 4):
            tell(store, judged(make_case(threads=threads), p50_ns=threads * 1e6))

    def run(*argv):
        return call(["results", "sql", *argv], folder=tmp_path, environment=dict(os.environ))

    return run


def test_a_select_is_answered_as_a_table_as_json_and_as_csv(farm):
    query = "SELECT case_name, p50_ns, auc_change, '\x1b[31m' AS odd FROM v_results ORDER BY threads"

    table, as_json, as_csv = farm(query), farm(query, "--json"), farm(query, "--format", "csv")

    assert (table.returncode, as_json.returncode, as_csv.returncode) == (0, 0, 0)
    assert "local/tiny-cxr/float32/litert/t2/b1  2000000" in table.stdout
    rows = json.loads(as_json.stdout)
    assert [row["p50_ns"] for row in rows] == [1e6, 2e6, 3e6]
    assert [float(row["p50_ns"]) for row in csv.DictReader(io.StringIO(as_csv.stdout))] == [1e6, 2e6, 3e6]
    assert "\x1b" not in table.stdout + as_json.stdout + as_csv.stdout


def test_a_wide_answer_is_a_list_for_each_row_and_a_long_one_tells_how_to_narrow(farm):
    done = farm("SELECT * FROM v_results ORDER BY threads", "--limit", "2")

    assert done.returncode == 0
    assert done.stdout.startswith("row 1\n")
    assert "row 2\n" in done.stdout
    assert "row 3" not in done.stdout
    assert "  case_name       local/tiny-cxr/float32/litert/t1/b1\n" in done.stdout
    assert done.stderr.startswith("the first 2 rows; narrow the question with WHERE")


def test_what_would_change_something_is_refused_with_exit_status_2(farm):
    done = farm("DELETE FROM runs")

    assert done.returncode == 2
    assert "only one SELECT" in done.stderr
    assert farm("SELECT count(*) AS runs FROM runs", "--json").stdout == '[\n  {\n    "runs": 1\n  }\n]\n'


def test_where_there_is_no_database_the_views_are_empty(tmp_path):
    done = call(["results", "sql", "SELECT * FROM v_results"], folder=tmp_path, environment=dict(os.environ))

    assert done.returncode == 0
    assert not (tmp_path / "farm.db").exists()


def test_no_text_of_csv_is_a_formula_and_infinite_numbers_are_text(farm):
    as_csv = farm("SELECT '=cmd|1' AS odd, -1 AS number", "--format", "csv")
    as_json = farm("SELECT 9e999 AS high, -9e999 AS low", "--json")

    assert as_csv.stdout == "odd,number\n'=cmd|1,-1\n"
    assert json.loads(as_json.stdout, parse_constant=pytest.fail) == [{"high": "Infinity", "low": "-Infinity"}]
