from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from agent import runtimes, wire
from agent.runtimes import find, litert, names
from agent.runtimes.interpreter import count_delegated
from tests.agent.device import DATA, FAKE, wheel

PROBE = Path(runtimes.__file__).parent / "probe.tflite"


def probe(device, *runtimes, environment=None):
    return device.ask("probe", stdin=wire.to_json(wire.ProbeRequest(runtimes, environment)))["runtimes"]


def environment(device, interpreter, name="env"):
    files = {"ai_edge_litert/__init__.py": "__version__ = '9'", "ai_edge_litert/interpreter.py": interpreter}
    request = wire.EnvironmentRequest(name, (wire.Wheel("fake.whl", device.push(wheel(files))),))
    device.ask("environment", stdin=wire.to_json(request))
    return name


def test_a_runtime_is_found_to_work_by_running_it(device):
    answer = probe(device, "litert")["litert"]

    assert answer["works"] is True
    assert answer["version"][0].isdigit()


def test_a_runtime_that_is_not_installed_is_an_error_that_names_it(device):
    assert "tflite_runtime" in probe(device, "tflite")["tflite"]["error"]


def test_a_runtime_that_imports_but_does_not_run_does_not_work(device):
    name = environment(device, "def Interpreter(**options): raise TypeError('numpy is too new')")

    assert probe(device, "litert", environment=name)["litert"] == {"error": "TypeError: numpy is too new"}


def test_a_runtime_that_computes_nonsense_does_not_work(device):
    name = environment(device, FAKE)

    assert "instead of [[3.0, 5.0]]" in probe(device, "litert", environment=name)["litert"]["error"]


def test_a_runtime_that_crashes_its_process_is_an_answer_and_the_others_are_tried(device):
    name = environment(device, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")

    answers = probe(device, "litert", "null", environment=name)

    assert "SIGSEGV" in answers["litert"]["error"]
    assert answers["null"]["works"] is True


def test_probing_in_an_environment_that_is_not_there_is_refused(device):
    request = wire.to_json(wire.ProbeRequest(("litert",), "nowhere"))

    assert device.refusal("probe", stdin=request)["error"] == wire.BLOB_MISSING


def test_a_probe_without_numpy_still_has_the_facts(device):
    name = environment(device, "import numpy")
    folder = device.workdir / "environments" / name
    (folder / "numpy.py").write_text("raise ImportError('no numpy here')")

    answers = probe(device, "litert", "null", environment=name)

    assert answers["litert"] == {"error": "no numpy here"}
    assert answers["null"]["works"] is True


def test_files_that_lie_around_shadow_no_module(device, tmp_path):
    for name in ("numpy", "json", "dataclasses"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not me')")

    request = wire.to_json(wire.ProbeRequest(("litert",)))
    done = subprocess.run(device.argv("probe"), input=request, capture_output=True, cwd=tmp_path, check=True)

    assert json.loads(done.stdout)["runtimes"]["litert"].get("works") is True


def test_the_delegate_and_its_nodes_are_counted():
    effective = litert.load(str(DATA / "float32.tflite"), 1).effective()

    assert effective["delegate"] == "xnnpack"
    assert 0 < effective["delegated_nodes"] <= effective["nodes"]


def test_what_is_timed_is_the_interpreter_itself():
    loaded = litert.load(str(DATA / "float32.tflite"), 1)

    assert type(loaded.invoke.__self__).__module__ == "ai_edge_litert.interpreter"


def node(name, inputs, outputs):
    return {"op_name": name, "inputs": inputs, "outputs": outputs}


@pytest.mark.parametrize(
    ("parts", "delegated"),
    [
        ([], 0),
        ([([0, 8], [4])], 4),
        ([([0, 8], [1]), ([2], [4])], 3),
        ([([1], [4])], 3),
    ],
    ids=["no delegate", "all", "two parts", "the end"],
)
def test_delegated_nodes_are_those_between_the_borders_of_a_part(parts, delegated):
    chain = [node("CONV_2D", [0, 8], [1]), node("HARD_SWISH", [1], [2]), node("MEAN", [2], [3]), node("ADD", [3], [4])]

    listed = chain + [node("DELEGATE", inputs, outputs) for inputs, outputs in parts]

    assert count_delegated(listed) == (4, delegated)


@pytest.mark.parametrize("name", names())
def test_every_runtime_offers_the_same_functions(name):
    from agent.runtimes import find

    runtime = find("delegate:/x.so" if name == "delegate" else name)

    assert callable(runtime.prepare)
    assert callable(runtime.load)
    assert callable(runtime.version)
    assert runtime.PACKAGE


def test_onnx_runtime_is_tried_with_a_file_of_its_own(device):
    assert probe(device, "onnxruntime")["onnxruntime"].get("works")

    loaded = find("onnxruntime").load(str(PROBE.with_suffix(".onnx")), 1)
    loaded.set_input(np.array([[2, 5]], np.float32))
    loaded.invoke()
    found = loaded.get_output()
    loaded.set_input(np.array([[0, 0]], np.float32))
    loaded.invoke()

    assert found.tolist() == [[5.0, 11.0]], "an output is a copy"
    with pytest.raises(Exception, match=r"INVALID_PROTOBUF|INVALID_GRAPH"):
        find("onnxruntime").load(str(PROBE), 1)
