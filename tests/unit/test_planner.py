from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from orchestrator.domain.model import DatasetSpec, ModelSpec
from orchestrator.domain.plan import Attempt, Profiling, Scoring
from orchestrator.domain.suite import Suite, Throughput
from orchestrator.runs import chosen_runtimes, planner
from orchestrator.runtimes.catalogue import scheme_for
from orchestrator.testing import make_suite


def attempts_of(plan):
    return [step for lane in plan.lanes for step in lane.steps if isinstance(step, Attempt)]


def test_every_point_of_the_matrix_is_measured_as_often_as_the_effort_says():
    suite = make_suite(threads=(1, 2), effort="standard")

    plan = planner.plan("r", suite, ["a", "b"])

    assert len(plan.cases) == 2 * 2 * 2
    for case in plan.cases:
        assert [step.number for step in attempts_of(plan) if step.case == case] == [1, 2, 3, 4, 5]


def test_operators_are_timed_when_every_attempt_of_the_device_is_over():
    suite = make_suite(effort="standard", profile=True, throughput=Throughput(interpreters=(2,)))

    steps = planner.plan("r", suite, ["a"]).lanes[0].steps

    kinds = [type(step) for step in steps]
    first = kinds.index(Profiling)
    assert set(kinds[first:]) == {Profiling}
    assert Profiling not in kinds[:first]
    assert [step.case.scheme for step in steps[first:]] == ["float32", "int8"]
    assert not any(step.case.interpreters for step in steps[first:])


def test_operators_are_timed_only_where_that_is_asked_for():
    plan = planner.plan("r", make_suite(), ["a"])

    assert not any(isinstance(step, Profiling) for lane in plan.lanes for step in lane.steps)


def test_cases_take_turns_in_rounds_so_that_heat_is_not_confounded_with_the_scheme():
    suite = make_suite(schemes=("float32", "dynamic", "float16", "int8"), effort="standard")

    steps = attempts_of(planner.plan("r", suite, ["a"]))

    rounds = [steps[start : start + 4] for start in range(0, 20, 4)]
    assert all({step.case.scheme for step in turn} == set(suite.schemes) for turn in rounds)
    assert all({step.number for step in turn} == {number} for number, turn in enumerate(rounds, 1))
    assert len({tuple(step.case.scheme for step in turn) for turn in rounds}) > 1


def test_the_order_follows_from_the_seed():
    suite = make_suite(schemes=("float32", "dynamic", "float16", "int8"), effort="standard")

    same = [planner.plan("r", suite, ["a"]) for _ in range(2)]
    other = planner.plan("r", replace(suite, seed=7), ["a"])

    assert same[0] == same[1]
    assert [step.case for step in attempts_of(other)] != [step.case for step in attempts_of(same[0])]


def test_ids_differ_between_steps_and_runs_and_survive_planning_again():
    suite = make_suite(effort="standard")

    ids = [step.id for lane in planner.plan("r", suite, ["a", "b"]).lanes for step in lane.steps]
    again = [step.id for lane in planner.plan("r", suite, ["a", "b"]).lanes for step in lane.steps]
    other = [step.id for lane in planner.plan("s", suite, ["a", "b"]).lanes for step in lane.steps]

    assert len(set(ids)) == len(ids)
    assert ids == again
    assert not set(ids) & set(other)


def test_accuracy_is_checked_once_for_each_artifact_and_runtime_whatever_the_threads():
    suite = make_suite(threads=(1, 2, 4), runtimes=("litert", "null"))

    scorings = [step for step in planner.plan("r", suite, ["a"]).lanes[0].steps if isinstance(step, Scoring)]

    assert sorted((step.scheme, step.runtime) for step in scorings) == [("float32", "litert"), ("int8", "litert")]


def test_a_latency_only_suite_scores_nothing_and_measures_the_same_attempts():
    suite = make_suite()

    alone, scored = (planner.plan("r", replace(suite, accuracy=asked), ["a"]).lanes[0].steps for asked in ("none", 40))

    assert not [step for step in alone if isinstance(step, Scoring)]
    assert list(alone) == [step for step in scored if not isinstance(step, Scoring)]
    assert len(scored) > len(alone)


def test_what_a_device_cannot_run_is_skipped_with_the_reason():
    suite = make_suite(runtimes=("litert", "null"))

    plan = planner.plan(
        "r",
        suite,
        ["pi", "off"],
        unsupported={("pi", "litert"): "no wheel"},
        unreachable={"off": "off: nothing answers"},
    )

    assert {case.runtime for case in plan.cases} == {"null"}
    assert {(skip.case.device, skip.reason) for skip in plan.skips} == {
        ("pi", "no wheel"),
        ("off", "off: nothing answers"),
    }
    assert [lane.device for lane in plan.lanes] == ["pi"]


def test_a_scheme_of_another_format_is_left_to_the_runtime_that_takes_it():
    suite = make_suite(schemes=("float32", "keras"), runtimes=("tensorflow", "litert==1.4.0"))

    planned = planner.plan("run", suite, ["local"])

    assert {(case.scheme, case.runtime) for case in planned.cases} == {
        ("float32", "tensorflow"),
        ("float32", "litert==1.4.0"),
        ("keras", "tensorflow"),
    }
    (skip,) = planned.skips
    assert (str(skip.case), skip.reason) == (
        "local/tiny-cxr/keras/litert==1.4.0/t1/b1",
        "scheme keras makes .keras, runtime litert takes .tflite: use runtime tensorflow",
    )


def test_a_runtime_without_tflite_is_left_to_its_own_schemes():
    suite = make_suite(schemes=("float32", "onnx", "onnx-int8"), runtimes=("onnxruntime", "litert"))

    planned = planner.plan("run", suite, ["local"])

    assert {(case.scheme, case.runtime) for case in planned.cases} == {
        ("float32", "litert"),
        ("onnx", "onnxruntime"),
        ("onnx-int8", "onnxruntime"),
    }
    assert {(skip.case.scheme, skip.case.runtime, skip.reason) for skip in planned.skips} == {
        (
            "float32",
            "onnxruntime",
            "scheme float32 makes .tflite, runtime onnxruntime takes .onnx: use schemes onnx and onnx-int8",
        ),
        ("onnx", "litert", "scheme onnx makes .onnx, runtime litert takes .tflite: use runtime onnxruntime"),
        ("onnx-int8", "litert", "scheme onnx-int8 makes .onnx, runtime litert takes .tflite: use runtime onnxruntime"),
    }


def test_throughput_is_planned_beside_latency_with_batches_of_its_own():
    suite = make_suite(schemes=("int8",), throughput=Throughput(interpreters=(1, 2), batches=(8,)))

    planned = planner.plan("run", suite, ["local"])

    assert [str(case).split("/", 4)[-1] for case in sorted(planned.cases)] == ["t1/b1", "t1/b8/x1", "t1/b8/x2"]
    scorings = [step for lane in planned.lanes for step in lane.steps if isinstance(step, Scoring)]
    assert sorted(step.batch for step in scorings) == [1, 8], "interpreters side by side don't change scores"


def test_comparing_takes_more_attempts_of_standard_alone():
    def attempts(effort):
        return planner.plan("run", make_suite(effort=effort, compare=True), ["local"]).effort.attempts

    assert (attempts("standard"), attempts("quick"), attempts("mobile")) == (7, 3, 5)


@pytest.mark.parametrize(
    ("runtime", "scheme", "found"),
    [("litert", "float32", "float32"), ("onnxruntime", "float32", "onnx"), ("onnxruntime", "int8", "onnx-int8")],
)
def test_a_scheme_is_found_in_the_format_of_a_runtime(runtime, scheme, found):
    assert scheme_for(runtime, scheme) == found


MIXED = (
    ModelSpec(name="tiny-cxr", kind="tiny-cxr"),
    ModelSpec(name="ready", kind="tflite", options={"path": "ready.tflite"}),
)


def test_a_suite_without_schemes_measures_each_kind_of_model_with_its_own():
    suite = Suite(models=MIXED, dataset=DatasetSpec(kind="phantom"), effort="smoke")

    plan = planner.plan("r", suite, ["a"])

    assert not plan.skips
    assert {(case.model, case.scheme) for case in plan.cases} == {
        ("ready", "as-is"),
        *(("tiny-cxr", scheme) for scheme in ("float32", "dynamic", "float16", "int8")),
    }


def test_a_scheme_that_a_kind_of_model_cannot_take_is_skipped_with_what_to_use():
    suite = make_suite(models=MIXED, schemes=("float32", "as-is"))

    plan = planner.plan("r", suite, ["a"])

    assert {(case.model, case.scheme) for case in plan.cases} == {("tiny-cxr", "float32"), ("ready", "as-is")}
    assert {skip.case.model: skip.reason for skip in plan.skips} == {
        "tiny-cxr": "scheme as-is takes a ready .tflite file or a ready .onnx file, model tiny-cxr is a SavedModel or a Keras model: "
        "use float32 or dynamic or float16 or int8",
        "ready": "scheme float32 takes a SavedModel, model ready is a ready .tflite file: use as-is",
    }


def test_a_suite_without_runtimes_measures_each_artifact_in_the_runtime_that_takes_it():
    exported = ModelSpec(name="exported", kind="onnx", options={"path": "mine.onnx"})
    suite = Suite(models=(*MIXED, exported), dataset=DatasetSpec(kind="phantom"), effort="smoke")
    schemes = replace(suite, models=MIXED[:1], schemes=("float32", "onnx", "keras"))

    plan, of_schemes = planner.plan("r", suite, ["a"]), planner.plan("r", schemes, ["a"])

    assert not plan.skips
    assert {(case.model, case.runtime) for case in plan.cases} == {
        ("tiny-cxr", "litert"),
        ("ready", "litert"),
        ("exported", "onnxruntime"),
    }
    assert {(case.scheme, case.runtime) for case in of_schemes.cases} == {
        ("float32", "litert"),
        ("onnx", "onnxruntime"),
        ("keras", "tensorflow"),
    }
    assert chosen_runtimes.of_suite(suite) == ("litert", "onnxruntime")
    assert chosen_runtimes.of_suite(replace(suite, models=(exported,))) == ("onnxruntime",)
    assert chosen_runtimes.of_suite(replace(suite, runtimes=("null",))) == ("null",)


def test_an_onnx_file_is_measured_as_it_is_in_onnx_runtime_alone():
    model = ModelSpec(name="exported", kind="onnx", options={"path": "mine.onnx"})
    suite = make_suite(models=(model,), schemes=(), runtimes=("onnxruntime", "litert"))

    plan = planner.plan("r", suite, ["a"])

    assert {(case.scheme, case.runtime) for case in plan.cases} == {("as-is", "onnxruntime")}
    [skip] = plan.skips
    assert skip.reason == "scheme as-is makes .onnx, runtime litert takes .tflite: use runtime onnxruntime"


def test_a_runtime_that_takes_no_tflite_has_no_scheme_for_a_ready_file():
    suite = make_suite(models=MIXED[1:], schemes=(), runtimes=("onnxruntime",))

    [skip] = planner.plan("r", suite, ["a"]).skips

    assert skip.reason.startswith("scheme as-is makes .tflite, runtime onnxruntime takes .onnx: use runtime litert")


def test_without_calibration_images_only_the_schemes_that_need_them_are_skipped_with_the_reason():
    suite = make_suite(
        schemes=("float32", "int8", "mixed"), scheme_options={"mixed": {"kind": "int8", "float_layers": ["first"]}}
    )

    plan = planner.plan("r", suite, ["pi"], uncalibrated="no calibration images")

    assert {case.scheme for case in plan.cases} == {"float32"}
    assert [(skip.case.scheme, skip.reason) for skip in plan.skips] == [
        ("int8", "no calibration images"),
        ("mixed", "no calibration images"),
    ]


def test_a_scheme_that_converts_an_onnx_file_needs_the_converter_and_says_how_to_get_it(monkeypatch, tmp_path):
    from orchestrator.models import onnx_converter

    model = ModelSpec(name="exported", kind="onnx", options={"path": "mine.onnx"})
    suite = make_suite(models=(model,), schemes=("float32", "keras"), runtimes=("litert", "onnxruntime"))
    monkeypatch.setattr(onnx_converter, "FOLDER", tmp_path / "nothing")

    without = {(skip.case.scheme, skip.case.runtime): skip.reason for skip in planner.plan("r", suite, ["a"]).skips}
    installed = tmp_path / "there" / "lib" / "python3.11" / "site-packages" / "onnx2tf-1.29.24.dist-info"
    installed.mkdir(parents=True)
    monkeypatch.setattr(onnx_converter, "FOLDER", tmp_path / "there")

    assert "needs onnx2tf, which is missing: " in without["float32", "litert"]
    assert without["float32", "litert"].endswith("pip install 'onnx2tf>=1.29.24,<3'")
    assert "use scheme as-is" in without["float32", "onnxruntime"]
    assert "takes a Keras model, model exported is a ready .onnx file" in without["keras", "litert"]
    assert {(case.scheme, case.runtime) for case in planner.plan("r", suite, ["a"]).cases} == {("float32", "litert")}


def test_a_scheme_whose_package_is_missing_is_skipped_with_its_command_before_anything_is_built(monkeypatch):
    from orchestrator.models import weight_bits
    from orchestrator.models.schemes import onnx

    suite = make_suite(schemes=("float32", "dynamic-int4", "onnx"), runtimes=("litert", "onnxruntime"))
    monkeypatch.setattr(weight_bits, "installed", lambda: "unknown")
    monkeypatch.setattr(onnx, "find_spec", lambda name: None if name == "tf2onnx" else name)

    planned = planner.plan("r", suite, ["a"])

    reasons = {(skip.case.scheme, skip.case.runtime): skip.reason for skip in planned.skips}
    assert reasons["dynamic-int4", "litert"].startswith(
        "scheme dynamic-int4: it needs ai-edge-quantizer, which is missing: "
    )
    assert reasons["dynamic-int4", "litert"].endswith("-m pip install ai-edge-quantizer")
    assert reasons["onnx", "onnxruntime"].endswith(
        "it needs tf2onnx, missing here: " + f"{sys.executable} -m pip install tf2onnx"
    )
    assert {(case.scheme, case.runtime) for case in planned.cases} == {("float32", "litert")}
