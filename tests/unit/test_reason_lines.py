"""Reasons below a table, by what the reader can do."""

from __future__ import annotations

import pytest

from orchestrator.reports.reason_lines import busiest, largest_figure, lines
from tests.unit.test_reports import make_row, reason


def plain(rows):
    """Return the lines without colours."""
    from rich.text import Text

    return [Text.from_markup(line).plain for line in lines(rows)]


def test_alike_reasons_are_one_line_with_the_largest_figure():
    rows = [
        make_row(reasons=(reason(message="1 of 5 attempts got slower, by up to 12% from first to last quarter"),)),
        make_row(
            scheme="int8",
            reasons=(reason(message="5 of 5 attempts got slower, by up to 84% from first to last quarter"),),
        ),
        make_row(scheme="dynamic"),
    ]

    assert plain(rows) == [
        "WARN float32, int8: 5 of 5 attempts got slower, by up to 84% from first to last quarter; let it cool down"
    ]


def test_a_noisy_neighbour_is_one_line_however_many_reasons_it_gives():
    codes = ("unstable", "drift", "not-warmed-up", "other-load", "steal", "interrupted")
    rows = [
        make_row(scheme=scheme, reasons=tuple(reason(code=code, message=f"{code} 3%") for code in codes))
        for scheme in ("float32", "int8")
    ]

    assert plain(rows) == [
        "WARN all: other-load 3% (also steal, unstable, drift, not-warmed-up, interrupted); let it cool down"
    ]


def test_a_noisy_neighbour_that_makes_one_result_invalid_is_still_one_line():
    rows = [make_row(reasons=(reason(code="other-load", message="x"), reason("INVALID", "steal", "the host took 40%")))]

    assert plain(rows) == ["INVALID float32: x (also steal); let it cool down"]


def test_what_makes_results_invalid_is_first_then_what_concerns_most_and_three_lines_are_enough():
    often = reason(code="smoke", message="wiring only", advice="more")
    rows = [
        make_row(reasons=(reason(code="emulated", message="emulated"), reason(code="fp16", message="x"), often)),
        make_row(scheme="int8", reasons=(often, reason("INVALID", "attempt-failed", "it failed"))),
        make_row(scheme="dynamic", reasons=(often,)),
    ]

    first, second, third, more = plain(rows)

    assert first.startswith("INVALID int8: it failed")
    assert second == "WARN all: wiring only; more"
    assert third.startswith("WARN float32: emulated")
    assert more == "1 more reason: farm results show local/tiny-cxr/float32/litert/t1/b1"


@pytest.mark.parametrize(
    ("message", "figure"), [("5 of 5 attempts, by up to 12.5%", 12.5), ("stalled for 320 s in 2", 320.0), ("none", 0.0)]
)
def test_the_largest_figure_is_a_percentage_where_there_is_one(message, figure):
    assert largest_figure(message) == figure


def test_who_had_the_processor_is_the_worst_message_of_that():
    rows = [
        make_row(reasons=(reason(code="other-load", message="others used up to 12%"), reason(message="slower by 99%"))),
        make_row(reasons=(reason(code="steal", message="the hypervisor took up to 84%"),)),
    ]

    assert busiest(rows) == "the hypervisor took up to 84%"
    assert busiest([make_row()]) is None
