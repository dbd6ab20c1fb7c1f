"""Why a scheme is slower than float32 is said from the delegate nodes that were recorded, or not at all."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from orchestrator.analysis import explain as slower
from orchestrator.reports import case_detail as show
from orchestrator.testing import make_measurement
from tests.unit.test_reports import make_row

TFLITE = {"python": "3.11.7", "numpy": "1.26.4", "tflite-runtime": "2.14.0"}


def attempts(delegated, nodes=430, delegate="xnnpack", **changes):
    said = {"delegate": delegate if delegated else None, "nodes": nodes, "delegated_nodes": delegated}
    return [make_measurement(effective=said, versions=TFLITE, **changes)]


def int8(**changes):
    return make_row(scheme="int8", runtime="tflite==2.14.0", speedup=0.2564, **changes)


def test_a_slower_scheme_of_which_less_is_delegated_is_explained_in_one_sentence():
    assert slower.than_float32(int8(), attempts(0), attempts(429)) == (
        "int8 is 3.90× slower than float32 here; tflite 2.14.0 gave 0 of 430 nodes of int8 to XNNPACK, "
        "and 429 of 430 of float32"
    )


@pytest.mark.parametrize(
    ("row", "ours", "theirs"),
    [
        (make_row(scheme="int8", speedup=2.0), attempts(0), attempts(429)),
        (make_row(scheme="int8", speedup=0.95), attempts(0), attempts(429)),
        (make_row(scheme="int8", speedup=None), attempts(0), attempts(429)),
        (make_row(scheme="float32", speedup=0.2), attempts(0), attempts(429)),
        (int8(), attempts(430), attempts(429)),
        (int8(), attempts(215), attempts(100, nodes=200)),
        (int8(), [], attempts(429)),
        (int8(), attempts(0), []),
        (int8(), [make_measurement(effective=None)], attempts(429)),
        (int8(), [make_measurement(effective={"delegate": None})], attempts(429)),
        (int8(), [make_measurement(effective={"nodes": 0, "delegated_nodes": 0})], attempts(429)),
    ],
    ids=[
        *("faster", "as fast", "not compared", "float32 itself", "more is delegated", "the same share"),
        *("nothing measured", "float32 not measured", "failed", "a runtime that does not tell", "no nodes"),
    ],
)
def test_nothing_is_said_where_the_nodes_explain_nothing(row, ours, theirs):
    assert slower.than_float32(row, ours, theirs) is None


def test_an_external_delegate_is_called_what_it_is_called():
    row = make_row(scheme="int8", runtime="delegate:/opt/x.so", speedup=0.5)

    said = slower.than_float32(row, attempts(1, delegate="/opt/x.so"), attempts(400, delegate="/opt/x.so"))

    assert "delegate:/opt/x.so 2.14.0 gave 1 of 430 nodes of int8 to /opt/x.so," in said


def test_an_attempt_that_failed_does_not_hide_the_one_that_tells():
    failed = make_measurement(effective=None, versions=None, error="killed")

    assert "0 of 430" in slower.than_float32(int8(), [failed, *attempts(0)], [failed, *attempts(429)])


def test_the_sentence_stands_where_one_case_is_shown():
    screen = Console(file=io.StringIO(), width=200, color_system=None, highlight=False)

    show.show(int8(), attempts(0), None, {}, None, screen, of_float32=attempts(429))

    assert "0 of 430 nodes of int8 to XNNPACK" in screen.file.getvalue()
