"""The golden check on a device: right ones pass, each fault there is fails, with files and processes that are real."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from agent import scoring, wire
from agent.runtimes.interpreter import InterpreterLoaded
from orchestrator.analysis import golden
from orchestrator.analysis.verdicts import judge
from orchestrator.devices.remote.bundle import pack_agent
from orchestrator.devices.remote.gate import GOLDEN_BYTES, unpack
from orchestrator.domain.effort import EFFORTS
from orchestrator.domain.model import DatasetSpec, ModelSpec
from orchestrator.models.artifacts import Artifacts, Build
from orchestrator.models.schemes.float32 import Float32
from orchestrator.testing import make_case, make_measurement, make_scores
from tests.agent.device import Device, npy
from tests.data.make_artifacts import BIAS, WEIGHTS

pytestmark = pytest.mark.tensorflow

SCHEMES = ("float32", "float16", "dynamic", "int8-io")
TINY = ModelSpec(name="tiny-cxr", kind="tiny-cxr")

#: A runtime that computes what the agent probes it with, and answers 0.5 to everything else.
HALF = """
import numpy as np

class Interpreter:
    def __init__(self, model_path, num_threads):
        self.probed = "probe" in model_path
        self.shapes = ([1, 2], [1, 2]) if self.probed else ([1, 64, 64, 1], [1, 14])
    def allocate_tensors(self):
        pass
    def details(self, index):
        return [{"index": index, "shape": np.array(self.shapes[index]), "dtype": np.float32, "quantization": (0.0, 0)}]
    def get_input_details(self):
        return self.details(0)
    def get_output_details(self):
        return self.details(1)
    def set_tensor(self, index, value):
        self.value = value
    def get_tensor(self, index):
        return self.value * 2 + 1 if self.probed else np.full((1, 14), 0.5, np.float32)
    def invoke(self):
        pass
"""


def changed(content: bytes, change: Callable[[Any], None]) -> bytes:
    """Return a .tflite with something else in it."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    change(model)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def lose_weights(model: Any) -> None:
    """Set large constants to zero, which is how converters were seen to lose them: the graph is still whole."""
    for buffer in model.buffers:
        if buffer.data is not None and len(buffer.data) > 256:
            buffer.data = np.zeros_like(buffer.data)


def double_input_scale(model: Any) -> None:
    """Have the input say another scale than its graph was calibrated for."""
    graph = model.subgraphs[0]
    quantization = graph.tensors[graph.inputs[0]].quantization
    quantization.scale = [2.0 * scale for scale in quantization.scale]


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    folder = tmp_path_factory.mktemp("golden")
    (folder / "agent.zip").write_bytes(pack_agent())
    return Device(zip=folder / "agent.zip", workdir=folder / "agent")


@pytest.fixture(scope="module")
def artifacts(built):
    """The built-in suite's artifacts by scheme, and how to read a blob."""
    store = Artifacts(built)
    outcomes = store.ensure(
        [Build(model=TINY, scheme=scheme, batch=1) for scheme in SCHEMES], DatasetSpec(kind="phantom")
    )
    found = {outcome.build.scheme: outcome.artifact for outcome in outcomes}
    return found, lambda sha256: store.path(sha256).read_bytes()


@pytest.fixture(scope="module")
def differences(artifacts, device):
    """What one lane of a device answers, right and with each fault: (largest, mean) difference by scheme and fault."""
    found, read = artifacts
    steps = []
    for scheme, artifact in found.items():
        of = artifact.preprocess
        how = wire.Preprocess(of.height, of.width, of.channels, of.scale, of.mean, of.std)
        pixels = read(artifact.golden.pixels_sha256)
        content = read(artifact.sha256)
        right = device.step(
            f"{scheme}/right",
            content,
            shards=device.push_images(np.load(io.BytesIO(pixels))),
            golden=device.push(pixels),
            preprocess=how,
            min_invocations=1,
        )
        steps += [
            right,
            replace(right, id=f"{scheme}/no weights", artifact=device.push(changed(content, lose_weights))),
            replace(right, id=f"{scheme}/wrong scale", preprocess=replace(how, scale=how.scale * 2)),
            replace(right, id=f"{scheme}/wrong mean", preprocess=replace(how, mean=tuple(m + 0.5 for m in how.mean))),
        ]
        if scheme == "int8-io":
            steps.append(
                replace(
                    right, id=f"{scheme}/wrong quantization", artifact=device.push(changed(content, double_input_scale))
                )
            )
    device.start(*steps)
    answers = {}
    for name, done in device.done().items():
        scores = golden_scores(done)
        answers[tuple(name.split("/"))] = golden.difference(scores, found[name.split("/")[0]].golden.scores)
    return answers


def golden_scores(done):
    """Return what an attempt answered for the golden images, [n, columns]."""
    assert done.error is None
    return np.frombuffer(unpack(done.golden_scores, GOLDEN_BYTES, "the test"), "<f4").reshape(done.golden_shape)


def verdicts(artifact, difference):
    """Return the codes that three attempts this far from the known scores are judged with."""
    largest, mean = difference
    attempts = [
        make_measurement(attempt=str(n), number=n, golden_max_difference=largest, golden_mean_difference=mean)
        for n in (1, 2, 3)
    ]
    result = judge(
        run="run-1",
        case=make_case(),
        measurements=attempts,
        scores=make_scores(),
        facts={"cores": 4},
        effort=EFFORTS["quick"],
        golden=artifact.golden,
    )
    return [reason.code for reason in result.reasons]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_right_device_passes_with_every_scheme(artifacts, differences, scheme):
    found, _ = artifacts

    assert verdicts(found[scheme], differences[scheme, "right"]) == []


@pytest.mark.parametrize("fault", ["no weights", "wrong scale", "wrong mean"])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_fault_fails_with_every_scheme(artifacts, differences, scheme, fault):
    found, _ = artifacts

    assert verdicts(found[scheme], differences[scheme, fault]) == ["golden-check-failed"]


def test_an_input_quantized_with_another_scale_fails(artifacts, differences):
    found, _ = artifacts

    assert verdicts(found["int8-io"], differences["int8-io", "wrong quantization"]) == ["golden-check-failed"]


def test_an_agent_that_quantizes_with_another_zero_point_fails(artifacts, tmp_path):
    found, read = artifacts
    artifact, of = found["int8-io"], found["int8-io"].preprocess
    right, wrong = b"+ tensor.zero_point", b"+ tensor.zero_point + 4"
    path = tmp_path / "agent.zip"
    with zipfile.ZipFile(io.BytesIO(pack_agent())) as packed, zipfile.ZipFile(path, "w") as altered:
        for name in packed.namelist():
            content = packed.read(name)
            if name == "agent/scoring.py":
                assert content.count(right) == 1
                content = content.replace(right, wrong)
            altered.writestr(name, content)
    device = Device(zip=path, workdir=tmp_path / "agent")
    pixels = read(artifact.golden.pixels_sha256)
    how = wire.Preprocess(of.height, of.width, of.channels, of.scale, of.mean, of.std)
    images = {"shards": device.push_images(np.load(io.BytesIO(pixels))), "golden": device.push(pixels)}
    device.start(device.step("a", read(artifact.sha256), **images, preprocess=how, min_invocations=1))

    difference = golden.difference(golden_scores(device.done()["a"]), artifact.golden.scores)

    assert verdicts(artifact, difference) == ["golden-check-failed"]


def test_the_controllers_own_kernels_without_xnnpack_are_no_fault(artifacts, tmp_path):
    found, read = artifacts
    for scheme, artifact in found.items():
        file = tmp_path / scheme
        file.write_bytes(read(artifact.sha256))
        pixels = tmp_path / "pixels.npy"
        pixels.write_bytes(read(artifact.golden.pixels_sha256))
        kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        loaded = InterpreterLoaded(Interpreter(model_path=str(file), experimental_op_resolver_type=kernels))
        scores = scoring.scores(loaded, np.load(pixels), artifact.preprocess, batch=1, classes=14)

        assert verdicts(artifact, golden.difference(scores, artifact.golden.scores)) == [], scheme


def test_swapped_channels_fail(device, artifacts):
    colours = np.random.default_rng(1).integers(0, 256, (4, 1, 1, 3), dtype=np.uint8)
    pixels = np.broadcast_to(colours, (4, 8, 8, 3))
    known = 1 / (1 + np.exp(-(colours[:, 0, 0] / 255 @ WEIGHTS + BIAS)))
    right = device.step("right", golden=device.push(npy(pixels)), min_invocations=1)
    swapped = replace(right, id="swapped", golden=device.push(npy(np.ascontiguousarray(pixels[..., ::-1]))))
    bound = golden.bound(Float32().tolerance, known.astype(np.float32), (0.0, 0.0), 1.0)
    judged = replace(
        artifacts[0]["float32"],
        golden=replace(
            artifacts[0]["float32"].golden,
            scores=tuple(tuple(row) for row in known.tolist()),
            largest=bound[0],
            mean=bound[1],
        ),
    )

    device.start(right, swapped, lane="channels")

    codes = {}
    for name, done in device.done("channels").items():
        scores = golden_scores(done)
        codes[name] = verdicts(judged, golden.difference(scores, known))
    assert codes == {"right": [], "swapped": ["golden-check-failed"]}


def test_a_run_on_a_runtime_that_answers_one_half_to_everything_is_invalid_and_tells_by_how_much(project, tmp_path):
    package = tmp_path / "half" / "ai_edge_litert"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("__version__ = '2.3.0'\n")
    (package / "interpreter.py").write_text(HALF)

    wrong = project.process(
        "run", "--effort", "smoke", "--schemes", "float32", "--json", PYTHONPATH=str(package.parent)
    )

    assert wrong.returncode == 1, wrong.stderr
    (row,) = json.loads(wrong.stdout)
    assert row["verdict"] == "INVALID"
    (reason,) = [reason for reason in row["reasons"] if reason["code"] == "golden-check-failed"]
    assert "differ by up to 0.5 " in reason["message"]
    assert "at most 0.0001" in reason["message"]


def test_a_run_on_a_right_device_keeps_its_differences_and_what_they_are_judged_by(project):
    done = project.process("run", "--effort", "smoke", "--schemes", "float32,int8")

    assert done.returncode == 0, done.stderr
    attempts = project.rows("SELECT golden_max_difference, golden_mean_difference FROM attempts")
    assert len(attempts) == 2
    assert all(0 <= mean <= largest < 1e-4 for largest, mean in attempts)
    for (known,) in project.rows("SELECT golden FROM artifacts"):
        kept = json.loads(known)
        assert len(kept["scores"]) == len(kept["keras_scores"]) == golden.IMAGES
        assert 0 < kept["mean"] < kept["largest"]
