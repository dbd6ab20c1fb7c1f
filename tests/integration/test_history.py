"""`farm results history`, as a person asks what happened to a case."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from rich.console import Console

from orchestrator.analysis import history as analysis
from orchestrator.cli.results.history import history as command
from orchestrator.errors import UnknownName
from orchestrator.reports import history as report
from orchestrator.store.store import Store
from orchestrator.testing import MIDNIGHT, make_case
from tests.integration.test_compare import tell

INT8 = make_case(scheme="int8")
OTHERS = [replace(INT8, threads=threads) for threads in range(2, 8)]
RUNS = [f"2026010{day}-000000-aaaa" for day in range(1, 6)]


@pytest.fixture
def folder(tmp_path):
    """Five days: the third run's int8 is 20 % slower with a new runtime; on the fourth the whole device is 10 % slower."""
    (tmp_path / "inventory.yaml").write_text("devices:\n  local: {transport: local}\n")
    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store:
        for day, run in enumerate(RUNS):
            device = 1.1 if day == 3 else 1.0
            slower = 1.2 if day >= 2 else 1.0
            times = dict.fromkeys(OTHERS, 1e6 * device) | {INT8: 1e6 * device * slower}
            version = "2.4.0" if day >= 2 else "2.3.0"
            tell(store, run, times, at=MIDNIGHT + timedelta(days=day), attempts=5, version=version)
    return tmp_path


def test_the_change_is_where_it_happened_and_a_warmer_device_is_none(folder, capsys):
    command(str(INT8), inventory=folder / "inventory.yaml", json=True)

    points = json.loads(capsys.readouterr().out)
    assert [each["run"] for each in points] == RUNS
    assert [each["change"] for each in points] == [None, *["no difference seen"], "slower", *["no difference seen"] * 2]
    assert points[2]["speedup"] == pytest.approx(1 / 1.2, rel=0.02)
    assert any("2.3.0 → 2.4.0" in note for note in points[2]["notes"])
    assert points[3]["device_shift"] == pytest.approx(1.1, rel=0.02)


def test_the_last_runs_are_shown_with_a_bar_each_and_what_changed(folder, capsys):
    command(str(INT8), inventory=folder / "inventory.yaml", last=4)

    out = capsys.readouterr().out
    assert RUNS[0] not in out
    lines = [line for line in out.splitlines() if line.startswith("202601") and "aaaa  " in line]
    assert len(lines) == 4
    assert all("●" in line for line in lines)
    assert "% slower" in lines[1]
    assert lines[0].index("●") < lines[1].index("●") < lines[2].index("●")
    assert f"{RUNS[2]}: " in out
    assert "2.3.0 → 2.4.0" in out


def test_a_case_that_was_measured_once_has_no_change(folder, capsys):
    with Store.open(f"sqlite:///{folder / 'farm.db'}") as store:
        tell(store, "20260109-000000-bbbb", {make_case(scheme="dynamic"): 1e6})

    command(str(make_case(scheme="dynamic")), inventory=folder / "inventory.yaml")

    assert "1 run\n" in capsys.readouterr().out


def test_a_case_without_a_result_is_refused_with_the_nearest(folder):
    with pytest.raises(UnknownName, match="no case with a result"):
        command(str(replace(INT8, scheme="int9")), inventory=folder / "inventory.yaml")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_history_fits_the_terminal(folder, width):
    screen = Console(file=StringIO(), width=width, color_system=None)

    with Store.open(f"sqlite:///{folder / 'farm.db'}") as store:
        report.show(analysis.history(store, INT8, folder, 4), screen)

    lines = screen.file.getvalue().splitlines()
    assert all(len(line) <= width for line in lines), max(lines, key=len)
    assert any("slower" in line for line in lines)
