"""The answer below the tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.analysis.auc import AucDifference
from orchestrator.analysis.best import Limits, choose
from orchestrator.analysis.significance import CANT_TELL, FASTER, NOTHING_SEEN, SLOWER
from orchestrator.analysis.table_rows import TableRow
from orchestrator.reports import answer, best
from tests.unit.test_reports import make_pair, make_row, printed, reason

BY_TIME = [("int8", 2e6), ("float16", 1e6)]


def beside(row, speedup, verdict=FASTER, **changes):
    auc = AucDifference(difference=-0.0007, error=0.0005)
    return TableRow(row=row, against=make_pair(row, speedup, verdict, auc=auc, **changes))


def rows(*, difference=FASTER, speedup=2.1, **changes):
    int8 = make_row(scheme="int8", p50_ns=1_234_567 / speedup, size_ratio=3.9, size_bytes=31_000, **changes)
    return [TableRow(row=make_row(**changes), against=None), beside(int8, speedup, difference)]


def test_the_one_to_deploy_is_named_with_its_evidence():
    assert list(answer.sentences(rows())) == [
        "int8 is 2.1× faster (1.9–2.3), 3.9× smaller, and within 0.002 AUC of float32; on local it is the one to deploy"
    ]


def test_float32_stays_where_nothing_is_better():
    slower = beside(make_row(scheme="int8", p50_ns=3e6, size_ratio=3.9), 0.4)

    (sentence,) = answer.sentences([TableRow(row=make_row(), against=None), slower])

    assert sentence == "float32 is the one to deploy on local: no other is as fast and within 0.01 AUC of it"


def test_a_busy_machine_is_the_answer_where_nothing_can_be_told():
    busy = reason(code="other-load", message="other processes used up to 84% of the CPU (1.7 of 2 cores)")

    (sentence,) = answer.sentences(rows(difference=CANT_TELL, speedup=1.1, reasons=(busy,)))

    assert sentence == "local was too busy to tell: other processes used up to 84% of the CPU"


def test_a_model_that_scores_all_images_alike_is_the_answer_even_on_a_busy_machine():
    busy = reason(code="other-load", message="other processes used up to 84% of the CPU (1.7 of 2 cores)")
    constant = reason(code="constant-scores", verdict="INVALID", message="all 60 images get the same score")

    (sentence,) = answer.sentences(rows(difference=CANT_TELL, speedup=1.1, verdict="INVALID", reasons=(busy, constant)))

    assert sentence == (
        "nothing can be recommended on local: tiny-cxr itself, as float32, gives all images the same score"
    )


def test_nothing_of_a_model_whose_float32_scores_all_images_alike_is_deployed():
    constant = reason(code="constant-scores", verdict="INVALID", message="all 60 images get the same score")
    float32, int8 = make_row(verdict="INVALID", reasons=(constant,)), make_row(scheme="int8", p50_ns=5e5)
    pair = make_pair(int8, 2.1, FASTER, auc=AucDifference(difference=0.0, error=0.0001))

    (choice,) = choose([float32, int8], {int8.case: pair}, Limits())
    (by_time,) = choose([float32, int8], {int8.case: pair}, Limits(auc_drop=None))

    assert choice.chosen is None
    assert [each.refusals for each in choice.candidates] == [
        ("INVALID (constant-scores)",),
        ("tiny-cxr itself, as float32, gives all images the same score",),
    ]
    assert by_time.chosen is not None


def test_where_no_image_was_scored_the_answer_is_by_time_alone():
    (sentence,) = answer.sentences(rows(auc_mean=None))
    alone = [TableRow(row=make_row(scheme=scheme, auc_mean=None, p50_ns=p50), against=None) for scheme, p50 in BY_TIME]

    assert sentence == "int8 is 2.1× faster (1.9–2.3), 3.9× smaller on local by time alone: no AUC is known"
    assert list(answer.sentences(alone)) == ["float16 is the fastest on local by time alone: no AUC is known"]
    invalid = TableRow(
        row=make_row(scheme="dynamic", verdict="INVALID", reasons=(reason(verdict="INVALID"),)), against=None
    )
    assert list(answer.sentences([*alone, invalid])) == list(answer.sentences(alone))
    larger = TableRow(
        row=make_row(scheme="int8", auc_mean=None, p50_ns=1e6, p50_high_ns=2e6, size_bytes=9), against=None
    )
    (sentence,) = answer.sentences([alone[1], larger])
    assert sentence == "int8 is as fast as any, and the smallest, on local by time alone: no AUC is known"
    timeless = [TableRow(row=replace(each.row, p50_ns=None), against=None) for each in alone]
    assert next(answer.sentences(timeless)).endswith("all 2 are refused; farm results best explains")


def test_where_no_image_was_scored_the_next_command_ranks_by_time_alone():
    (choice,) = choose([make_row(auc_mean=None), make_row(scheme="int8", auc_mean=None)], {}, Limits())

    assert best.sentence(choice).endswith(
        "all 2 results are refused, since no image was scored; by time alone: farm results best --max-auc-drop any"
    )


def test_a_speed_that_cannot_be_told_is_named_as_such():
    (sentence,) = answer.sentences(rows(difference=CANT_TELL, speedup=1.0))

    assert sentence == (
        "int8 is as fast as float32 as far as the run can tell (10 % faster to 10 % slower), 3.9× smaller, "
        "and within 0.002 AUC of float32; on local it is the one to deploy"
    )


@pytest.mark.parametrize(
    ("verdict", "untold"),
    [(FASTER, "speeds exactly"), (NOTHING_SEEN, "speeds less than 4 % apart"), (CANT_TELL, "speeds")],
)
def test_a_machine_that_was_busy_throughout_is_part_of_the_answer(verdict, untold):
    load = "other processes used up to 84% of the CPU"
    busy = reason(code="other-load", message=f"{load} (1.7 of 2 cores) during 5 of 5 attempts")
    dynamic = beside(
        make_row(scheme="dynamic", p50_ns=3e6, size_ratio=2.0, verdict="WARN", reasons=(busy,)), 0.4, SLOWER
    )
    speedup = 2.1 if verdict == FASTER else 1.0

    (sentence,) = answer.sentences(
        [*rows(difference=verdict, speedup=speedup, verdict="WARN", reasons=(busy,)), dynamic]
    )
    (calm,) = answer.sentences([*rows(difference=verdict, speedup=speedup, verdict="WARN", reasons=()), dynamic])

    assert sentence.endswith(f"on local it is the one to deploy. local was too busy to tell {untold}: {load}")
    assert calm.endswith("on local it is the one to deploy"), "not every row was measured on a busy machine"


def test_smoke_decides_nothing():
    (sentence,) = answer.sentences(rows(reasons=(reason(code="smoke"),)))

    assert sentence == "effort smoke shows that tiny-cxr works on local, not what to deploy: farm run decides"


def test_what_is_invalid_is_not_recommended():
    (sentence,) = answer.sentences(rows(verdict="INVALID", reasons=(reason("INVALID", "attempt-failed", "it failed"),)))

    assert sentence.startswith("no scheme of tiny-cxr can be recommended on local: all 2 are refused")


def test_a_fleet_gets_a_sentence_for_each_device_and_one_for_all():
    both = [*rows(), *rows(device="pi5")]

    lines = list(answer.sentences(both))

    assert [" on local " in lines[0], " on pi5 " in lines[1]] == [True, True]
    assert "one artifact for both devices: int8" in lines[2]


def test_one_scheme_alone_is_no_choice():
    assert printed(answer.show, [TableRow(row=make_row(), against=None)]) == []
