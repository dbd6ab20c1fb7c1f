"""Real attempts on this machine while it misbehaves: the reasons are made of what the agent recorded, nothing else."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent import wire
from orchestrator.analysis import verdicts
from orchestrator.domain.effort import EFFORTS
from orchestrator.testing import make_case, make_measurement, make_scores
from tests.agent.conftest import *  # noqa: F403  the fixture `device`: the agent as the zip that the controller pushes
from tests.agent.device import DATA, integers
from tests.lab.cpu_quota import group_with_a_fifth_of_a_cpu, inside

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is recorded comes from /proc")

CORES = len(os.sched_getaffinity(0))

#: So much work that the worker is not over when `worker_of` finds it, however little of the machine it gets.
LONG = {"min_seconds": 5.0, "min_invocations": 100_000}


def codes(device, *, facts=None, **case):
    """Return the codes that the attempt ``a`` is judged with, by the facts of this machine."""
    done = device.done()["a"]
    assert done.error is None, done.error
    attempt = make_measurement(
        integers(done.latency_ns),
        invocations_per_sample=done.invocations_per_sample,
        span_ns=done.span_ns,
        readings=done.readings,
        requested=done.requested,
        effective=done.effective,
    )
    told = device.ask("probe", stdin=wire.to_json(wire.ProbeRequest())) | (facts or {})
    result = verdicts.judge(
        run="run-1",
        case=make_case(**case),
        measurements=[attempt],
        scores=make_scores(),
        facts=told,
        effort=EFFORTS["mlperf"],
    )
    return {reason.code: reason.message for reason in result.reasons}


@contextmanager
def burning(count):
    """Let ``count`` other processes burn a core each."""
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def worker_of(device):
    """Return the process id of the worker, once it has worked for so long that it must be measuring."""
    ticks = os.sysconf("SC_CLK_TCK")
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        for process in Path("/proc").glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
                stat = (process / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            worked = (int(stat[11]) + int(stat[12])) / ticks  # utime and stime, proc_pid_stat(5)
            if b"agent.worker" in words and os.fsencode(device.workdir) in words and worked > 2.0:
                return int(process.name)
        time.sleep(0.05)
    raise AssertionError("the worker never got to work")


def test_other_processes_that_burn_every_core_are_told(device):
    with burning(CORES):
        device.start(device.step("a", min_seconds=1.5))
        found = codes(device)

    assert "cores) during 1 of 1 attempts" in found["other-load"]


def test_more_threads_than_cores_are_told(device):
    device.start(device.step("a", threads=CORES + 2))

    found = codes(device, threads=CORES + 2)

    assert found["more-threads-than-cores"] == f"{CORES + 2} threads on {CORES} cores take turns"


def test_a_process_that_is_kept_to_one_core_is_told_that_two_threads_take_turns(device):
    mine = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(mine)})  # the agent and its workers inherit it
        device.start(device.step("a", threads=2))
        found = codes(device, threads=2)
    finally:
        os.sched_setaffinity(0, mine)

    assert found["more-threads-than-cores"] == "2 threads on 1 cores take turns"


def test_a_worker_that_is_stopped_in_the_middle_is_told(device):
    device.start(device.step("a", **LONG))
    worker = worker_of(device)
    os.kill(worker, signal.SIGSTOP)
    time.sleep(1.5)
    os.kill(worker, signal.SIGCONT)

    found = codes(device)

    assert "1 of 1 attempts stalled" in found["interrupted"]


def test_a_clock_that_is_set_in_the_middle_is_told(device, tmp_path, monkeypatch):
    """The clock of some processes is set, not the machine's: Linux has no namespace for the wall clock."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler here to set a clock with")
    library, offset = tmp_path / "libclock.so", tmp_path / "offset"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, DATA / "clock.c", "-ldl"], check=True)
    offset.write_text("0")
    with monkeypatch.context() as preloaded:
        preloaded.setenv("LD_PRELOAD", str(library))
        preloaded.setenv("FARM_TEST_OFFSET", str(offset))
        device.start(device.step("a", **LONG))
    worker_of(device)
    offset.write_text("3600")

    found = codes(device)

    assert "was set during 1 of 1 attempts, by up to 1 h 00 min" in found["clock-stepped"]


#: Reads a file of its own again and again; with less memory than the file is long, every page comes from the disk.
HOG = """
import mmap, os, sys
with open(sys.argv[1], "w+b") as file:
    for _ in range(128):
        file.write(os.urandom(1 << 20))
    file.flush()
    os.fsync(file.fileno())
    os.unlink(sys.argv[1])
    pages = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    while True:
        for place in range(0, len(pages), mmap.PAGESIZE):
            pages[place]
"""


@contextmanager
def short_of_memory(path):
    """Let a process work with less memory than it needs, in a control group of its own."""
    first, second = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
    above, limit = (first, "memory.limit_in_bytes") if first.is_dir() else (second, "memory.max")
    group = above / f"farm-test-{os.getpid()}"
    pressure = Path("/proc/pressure/memory")
    try:
        before = pressure.read_text()
        group.mkdir()
        (group / limit).write_text("33554432")
    except OSError as error:
        if group.is_dir():
            group.rmdir()
        pytest.skip(f"no control group for memory can be made here: {error}")
    hog = subprocess.Popen([sys.executable, "-c", HOG, path])
    try:
        (group / "cgroup.procs").write_text(str(hog.pid))
        deadline = time.monotonic() + 240
        while pressure.read_text() == before and time.monotonic() < deadline:
            time.sleep(0.1)
        yield
    finally:
        hog.kill()
        hog.wait()
        group.rmdir()


def test_a_machine_where_a_process_lacks_memory_is_told(device, tmp_path):
    with short_of_memory(tmp_path / "pages"):
        device.start(device.step("a", min_seconds=2.0))
        found = codes(device)

    assert "processes waited for memory" in found["memory-short"]


def test_a_quota_that_stops_the_process_is_told_rather_than_the_work_of_others(device):
    with group_with_a_fifth_of_a_cpu() as group, burning(CORES):
        with inside(group):
            device.start(device.step("a", min_seconds=2.0, timeout_s=120))
        found = codes(device)
        wait_until_empty(group)

    assert re.search(r"stopped the process in [1-9][\d,]* of [\d,]+ periods during 1 of 1 attempts", found["cpu-quota"])
    assert "other-load" not in found


def wait_until_empty(group):
    deadline = time.monotonic() + 240
    while (group / "cgroup.procs").read_text() and time.monotonic() < deadline:
        time.sleep(0.05)


def test_a_quiet_attempt_says_nothing_of_all_that(device):
    device.start(device.step("a", min_seconds=0.3))

    found = codes(device, facts={"governor": None})

    assert not found.keys() & {
        "interrupted",
        "clock-stepped",
        "more-threads-than-cores",
        "swapped",
        "golden-check-failed",
    }
