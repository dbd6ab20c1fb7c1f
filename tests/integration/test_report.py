"""`farm report`, as a person runs it."""

from __future__ import annotations

import csv
import io
import json
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from orchestrator.cli.report import Format
from orchestrator.cli.report import report as command
from orchestrator.cli.results.filters import Filters
from orchestrator.cli.results.list import print_results
from orchestrator.cli.results.plot import Kind, plot
from orchestrator.domain.event import LaneSkipped
from orchestrator.domain.result import Reason, Verdict
from orchestrator.errors import UsageError
from orchestrator.reports.charts import draw
from orchestrator.reports.page.dossier import gather
from orchestrator.reports.page.pictures import POINTS, SETTINGS, charts
from orchestrator.store.store import Store
from orchestrator.testing import MIDNIGHT, make_case, make_suite
from tests.integration.test_compare import LABELS, NEW, OLD, tell
from tests.lab.reported import fill
from tests.lab.scorings import labelled
from tests.lab.telling import RUN, judged, started
from tests.lab.telling import tell as tell_events

#: Kinds with a picture for each device.
PER_DEVICE = (Kind.ECDF, Kind.COURSE, Kind.BREAKEVEN, Kind.OPERATORS)

FLOAT32, INT8 = make_case(), make_case(scheme="int8")


@pytest.fixture
def folder(tmp_path):
    """A project with one run and the labels of its images."""
    labelled(tmp_path, LABELS)
    (tmp_path / "inventory.yaml").write_text("devices:\n  local:\n    transport: local\n")
    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store:
        tell(store, OLD, {FLOAT32: 3e6, INT8: 1e6})
    return tmp_path


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A project with a run of two devices that has something of every kind."""
    folder = tmp_path_factory.mktemp("filled")
    fill(folder)
    return folder


def written(folder, form, name="report.out"):
    command(output=folder / name, form=form, inventory=folder / "inventory.yaml")
    return (folder / name).read_text(encoding="utf-8")


def test_the_page_begins_with_the_answer_and_loads_nothing(folder):
    page = written(folder, Format.HTML)

    assert "<h1>Deploy int8 on local</h1>" in page or "<h1>Keep float32 on local</h1>" in page
    assert "default-src &#39;none&#39;" in page
    assert " src=" not in page.partition("<body>")[2].partition("<script>")[0]
    assert page.count("data-chart=") >= 6


@pytest.mark.parametrize(("ending", "begins"), [("md", "# "), ("csv", "case,"), ("tex", "%"), ("html", "<!doctype")])
def test_a_file_is_written_as_its_ending_says(folder, ending, begins):
    assert written(folder, None, f"report.{ending}").startswith(begins)


@pytest.mark.parametrize("form", [Format.MARKDOWN, Format.LATEX, Format.CSV])
def test_texts_need_no_library_of_charts(folder, form, monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    monkeypatch.setitem(sys.modules, "jinja2", None)

    assert "int8" in written(folder, form)


def test_csv_has_a_line_for_each_result(folder):
    rows = list(csv.DictReader(io.StringIO(written(folder, Format.CSV))))

    assert [row["scheme"] for row in rows] == ["float32", "int8"]


def test_csv_has_the_figures_against_float32_that_json_has(folder, capsys):
    (row,) = (each for each in csv.DictReader(io.StringIO(written(folder, Format.CSV))) if each["scheme"] == "int8")

    print_results(Filters(values={}), run="latest", db=None, inventory=folder / "inventory.yaml", as_json=True)

    (same,) = (each for each in json.loads(capsys.readouterr().out) if each["scheme"] == "int8")
    assert float(row["speedup"]) == same["speedup"]
    assert float(row["speedup_low"]) == same["speedup_low"]
    assert row["difference"] == same["difference"]


def test_a_page_without_the_extra_names_what_to_install(folder, monkeypatch):
    draw.bundle.cache_clear()
    monkeypatch.setitem(sys.modules, "vl_convert", None)

    with pytest.raises(UsageError, match="charts need vl-convert-python") as caught:
        written(folder, Format.HTML)

    assert caught.value.hint == "pip install 'edge-farm[report]'"


def test_a_spreadsheet_gets_no_formula(tmp_path):
    fill(tmp_path, {"=cmd|' /C calc'!A0": {"float32": 3.0}})

    (row,) = csv.DictReader(io.StringIO(written(tmp_path, Format.CSV)))

    assert row["device"] == "'=cmd|' /C calc'!A0"


def test_markdown_has_the_answer_the_table_and_the_methods(tmp_path):
    fill(tmp_path, hostile=True)

    text = written(tmp_path, Format.MARKDOWN)

    assert text.startswith("# ")
    assert "| pi5 | int8 |" in text
    assert r"\[8\]" in text
    assert "<script" not in text
    assert "<img" not in text


def test_a_device_that_was_lost_is_named_beside_the_answer(folder):
    reason = "pi9: nothing answers at 10.0.0.9:22\n  is it switched on?"
    with Store.open(f"sqlite:///{folder / 'farm.db'}") as store:
        tell_events(store, LaneSkipped(run=store.run("latest").id, at=MIDNIGHT, device="pi9", reason=reason))

    page, text = (written(folder, form) for form in (Format.HTML, Format.MARKDOWN))

    words = "Lost, so not in this answer: pi9 (nothing answers at 10.0.0.9:22)."
    assert words in page[page.index('id="answer"') : page.index("</section>")]
    assert words in text.replace("\\", "")


def test_latex_escapes_what_it_would_obey(tmp_path):
    fill(tmp_path, {r"a_b\input{x}$&%": {"float32": 3.0, "int8": 1.0}})

    text = written(tmp_path, Format.LATEX)

    assert r"a\_b\textbackslash{}input\{x\}\$\&\%" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1
    assert "×" not in text
    assert "µ" not in text
    assert "±" not in text


def test_the_paragraph_on_methods_has_the_numbers_of_the_run(tmp_path):
    fill(tmp_path)

    text = written(tmp_path, Format.MARKDOWN)

    assert "tiny-cxr as float32, float16 and int8 on 2 devices" in text
    assert "Each of 6 cases was measured in 5 attempts" in text
    assert "9,000 timed invocations in all" in text
    assert "over 3 findings on 200 synthetic images" in text
    assert "intervals of AUC and of its paired differences are by" in text
    assert "4 VALID and 2 WARN (drift in 2)" in text
    assert "governor performance" in text


def test_a_run_with_one_scheme_on_one_device_has_a_page(tmp_path):
    fill(tmp_path, {"pi5": {"int8": 17.0}})

    page = written(tmp_path, Format.HTML)

    assert "No variant can be recommended" in page  # its accuracy has no reference
    assert 'data-chart="ecdf-0"' in page
    assert "forest" not in page.partition("<script>")[0]


def test_a_run_in_which_nothing_worked_has_a_page(tmp_path):
    (tmp_path / "inventory.yaml").write_text("devices:\n  local:\n    transport: local\n")
    reason = Reason(verdict=Verdict.INVALID, code="no-measurement", message="it never started", advice="look")
    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store:
        tell_events(
            store,
            started(RUN, suite=make_suite().to_json()),
            judged(
                run=RUN,
                attempts=0,
                samples=0,
                p50_ns=None,
                p90_ns=None,
                auc_mean=None,
                artifact=None,
                verdict=Verdict.INVALID,
                reasons=(reason,),
            ),
        )

    page = written(tmp_path, Format.HTML)

    assert "No variant can be recommended" in page
    assert "it never started" in page
    assert "data-chart=" not in page.partition("<script>")[0]
    for form in (Format.MARKDOWN, Format.LATEX, Format.CSV):
        assert "INVALID" in written(tmp_path, form)


def test_a_run_without_a_result_is_refused_with_the_next_command(tmp_path):
    (tmp_path / "inventory.yaml").write_text("devices:\n  local:\n    transport: local\n")
    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as store:
        tell_events(store, started(RUN))

    with pytest.raises(UsageError, match="has no judged case yet") as caught:
        written(tmp_path, Format.HTML)

    assert caught.value.hint == f"farm run --resume {RUN}"


def test_claims_are_answered_on_the_page(folder):
    claims = folder / "claims.yaml"
    claims.write_text(
        "claims:\n  - {claim: int8 is quick, scheme: int8, against: {scheme: float32}, speedup: {at_least: 1.5}}\n"
    )

    command(output=folder / "out.html", form=Format.HTML, claims=claims, inventory=folder / "inventory.yaml")

    page = (folder / "out.html").read_text(encoding="utf-8")
    assert '<span class="mark">holds</span> int8 is quick' in page


def test_lines_of_latency_are_thinned_where_there_are_many_of_them(filled):
    with Store.open(f"sqlite:///{filled / 'farm.db'}") as store:
        dossier = gather(store, "latest", filled)
    many = replace(dossier, attempts={case: attempts * 50 for case, attempts in dossier.attempts.items()})

    drawn = charts(many)["ecdf"]

    assert sum(len(chart.spec["data"]["values"]) for chart in drawn) <= POINTS
    assert "drawn by 26 quantiles of each attempt" in drawn[0].caption
    assert "120 quantiles" in charts(dossier)["ecdf"][0].caption


def test_a_large_fleet_has_a_page_that_says_what_it_leaves_out(tmp_path):
    fill(tmp_path, {f"device-{number:02}": {"int8": 3.0} for number in range(SETTINGS + 2)})

    page = written(tmp_path, Format.HTML).partition("<script>")[0]

    assert "2 more settings have no picture of their own" in page
    assert f"<summary>{SETTINGS + 2 - 12} more</summary>" in page
    assert page.count('data-chart="ecdf-') == SETTINGS
    assert f"device-{SETTINGS + 1:02}" in page


@pytest.mark.parametrize("name", ["plot.svg", "plot.png"])
def test_a_picture_alone_is_written(folder, name, capsys):
    plot(kind=Kind.PARETO, output=folder / name, inventory=folder / "inventory.yaml")

    content = (folder / name).read_bytes()
    assert content.startswith(b"<svg" if name.endswith("svg") else b"\x89PNG")
    assert f"wrote {folder / name}: Speed against accuracy" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.HISTORY])
def test_every_kind_can_be_drawn(filled, kind):
    plot(
        kind=kind,
        output=filled / f"{kind}.svg",
        device="pi5" if kind in PER_DEVICE else None,
        inventory=filled / "inventory.yaml",
    )

    drawn = sorted(filled.glob(f"{kind}*.svg"))
    assert drawn
    assert all("<path" in path.read_text(encoding="utf-8") for path in drawn)


def test_several_pictures_of_a_kind_are_numbered(filled):
    plot(kind=Kind.ECDF, output=filled / "several.svg", inventory=filled / "inventory.yaml")

    assert sorted(path.name for path in filled.glob("several*")) == ["several-1.svg", "several-2.svg"]


def test_the_history_of_a_case_is_drawn(folder):
    with Store.open(f"sqlite:///{folder / 'farm.db'}") as store:
        tell(store, NEW, {FLOAT32: 3e6, INT8: 1.3e6}, at=MIDNIGHT + timedelta(days=31))

    plot(kind=Kind.HISTORY, output=folder / "h.svg", case=str(INT8), inventory=folder / "inventory.yaml")

    assert str(INT8) in (folder / "h.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": Kind.PARETO, "output": "x.gif"}, "a picture ends in .svg or .png"),
        ({"kind": Kind.HISTORY, "output": "x.svg"}, "history needs --case CASE"),
        ({"kind": Kind.ROC, "output": "x.svg", "case": str(INT8)}, "--case belongs to history, not to roc"),
        ({"kind": Kind.ECDF, "output": "x.svg", "device": "nobody"}, "nothing to draw as ecdf of nobody"),
        ({"kind": Kind.PARETO, "output": "no/such/folder/x.svg"}, "No such file or directory"),
    ],
)
def test_a_picture_that_can_not_be_is_refused(folder, options, message):
    options = options | {"output": folder / options["output"]}

    with pytest.raises(UsageError, match=message):
        plot(**options, inventory=folder / "inventory.yaml")
