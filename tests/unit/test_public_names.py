"""The names that `orchestrator` promises, and what it costs to import them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import orchestrator
from orchestrator.config.selectors import select
from orchestrator.domain.device import LOCAL
from orchestrator.errors import UnknownName, UsageError
from orchestrator.reports.frame import results_frame
from orchestrator.testing import make_suite
from tests.unit.test_reports import make_row

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "python.md"

NAMES = [
    *(
        "DatasetSpec",
        "Device",
        "Farm",
        "FarmError",
        "Inventory",
        "ModelSpec",
        "Preprocess",
        "ResultRow",
        "Store",
        "Suite",
    ),
    *("Throughput", "load_suite", "narrow_suite", "results_frame", "select"),
]


def test_these_names_are_promised_and_no_other():
    assert sorted(orchestrator.__all__) == sorted(NAMES)
    assert set(NAMES) <= set(dir(orchestrator))


@pytest.mark.parametrize("name", NAMES)
def test_each_promised_name_is_there_and_documented(name):
    assert getattr(orchestrator, name).__doc__
    assert re.search(rf"\b{name}\b", PAGE.read_text(encoding="utf-8"))


def test_another_name_is_no_attribute():
    with pytest.raises(AttributeError, match="module 'orchestrator' has no attribute 'Frm'"):
        orchestrator.Frm  # noqa: B018  looking it up is the test


def test_importing_loads_nothing_heavy_until_a_name_is_used():
    code = (
        "import json, sys, orchestrator\n"
        "before = set(sys.modules)\n"
        "from orchestrator import Inventory, Suite, load_suite, select\n"
        "print(json.dumps([sorted(before), sorted(sys.modules)]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    at_once, with_suites = map(set, json.loads(done.stdout))

    heavy = {"tensorflow", "keras", "fabric", "paramiko", "sqlalchemy", "pandas", "scipy"}
    assert not at_once & (heavy | {"numpy", "pydantic", "ruamel.yaml"})
    assert not with_suites & heavy


def test_type_checkers_see_the_names(tmp_path):
    program = tmp_path / "notebook.py"
    program.write_text(
        "from pathlib import Path\n"
        "from orchestrator import Farm, Inventory, ResultRow, Store, load_suite\n"
        "def measure(path: Path) -> list[ResultRow]:\n"
        "    with Store.open('sqlite:///farm.db') as store:\n"
        "        for event in Farm(Path('.farm')).run(load_suite(path), Inventory.load(None).devices, store):\n"
        "            print(event.run)\n"
        "        return store.results()\n"
        "reveal_type(load_suite)\n"
    )

    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--cache-dir",
            tmp_path / "cache",
            "--follow-imports=silent",
            program,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert "-> orchestrator.domain.suite.Suite" in done.stdout


def test_results_become_a_table_with_numbers_and_times():
    pd = pytest.importorskip("pandas")
    reasons = ({"verdict": "WARN", "code": "drift", "message": "m", "advice": "a"},)

    table = results_frame([make_row(scheme="float32"), make_row(scheme="int8", p90_ns=None, reasons=reasons)])

    assert list(table["scheme"]) == ["float32", "int8"]
    assert table["p90_ns"].dtype == "float64"
    assert pd.isna(table["p90_ns"][1])
    assert list(table["reasons"]) == [(), ("drift",)]
    assert str(table["measured_at"].dt.tz) == "UTC"


def test_no_results_are_a_table_without_rows():
    pytest.importorskip("pandas")

    assert list(results_frame([]).columns)[:3] == ["case", "run", "device"]


def test_without_pandas_the_table_is_refused_with_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)

    with pytest.raises(UsageError, match="a table needs pandas") as refused:
        results_frame([])
    assert refused.value.hint == "pip install pandas"


def test_one_word_selects_as_a_list_of_it_does():
    assert select([LOCAL], "local") == select([LOCAL], ["local"]) == (LOCAL,)


def test_an_effort_that_does_not_exist_is_named():
    from orchestrator.domain.effort import effort

    with pytest.raises(UnknownName, match="no effort called 'quik'; did you mean 'quick'"):
        effort(make_suite(effort="quik").effort)
