"""Every figure that the docs quote has a page, a command, a date; some can be renewed by `scripts/figures`."""

from __future__ import annotations

import re

import pytest

from tests.docs.pages import ROOT, script

#: Parts of other benchmarks.
HELPERS = {"store_fill.py", "fidelity_verdict.py", "gpu_there.py", "networks.py", "scale_lab.py", "peer_scripts.py"}
FIGURES = script("figures")
LIST = (ROOT / "benchmarks" / "README.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in LIST.splitlines() if line.startswith("| [")]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_a_row_has_a_page_a_command_a_date_and_a_kind_of_machine(row):
    page, _, command, date, machine, renewed = row
    (target,) = re.findall(r"\]\(([^)]+)\)", page)

    assert (ROOT / "benchmarks" / target).is_file()
    assert re.fullmatch(r"\d{4}-\d\d-\d\d|never", date)
    assert machine
    for path in re.findall(r"(?:benchmarks|scripts)/\w+(?:\.py)?", command):
        assert (ROOT / path).is_file(), path
    assert renewed.strip("`| ") in {"", *FIGURES.RENEWED}


def test_every_benchmark_is_in_the_list():
    files = {path.name for path in (ROOT / "benchmarks").glob("*.py")} - HELPERS

    assert {name for name in files if name not in LIST} == set()


def test_every_table_that_can_be_renewed_is_marked_in_its_page_and_in_the_list():
    for name, figures in FIGURES.RENEWED.items():
        page = (ROOT / figures.page).read_text(encoding="utf-8")
        assert (ROOT / figures.command[0]).is_file()
        assert FIGURES.with_table(page, name, "| new |") != page
        assert FIGURES.with_date(LIST, name, "2030-01-01").count("2030-01-01") == 1


def test_a_renewed_table_takes_the_place_of_the_old_one_with_its_date():
    page = "Text.\n\n<!-- figures: cost -->\n\n| a |\n|---|\n| 1 |\n\n<!-- end -->\n\nMore.\n"
    printed = "starting\n2030-01-01, 2 cores\n\n| a |\n|---|\n| 2 |\n(a note)\n"

    renewed = FIGURES.with_table(page, "cost", FIGURES.table(printed))

    assert renewed == page.replace("\n| a |\n|---|\n| 1 |", "\n2030-01-01, 2 cores\n\n| a |\n|---|\n| 2 |")
    with pytest.raises(ValueError, match="no table"):
        FIGURES.table("it failed\n")
    with pytest.raises(ValueError, match="0 places"):
        FIGURES.with_table(page, "other", "| 2 |")
