"""Two profiles, operator by operator, and the sentences that they support."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console

from orchestrator.analysis import profile as reading
from orchestrator.analysis.explain_operators import of_two
from orchestrator.domain.profile import Operator
from orchestrator.reports import profile as report
from orchestrator.testing import make_case, make_profile

XNNPACK = "xnnpack"


def operator(kind, took_us, types="", delegate=XNNPACK):
    return Operator(kind=kind, types=types, delegate=delegate, median_ns=took_us * 1000, total_ns=took_us * 10_000)


def profile(scheme, *operators, invocation_us=100, **changes):
    fields = {"profile": f"{scheme}-profile", "case": make_case(scheme=scheme), "total_ns": invocation_us * 10_000}
    return make_profile(**(fields | {"operators": operators} | changes))


FLOAT32 = profile(
    "float32",
    operator("Convolution (NHWC, F32) IGEMM", 10, "F32"),
    operator("Convolution (NHWC, F32) DWConv", 5, "F32"),
    operator("Fully Connected (NC, F32) GEMM", 20, "F32"),
    operator("Sigmoid (NC)", 0),
)
INT8 = profile(
    "int8",
    operator("Convert (NC, F32, QS8)", 4, "F32, QS8"),
    operator("Convolution (NHWC, QC8) IGEMM", 50, "QC8"),
    operator("DEPTHWISE_CONV_2D", 15, "int8, int32 -> int8", delegate=None),
    operator("Fully Connected (NC, QS8, QC8W) GEMM", 12, "QS8, QC8W"),
    operator("Sigmoid (NC)", 0),
)


def sentences(a, b):
    return {finding.kind: finding.sentence for finding in reversed(list(of_two(reading.side_by_side(a, b))))}


def test_operators_that_compute_the_same_stand_side_by_side_whoever_ran_them():
    both = reading.side_by_side(FLOAT32, INT8)

    assert [(pair.family, pair.a is None, pair.b is None) for pair in both.pairs] == [
        ("convert", True, False),
        ("dense", False, False),
        ("depthwise", False, False),
        ("dense", False, False),
        ("sigmoid", False, False),
    ]
    assert [both.slower_ns(pair) for pair in both.pairs] == [4_000, 40_000, 10_000, -8_000, 0]


def test_shares_and_the_remainder_add_up_to_the_invocation():
    shares = [INT8.share(each) for each in INT8.operators]

    assert sum(shares) + INT8.remainder_ns / INT8.invocation_ns == pytest.approx(1)
    assert INT8.remainder_ns == 19_000


def test_what_makes_the_difference_is_named_with_its_kernels():
    found = list(of_two(reading.side_by_side(FLOAT32, INT8)))

    assert found[0].sentence == "all operators of int8 together take 46.0 µs more an invocation than those of float32"
    assert found[1].sentence == (
        "dense operators: 62.0 µs together in int8 (2 of them), 30.0 µs in float32 (2): 32.0 µs more"
    )
    first = next(finding for finding in found if finding.kind == "operator")
    assert first.sentence == (
        "operator 1 takes 50.0 µs in int8, as Convolution (NHWC, QC8) IGEMM, and 10.0 µs in float32, as Convolution "
        "(NHWC, F32) IGEMM: 40.0 µs more, 87 % of the difference"
    )
    assert all(finding.evidence == "profiles float32-, int8-pro" for finding in found)


def test_what_ran_outside_the_delegate_is_named_with_its_types_and_share():
    assert sentences(FLOAT32, INT8)["delegate"] == (
        "1 of 5 operators of int8 ran outside XNNPACK, 15 % of an invocation: DEPTHWISE_CONV_2D (int8, int32 -> int8)"
    )
    assert sentences(FLOAT32, FLOAT32)["delegate"] == (
        "every operator of both schemes ran inside XNNPACK: what a delegate refuses is no cause"
    )


def test_operators_that_only_convert_are_named_where_they_take_something():
    assert sentences(FLOAT32, INT8)["conversion"] == (
        "4 % of an invocation of int8 goes to operators that only quantize or dequantize (1)"
    )
    assert "conversion" not in sentences(FLOAT32, FLOAT32)


def test_kernels_that_compute_in_the_same_types_are_called_that():
    float16 = replace(FLOAT32, profile="float16", case=make_case(scheme="float16"))

    assert sentences(FLOAT32, float16)["types"] == (
        "the delegate's kernels of float16 compute in these types, by share: F32 35 %, as those of float32 do: "
        "nothing is computed in fewer bits"
    )


def test_where_operators_take_the_same_nothing_is_blamed():
    found = [finding.kind for finding in of_two(reading.side_by_side(FLOAT32, FLOAT32))]

    assert "operator" not in found
    assert "family" not in found
    assert sentences(FLOAT32, FLOAT32)["operators"] == (
        "the operators of float32 take as long as those of float32, to a microsecond an invocation"
    )


def test_without_any_delegate_none_is_blamed():
    bare = profile("int8", operator("CONV_2D", 50, "int8 -> int8", delegate=None))

    found = sentences(profile("float32", operator("CONV_2D", 10, "float32 -> float32", delegate=None)), bare)

    assert "delegate" not in found
    assert "outside" not in found["operator"]


@pytest.mark.parametrize(
    ("kind", "family"),
    [
        ("Fully Connected (NC, QD8, F32, QC8W) GEMM", "dense"),
        ("CONV_2D", "dense"),
        ("Convolution (NHWC, F32) DWConv", "depthwise"),
        ("DEPTHWISE_CONV_2D", "depthwise"),
        ("Mean (ND) Reduce2", "mean"),
        ("LOGISTIC", "sigmoid"),
        ("DEQUANTIZE", "convert"),
        ("HARD_SWISH", "hard swish"),
        ("(odd", "unnamed"),
    ],
)
def test_kernels_and_operators_have_one_name_for_what_they_compute(kind, family):
    assert reading.family(operator(kind, 1)) == family


@pytest.fixture
def text_console():
    return Console(file=io.StringIO(), width=80, color_system=None, highlight=False)


def test_two_schemes_fit_80_columns_with_what_no_operator_accounts_for(text_console):
    many = profile("dynamic", *INT8.operators * 40, invocation_us=4000)

    report.show_two(reading.side_by_side(FLOAT32, INT8), text_console)
    report.show(many, text_console)

    lines = text_console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert any(line.split()[:3] == ["no", "operator", "65.0"] for line in lines)
    assert any("*i8,i32" in line for line in lines)
    assert "int8: 1 of 5 operators ran outside XNNPACK (*), 15 % of an invocation." in lines


def test_rows_that_take_little_are_together_unless_all_are_asked_for(text_console):
    little = replace(FLOAT32, operators=(*FLOAT32.operators, operator("Static Reshape (NC)", 0)))

    report.show(little, text_console)
    few = text_console.file.getvalue()
    report.show(little, text_console, every=True)
    every = text_console.file.getvalue()[len(few) :]

    assert "others" in few
    assert "sigmoid" not in few
    assert "sigmoid" in every


def test_json_has_every_operator_with_its_share_and_its_partner():
    fields = json.loads(report.as_json(INT8, reading.side_by_side(FLOAT32, INT8)))

    assert fields["profile"]["case"] == "local/tiny-cxr/int8/litert/t1/b1"
    assert fields["profile"]["outside_share"] == pytest.approx(0.15)
    assert fields["profile"]["remainder_ns"] == 19_000
    depthwise = fields["profile"]["operators"][2]
    assert (depthwise["family"], depthwise["delegate"], depthwise["share"]) == ("depthwise", None, pytest.approx(0.15))
    assert fields["pairs"][0] == {"family": "convert", "against": None, "profile": 0, "slower_ns": 4000.0}
    assert json.loads(report.as_json(INT8, None))["pairs"] is None
