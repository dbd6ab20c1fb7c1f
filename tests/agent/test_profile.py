"""Operators are timed on the device, in a process of their own, by the runtime's own C API."""

from __future__ import annotations

import importlib
import os
import signal
import struct
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from agent import profile, wire
from agent.profile_litert import NoProfiler, ProfilerFailed, Ran, operators_in
from tests.agent.device import DATA, Device
from tests.lab.project import wait_for

linux = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
CONV = Ran("Convolution (NHWC, F32) IGEMM", delegated=True, number=0, graph=0, elapsed_us=60)
SOFTMAX = Ran("SOFTMAX", delegated=False, number=1, graph=0, elapsed_us=20)


def no_types(graph, number):
    return ""


def step(device, name, artifact="float32", **changes):
    return device.step(name, (DATA / f"{artifact}.tflite").read_bytes(), kind="profile", **changes)


@pytest.fixture(scope="module")
def profiles(agent_zip, tmp_path_factory):
    """Profiles of small artifacts in one lane, by name, behind an attempt of one of them."""
    device = Device(zip=agent_zip, workdir=tmp_path_factory.mktemp("device"))
    device.start(
        device.step("attempt"),
        step(device, "float32"),
        step(device, "int8", "int8"),
        step(device, "builtin", "int8", runtime="litert-builtin"),
        step(device, "two threads", threads=2),
        step(device, "builtin, two threads", runtime="litert-builtin", threads=2),
        step(device, "null", runtime="null"),
        device.step("no artifact", b"nothing", kind="profile"),
    )
    return device.done()


def test_operators_of_a_real_artifact_have_names_types_a_delegate_and_times(profiles):
    done = profiles["float32"]

    assert done.error is None
    names = [operator.kind for operator in done.operators]
    assert any("Fully Connected" in name for name in names)
    assert {operator.delegate for operator in done.operators} == {"xnnpack"}
    assert next(each.types for each in done.operators if "Fully Connected" in each.kind) == "F32"
    assert done.invocations >= 5
    assert done.quiet_ns > 0
    assert sum(operator.total_ns for operator in done.operators) <= done.total_ns * 1.02
    assert set(done.versions) == {"python", "ai-edge-litert"}
    assert any("QS8" in operator.types for operator in profiles["int8"].operators)


def test_operators_outside_a_delegate_have_the_types_of_their_tensors(profiles):
    done = profiles["builtin"]

    assert done.error is None
    assert {operator.delegate for operator in done.operators} == {None}
    connected = next(operator for operator in done.operators if operator.kind == "FULLY_CONNECTED")
    assert connected.types.startswith("int8")
    assert connected.types.endswith("-> int8")


def test_a_runtime_without_a_profiler_says_so_in_a_sentence(profiles):
    done = profiles["null"]

    assert done.unsupported
    assert done.error == (
        "runtime null has no profiler that farm can ask; litert, litert-builtin, litert-compiled have one"
    )
    assert done.operators == ()


@linux
def test_threads_that_the_runtime_does_not_use_are_no_profile(profiles):
    assert profiles["two threads"].error is None
    assert profiles["builtin, two threads"].unsupported
    assert "threads in force are 1, not 2" in profiles["builtin, two threads"].error


def test_an_artifact_that_is_none_fails_its_profile_alone(profiles):
    assert "ended with status" in profiles["no artifact"].error
    assert not profiles["no artifact"].unsupported
    assert profiles["attempt"].error is None


@linux
def test_a_profile_that_is_killed_by_a_segmentation_fault_is_no_failure_of_any_attempt(device):
    stuck = step(device, "stuck")
    path = device.workdir / "blobs" / ("0" * 64)
    os.mkfifo(path)  # to read it is to wait: the process is alive until it is killed
    device.start(device.step("before"), replace(stuck, artifact="0" * 64), device.step("after"))

    def profiling():
        lane = device.pid()
        if b'"stuck"' not in (device.workdir / "lanes" / "lane-1" / "journal").read_bytes():
            return None
        children = Path(f"/proc/{lane}/task/{lane}/children").read_text().split()
        return next((int(child) for child in children if "libLiteRt" in Path(f"/proc/{child}/maps").read_text()), None)

    os.kill(wait_for(profiling), signal.SIGSEGV)
    done = device.done()

    assert "killed by SIGSEGV" in done["stuck"].error
    assert not done["stuck"].unloadable
    assert (done["before"].error, done["after"].error) == (None, None)


def test_a_runtime_whose_library_has_no_profiler_says_so(tmp_path, monkeypatch):
    package = tmp_path / "tflite_runtime"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()

    bare = profile.profile("x.tflite", "tflite", 1)
    (package / "_pywrap_tensorflow_interpreter_wrapper.so").write_bytes(b"no library")
    damaged = profile.profile("x.tflite", "tflite", 1)

    assert bare == {"error": "tflite-runtime unknown: it brings no library with a C API", "unsupported": True}
    assert "its library can't be loaded" in damaged["error"]


def test_invocations_that_were_interrupted_are_left_out():
    runs = [[CONV, SOFTMAX]] * 9 + [[CONV._replace(elapsed_us=9_000), SOFTMAX]]

    found = profile.account(runs, [100_000] * 9 + [9_100_000], no_types)

    assert (found["invocations"], found["interrupted"], found["total_ns"]) == (9, 1, 900_000)
    assert [(each["median_ns"], each["total_ns"]) for each in found["operators"]] == [
        (60_000, 540_000),
        (20_000, 180_000),
    ]


def test_operators_that_take_longer_than_their_invocations_are_refused():
    with pytest.raises(ProfilerFailed, match="take 80000 ns of invocations of 70000 ns"):
        profile.account([[CONV, SOFTMAX]], [70_000], no_types)


@pytest.mark.parametrize(
    ("ran", "invocations"),
    [([CONV, SOFTMAX, CONV], 2), ([CONV, SOFTMAX, SOFTMAX, CONV], 2), ([], 2), ([CONV], 2)],
    ids=["one is missing", "in another order", "none", "fewer than invocations"],
)
def test_invocations_that_ran_different_operators_are_refused(ran, invocations):
    with pytest.raises(ProfilerFailed, match="did not run the same operators"):
        profile.split(ran, invocations)


@pytest.mark.parametrize(
    ("kernel", "types"),
    [
        ("Fully Connected (NC, QS8, QC8W) GEMM", "QS8, QC8W"),
        ("Convolution (NHWC, F32) DWConv", "F32"),
        ("Sigmoid (NC)", ""),
        ("Static Reshape", ""),
        ("Convert (NC, F32, QS8", "F32, QS8"),
        ("", ""),
    ],
)
def test_the_types_of_a_kernel_are_in_its_name(kernel, types):
    assert profile.types_in(kernel) == types


def event(kind, elapsed_us=5, tag=1, size=104):
    fields = struct.pack("<QIIQQ48xQQII", tag, kind, 0, 7, elapsed_us, 3, 0, 1, 0)
    return fields.ljust(size, b"\1")


def test_operators_are_found_among_other_events():
    raw = event(1) + event(8) + event(2) + event(32) + b"\xa5" * 500

    found = list(operators_in(raw, 4, {1: b"SOFTMAX"}.__getitem__))

    assert found == [
        Ran("SOFTMAX", delegated=True, number=3, graph=0, elapsed_us=5),
        Ran("SOFTMAX", delegated=False, number=3, graph=0, elapsed_us=5),
    ]


@pytest.mark.parametrize("size", [96, 112, 128])
def test_events_of_another_size_are_not_read(size):
    raw = b"".join(event(8, size=112)[:size].ljust(size, b"\1") for _ in range(3)) + b"\xa5" * 500

    with pytest.raises(NoProfiler, match="lays its events out in another way"):
        list(operators_in(raw, 3, pytest.fail))


def test_kinds_of_steps_have_a_record_each():
    assert set(wire.RECORD_OF) == {"measure", "score", "profile"}
