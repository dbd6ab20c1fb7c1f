"""What a file asks of a runtime's kernels, held against what a device has."""

from __future__ import annotations

import flatbuffers
import pytest
from packaging.version import Version

from orchestrator.domain.device import Device
from orchestrator.domain.plan import Attempt, Scoring
from orchestrator.models import kernel_needs
from orchestrator.models.artifacts import Artifacts
from orchestrator.runs import kernel_fit, planner
from orchestrator.runs.probe import Probed, ProbeResults
from orchestrator.runtimes import kernel_releases
from orchestrator.testing import make_artifact, make_suite


def tflite(operator="FULLY_CONNECTED", version=1, weights="float32", scales=0):
    """Return a ``.tflite`` of one operator: a float32 input, weights of a type with so many scales, a float32 output."""
    from ai_edge_litert import schema_py_generated as schema

    def tensor(name, dtype, count=0):
        of = schema.TensorT()
        of.name, of.type, of.shape, of.buffer = name, getattr(schema.TensorType, dtype.upper()), [1], 0
        if count:
            of.quantization = schema.QuantizationParametersT()
            of.quantization.scale = [0.1] * count
        return of

    code, node, graph, model = schema.OperatorCodeT(), schema.OperatorT(), schema.SubGraphT(), schema.ModelT()
    code.builtinCode = getattr(schema.BuiltinOperator, operator)
    code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), version
    first = tensor("x", weights, scales) if operator == "DEQUANTIZE" else tensor("x", "float32")
    graph.tensors = [first, tensor("w", weights, scales), tensor("y", "float32")]
    node.opcodeIndex, node.inputs, node.outputs = 0, [0, 1], [2]
    graph.operators, graph.inputs, graph.outputs = [node], [0], [2]
    model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, [code], [graph], [schema.BufferT()]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (tflite(), None),
        (tflite(version=12), "FULLY_CONNECTED version 12 needs TensorFlow Lite 2.17"),
        # ai-edge-quantizer leaves version 1
        (tflite(weights="int8", scales=14), "FULLY_CONNECTED version 12 needs TensorFlow Lite 2.17"),
        (tflite(weights="int8", scales=1), None),
        (tflite("CONV_2D", weights="int8", scales=8), "CONV_2D version 5 needs TensorFlow Lite 2.4"),
        (tflite("CONV_2D", weights="int4", scales=8), "CONV_2D with int4 weights needs TensorFlow Lite 2.19"),
        (tflite("DEQUANTIZE", weights="int4", scales=8), "DEQUANTIZE version 6 needs TensorFlow Lite 2.18"),
        (tflite("DEQUANTIZE", weights="int8", scales=8), "DEQUANTIZE version 5 needs TensorFlow Lite 2.7"),
        (b"\x00" * 8 + b"damaged", None),
    ],
)
def test_a_file_says_which_release_it_needs(file, words):
    need = kernel_needs.newest(file)

    assert (None if need is None else str(need)) == words


@pytest.mark.parametrize(
    ("runtime", "version", "release"),
    [
        ("tflite", "2.14.0", "2.14.0"),
        ("tensorflow", "2.21.0", "2.21.0"),
        ("litert", "1.1.2", "2.19"),
        ("litert==1.4.0", "1.4.0", "2.20"),
        ("litert-builtin", "2.3.0", "2.23"),
        ("litert", "1.0.1", None),
        ("litert", "", None),
        ("onnxruntime", "1.32.0", None),
        ("of-tomorrow", "1.0", None),
    ],
)
def test_a_runtime_has_the_kernels_of_a_release(runtime, version, release):
    assert kernel_releases.release_of(runtime, version) == (None if release is None else Version(release))


def test_compat_names_a_release_of_tensorflow_lite():
    assert kernel_releases.release_in("tflite-2.14") == Version("2.14")
    with pytest.raises(ValueError, match=r"'tflite2\.14' is not tflite-RELEASE, such as tflite-2\.14"):
        kernel_releases.release_in("tflite2.14")


def fitted(tmp_path, files, **changes):
    """Return the plan of one model on ``old`` (tflite-runtime 2.14.0) and ``new`` (LiteRT 2.3.0), with what does not fit skipped."""
    suite = make_suite(schemes=tuple(files), runtimes=("tflite", "litert"), **changes)
    versions = {"old": {"tflite": "2.14.0"}, "new": {"litert": "2.3.0"}}
    unsupported = {("old", "litert"): "no wheel", ("new", "tflite"): "no wheel"}
    probed = [Probed(device=Device(name=name), versions=each) for name, each in versions.items()]
    plan = planner.plan("r", suite, tuple(versions), unsupported=unsupported)
    folder, artifacts = Artifacts(tmp_path), {}
    for name, content in files.items():
        artifacts["tiny-cxr", name, 1] = make_artifact(scheme=name, sha256=name)
        folder.path(name).write_bytes(content)
    needs = kernel_fit.needs_of(suite, artifacts, folder.path, {})
    skips = kernel_fit.unfit(plan, suite, ProbeResults(devices=tuple(probed)), artifacts, needs)
    return plan.skipping(skips), {str(skip.case): skip.reason for skip in skips}


def test_a_case_whose_kernels_the_device_lacks_is_skipped_with_that_reason(tmp_path):
    files = {"float32": tflite(), "dynamic": tflite(version=12)}

    plan, reasons = fitted(tmp_path, files)

    assert reasons == {
        "old/tiny-cxr/dynamic/tflite/t1/b1": "dynamic of tiny-cxr: FULLY_CONNECTED version 12 needs TensorFlow Lite 2.17, "
        "old has tflite-runtime 2.14.0"
    }
    steps = {(lane.device, step.subject.scheme, type(step)) for lane in plan.lanes for step in lane.steps}
    assert ("old", "dynamic", Attempt) not in steps
    assert ("old", "dynamic", Scoring) not in steps
    assert {("old", "float32", Scoring), ("new", "dynamic", Scoring), ("new", "dynamic", Attempt)} <= steps


def test_a_device_that_can_load_nothing_has_no_lane(tmp_path):
    plan, _ = fitted(tmp_path, {"dynamic": tflite(version=12)})

    assert [lane.device for lane in plan.lanes] == ["new"]


def test_compat_skips_a_case_on_every_device(tmp_path):
    plan, reasons = fitted(tmp_path, {"float32": tflite(), "dynamic": tflite(version=12)}, compat="tflite-2.14")

    words = "FULLY_CONNECTED version 12 needs TensorFlow Lite 2.17, the suite has `compat: tflite-2.14`"
    assert set(reasons.values()) == {f"dynamic of tiny-cxr: {words}"}
    assert {case.scheme for case in plan.cases} == {"float32"}


def test_a_scheme_has_a_compat_of_its_own(tmp_path):
    options = {"mine": {"kind": "dynamic", "compat": "tflite-2.14"}, "yours": {"kind": "dynamic"}}

    plan, _ = fitted(tmp_path, {name: tflite(version=12) for name in options}, scheme_options=options)

    assert {(case.device, case.scheme) for case in plan.cases} == {("new", "yours")}
