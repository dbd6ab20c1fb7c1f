"""`farm report`, as a person runs it."""

from __future__ import annotations

import csv
import io
import sys

import numpy as np
import pytest

from orchestrator.cli.report import Format
from orchestrator.cli.report import report as command
from orchestrator.errors import UsageError
from orchestrator.reports.charts import draw
from orchestrator.store.store import Store
from orchestrator.testing import make_case
from tests.integration.test_compare import LABELS, OLD, tell

FLOAT32, INT8 = make_case(), make_case(scheme="int8")


@pytest.fixture
def folder(tmp_path):
    """A project with one run and the labels of its images."""
    blobs = tmp_path / ".farm" / "blobs"
    blobs.mkdir(parents=True)
    (tmp_path / "inventory.yaml").write_text("devices:\n  local:\n    transport: local\n")
    with (blobs / ("c" * 64)).open("wb") as file:
        np.save(file, LABELS)
    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store:
        tell(store, OLD, {FLOAT32: 3e6, INT8: 1e6})
    return tmp_path


def written(folder, form, name="report.out"):
    command(output=folder / name, form=form, inventory=folder / "inventory.yaml")
    return (folder / name).read_text(encoding="utf-8")


def test_the_page_begins_with_the_answer_and_loads_nothing(folder):
    page = written(folder, Format.HTML)

    assert "<h1>Deploy int8 on local</h1>" in page or "<h1>Keep float32 on local</h1>" in page
    assert "default-src &#39;none&#39;" in page
    assert " src=" not in page.partition("<body>")[2].partition("<script>")[0]
    assert page.count("data-chart=") >= 6


@pytest.mark.parametrize("form", [Format.MARKDOWN, Format.LATEX, Format.CSV])
def test_texts_need_no_library_of_charts(folder, form, monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    monkeypatch.setitem(sys.modules, "jinja2", None)

    assert "int8" in written(folder, form)


def test_csv_has_a_line_for_each_result(folder):
    rows = list(csv.DictReader(io.StringIO(written(folder, Format.CSV))))

    assert [row["scheme"] for row in rows] == ["float32", "int8"]


def test_a_page_without_the_extra_names_what_to_install(folder, monkeypatch):
    draw.bundle.cache_clear()
    monkeypatch.setitem(sys.modules, "vl_convert", None)

    with pytest.raises(UsageError, match="charts need vl-convert-python") as caught:
        written(folder, Format.HTML)

    assert caught.value.hint == "pip install 'edge-farm[report]'"
