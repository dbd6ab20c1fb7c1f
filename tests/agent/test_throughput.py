from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from agent import throughput, timing
from tests.agent.device import integers

linux = pytest.mark.skipif("sys.platform != 'linux'", reason="counts threads in /proc")


class Worker:
    """Something to invoke that notes which thread did it."""

    def __init__(self, seconds=0.001):
        self.seconds = seconds
        self.threads = set()
        self.calls = 0

    def invoke(self):
        self.threads.add(threading.get_ident())
        self.calls += 1
        time.sleep(self.seconds)


def timed(workers, **limits):
    asked = {"min_invocations": 1, "min_seconds": 0.0, "warmup_max_s": 0.1, **limits}
    return throughput.time_throughput([worker.invoke for worker in workers], timing.Unwatched(), **asked)


@pytest.fixture(autouse=True)
def _short_rounds(monkeypatch):
    monkeypatch.setattr(throughput, "ROUND_NS", 20_000_000)
    monkeypatch.setattr(throughput, "LEAST_IN_A_ROUND", 5)
    monkeypatch.setattr(timing, "WARMUP_MIN_NS", 10_000_000)


def test_all_interpreters_work_and_every_invocation_is_a_sample():
    workers = [Worker() for _ in range(3)]

    timings = timed(workers, min_invocations=50)

    timed_calls = len(timings.warmup_ns) + len(timings.latency_ns)
    assert len(timings.latency_ns) >= 50
    assert min(timings.latency_ns) >= 1_000_000
    assert sum(worker.calls for worker in workers) == timed_calls + 3 + 1  # the first of each, one more to see how long
    assert all(worker.calls > 5 for worker in workers)


def test_they_work_at_the_same_time():
    timings = timed([Worker(0.005) for _ in range(4)], min_seconds=0.1)

    assert sum(timings.latency_ns) > 1.5 * timings.span_ns
    assert timings.span_ns >= 0.1e9


def test_what_an_interpreter_raises_is_raised():
    def fail():
        raise RuntimeError("no more memory")

    with pytest.raises(RuntimeError, match="no more memory"):
        throughput.run_round([Worker().invoke, fail], time.perf_counter_ns, timing.array("q"), 1_000_000)


@linux
def test_threads_of_a_round_are_gone_when_it_ends():
    def count():
        return sum(1 for _ in Path("/proc/self/task").iterdir())

    before = count()
    for _ in range(50):
        throughput.run_round([int, int], time.perf_counter_ns, timing.array("q"), 1000)
        assert count() <= before  # fewer where a thread of another test has ended meanwhile


def test_a_round_for_which_there_are_no_threads_ends(monkeypatch):
    start, started = threading.Thread.start, []

    def start_one(thread):
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_one)

    with pytest.raises(RuntimeError, match="can't start new thread"):
        throughput.run_round([int, int], time.perf_counter_ns, timing.array("q"), 1000)

    started[0].join(120)
    assert not started[0].is_alive()


def test_it_ends_in_time_whatever_is_missing():
    timings = timed([Worker()], min_invocations=10**6, max_seconds=0.05)

    assert 0.05e9 <= timings.span_ns < 10e9


@linux
def test_a_worker_measures_throughput_with_several_interpreters(device):
    device.start(device.step("a", interpreters=2, threads=1, min_invocations=20), device.step("b", min_invocations=20))

    done = device.done()

    both = done["a"]
    assert both.error is None
    assert both.requested["interpreters"] == 2
    assert both.effective["threads"] == 1
    assert both.invocations_per_sample == 1
    assert len(integers(both.latency_ns)) >= 20
    assert "interpreters" not in done["b"].requested
