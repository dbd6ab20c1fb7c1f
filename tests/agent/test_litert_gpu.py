from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from agent import wire
from agent.runtimes import litert, litert_gpu
from tests.agent.device import DATA
from tests.data.make_artifacts import SIZE

ROOT = DATA.parent.parent
#: What a worker does, as far as its artifact is concerned.
RUN = """
import json, sys
import numpy as np
from agent.runtimes import litert_gpu

loaded = litert_gpu.load(sys.argv[1], 1)
pixels = np.load(sys.argv[2])
loaded.set_input(pixels)
result = loaded.invoke().tolist()
print(json.dumps({
    "result": result,
    "output": loaded.get_output().tolist(),
    "scale": loaded.output.scale,
    "zero_point": loaded.output.zero_point,
    "effective": loaded.effective(),
}))
"""
CHOSEN = (
    "INFO: [delegate_webgpu.cc:342] Create WebGPU environment (use_low_power=0, enable_host_mapped_pointer=1)\n"
    "I0000 00:00:1795454080.520711    5626 environment.cc:532] Selected adapter: {name}, arch={arch}, vendor={vendor}, "
    "backend=Vulkan, adapterType={kind}\n"
    "INFO: [delegate_webgpu.cc:363] Created a WebGPU environment.\n"
)


def on_gpu(environ, path, pixels, tmp_path):
    np.save(tmp_path / "pixels.npy", pixels)
    return subprocess.run(
        [sys.executable, "-c", RUN, path, tmp_path / "pixels.npy"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        check=False,
    )


def on_cpu(path, pixels):
    loaded = litert.load(str(path), 1)
    loaded.set_input(pixels)
    loaded.invoke()
    return loaded.get_output()


@pytest.mark.parametrize(
    ("artifact", "bound"),
    [("float32", 1e-6), ("float16", 1e-6), ("int8", 1), ("batch-of-four", 1e-6)],
    ids=str,
)
def test_the_gpu_computes_what_the_cpu_does(swiftshader, tmp_path, artifact, bound):
    path = DATA / f"{artifact}.tflite"
    shape = (4 if artifact == "batch-of-four" else 1, SIZE, SIZE, 3)
    random = np.random.default_rng(4)
    pixels = random.random(shape, np.float32) if artifact != "int8" else random.integers(-128, 128, shape, np.int8)

    done = on_gpu(swiftshader, path, pixels, tmp_path)

    assert done.returncode == 0, done.stderr.decode()
    found, expected = json.loads(done.stdout.splitlines()[-1]), on_cpu(path, pixels)
    assert np.shape(found["output"]) == expected.shape
    assert np.abs(np.array(found["output"], float) - expected).max() <= bound
    assert (found["scale"], found["zero_point"]) == ((1 / 256, -128) if artifact == "int8" else (0, 0))


def test_an_invocation_ends_when_the_output_is_on_the_host_and_the_adapter_is_named(swiftshader, tmp_path):
    pixels = np.full((1, SIZE, SIZE, 3), 0.5, np.float32)

    done = on_gpu(swiftshader, DATA / "float32.tflite", pixels, tmp_path)

    found = json.loads(done.stdout.splitlines()[-1])
    effective = found["effective"]
    assert [found["result"]] == found["output"]
    assert "SwiftShader" in effective["adapter"]
    assert "SwiftShader" in effective["adapter_driver"]
    assert (effective["adapter_type"], effective["backend"]) == ("software", "vulkan")
    assert (effective["delegate"], effective["is_fully_accelerated"]) == (litert_gpu.DELEGATE, True)
    assert effective["context_ns"] > 0
    assert effective["launch_ns"] > 0
    assert b"Selected adapter" in done.stderr  # heard, and passed on


def test_without_a_driver_the_error_gives_the_reason_that_only_standard_error_had(tmp_path):
    nobody = {**os.environ, "VK_DRIVER_FILES": str(tmp_path / "none.json")}

    done = on_gpu(nobody, DATA / "float32.tflite", np.zeros((1, SIZE, SIZE, 3), np.float32), tmp_path)

    last = done.stderr.decode().splitlines()
    [raised] = [line for line in last if "NoGpu: " in line]
    assert done.returncode == 1
    assert "No adapters found" in raised
    assert "farm devices show" in raised


def test_a_runtime_without_a_gpu_does_not_work_and_gives_the_reason(device, tmp_path):

    request = wire.to_json(wire.ProbeRequest(("litert", "litert-gpu")))
    nobody = {**os.environ, "VK_DRIVER_FILES": str(tmp_path / "none.json")}
    done = subprocess.run(device.argv("probe"), input=request, env=nobody, stdout=subprocess.PIPE, check=True)

    runtimes = json.loads(done.stdout.splitlines()[-1])["runtimes"]
    assert runtimes["litert"]["works"] is True
    assert "No adapters found" in runtimes["litert-gpu"]["error"]


def test_a_file_that_is_no_artifact_fails_with_litert_s_words(swiftshader, tmp_path):
    (tmp_path / "broken.tflite").write_bytes(b"TFL3" * 20)

    done = on_gpu(swiftshader, tmp_path / "broken.tflite", np.zeros(1), tmp_path)

    assert done.returncode == 1
    assert "NoGpu: " in done.stderr.decode()
    assert "No adapters" not in done.stderr.decode()


@pytest.mark.parametrize(
    ("name", "kind", "expected"),
    [
        ("NVIDIA H100 80GB HBM3", "Discrete GPU", "hardware"),
        ("V3D 7.1.7.0", "Integrated GPU", "hardware"),
        ("SwiftShader Device (Subzero)", "CPU / Software", "software"),
        ("llvmpipe (LLVM 15.0.6, 256 bits)", "CPU / Software", "software"),
        ("Something", "Unknown", None),
    ],
)
def test_the_adapter_that_litert_chose(name, kind, expected):
    fields = litert_gpu.adapter(CHOSEN.format(name=name, arch="", vendor="v", kind=kind))

    assert (fields["adapter"], fields.get("adapter_type"), fields["backend"]) == (name, expected, "vulkan")


def test_where_litert_does_not_say_nothing_is_claimed():
    assert litert_gpu.adapter("INFO: [environment.cc:36] Creating LiteRT environment with options\n") == {}


@pytest.mark.parametrize("where", ["file", "pipe"])
def test_what_is_overheard_is_passed_on_in_order(tmp_path, where):
    say = "os.write(2, b'%s\\n')"
    script = (
        "import os, sys\nfrom agent.runtimes.captured_stderr import capture_stderr\n"
        f"{say % 'before'}\nwith capture_stderr() as heard:\n    {say % 'native'}\n    found = heard()\n"
        f"{say % 'after'}\nprint(repr(found))"
    )
    with (tmp_path / "log").open("w+b") as log:
        stderr = log if where == "file" else subprocess.PIPE
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, stderr=stderr, check=True
        )
        log.seek(0)
        printed = log.read() if where == "file" else done.stderr

    assert done.stdout == b"'native\\n'\n"
    assert printed == b"before\nnative\nafter\n"


def test_what_a_library_prints_before_it_crashes_is_in_a_workers_log(tmp_path):
    script = (
        "import os\nfrom agent.runtimes.captured_stderr import capture_stderr\n"
        "with capture_stderr():\n    os.write(2, b'the driver is unhappy\\n')\n    os.abort()"
    )
    with (tmp_path / "log").open("w+b") as log:
        done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, stderr=log, check=False)

    assert done.returncode < 0
    assert b"the driver is unhappy" in (tmp_path / "log").read_bytes()
