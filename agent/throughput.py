"""Offline throughput: several interpreters work side by side, a round at a time, each as fast as it can."""

from __future__ import annotations

import math
import os
import statistics
import threading
import time
from array import array
from typing import TYPE_CHECKING, Any, Callable

from agent import timing

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Sensors are read between rounds. A round ends when its last invocation does: while that one ends, the other
#: interpreters wait, which is `1 / LEAST_IN_A_ROUND` of the round at most.
ROUND_NS = 1_000_000_000
LEAST_IN_A_ROUND = 50
#: A thread that has ended is waited for so long: on a busy machine the kernel takes its time.
GONE_S = 1.0


def time_throughput(
    invokes: Sequence[Callable[[], Any]],
    sensors: timing.Watching,
    *,
    min_invocations: int,
    min_seconds: float,
    warmup_max_s: float,
    max_seconds: float | None = None,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> timing.Timings:
    """Time each interpreter's first invocation, warm up until two rounds agree, then go on until both minima are reached.

    Samples are durations of single invocations, those of a round interpreter by interpreter; ``span_ns`` is the rounds
    together, so that images per second are invocations × batch ÷ that. ``first_ns`` is the first interpreter's.
    """
    first: array[int] = array("q")
    with timing.without_collector():
        for invoke in invokes:
            timing.run_block(invoke, clock, first, 1)
        second: array[int] = array("q")
        timing.run_block(invokes[0], clock, second, 1)
        length = max(ROUND_NS // 4, LEAST_IN_A_ROUND * second[0])
        warmup, steady = _warm_up(invokes, clock, length, warmup_max_s)
        length = max(ROUND_NS, LEAST_IN_A_ROUND * int(statistics.median(warmup)))
        least, longest = min_seconds * 1e9, math.inf if max_seconds is None else max_seconds * 1e9
        latency: array[int] = array("q")
        spent = 0
        readings = [sensors.read(slow=True)]
        while (len(latency) < min_invocations or spent < least) and spent < longest:
            if len(latency) >= timing.MAX_SAMPLES:
                break
            spent += run_round(invokes, clock, latency, length)
            readings.append(sensors.read())
        readings[-1] = sensors.read(slow=True)
        clock_ns, loop_ns = timing.cost_of(clock), timing.cost_of_loop(clock, 1)
    return timing.Timings(first[0], warmup, steady, latency, 1, spent, clock_ns, loop_ns, readings)


def run_round(
    invokes: Sequence[Callable[[], Any]], clock: Callable[[], int], samples: array[int], length_ns: int
) -> int:
    """Let every interpreter invoke until ``length_ns`` are over; append all durations, return how long the round was.

    Raises what an interpreter raised.
    """
    durations: list[array[int]] = [array("q") for _ in invokes]
    begins, ends = [0] * len(invokes), [0] * len(invokes)
    failures: list[BaseException] = []
    gate = threading.Barrier(len(invokes))

    def work(number: int) -> None:
        invoke, append = invokes[number], durations[number].append
        try:
            gate.wait()
            begins[number] = clock()
            until = begins[number] + length_ns
            while True:
                began = clock()
                invoke()
                ended = clock()
                append(ended - began)
                if ended >= until:
                    break
            ends[number] = ended
        except BaseException as error:  # noqa: BLE001  raised again once all have ended
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(len(invokes))]
    try:
        for thread in threads:
            thread.start()
    except RuntimeError:  # no more threads: those that wait for it shall not wait for ever
        gate.abort()
        raise
    for thread in threads:
        thread.join()
        _wait_until_gone(thread)
    if failures:
        raise failures[0]
    for each in durations:
        samples.extend(each)
    return max(ends) - min(begins)


def _wait_until_gone(thread: threading.Thread) -> None:
    """Wait until the kernel counts ``thread`` no more, too: up to Python 3.12 `join` returns a moment before."""
    until = time.monotonic() + GONE_S
    while os.path.exists("/proc/self/task/%d" % (thread.native_id or 0)) and time.monotonic() < until:
        time.sleep(0.0005)


def _warm_up(
    invokes: Sequence[Callable[[], Any]], clock: Callable[[], int], length_ns: int, max_s: float
) -> tuple[array[int], bool]:
    """Run rounds until the medians of two neighbours agree; return every duration, and whether they came to agree."""
    samples: array[int] = array("q")
    spent, before = 0, 0.0
    while True:
        before_round = len(samples)
        spent += run_round(invokes, clock, samples, length_ns)
        median = statistics.median(samples[before_round:])
        if spent >= timing.WARMUP_MIN_NS and abs(median - before) <= timing.TOLERANCE * before:
            return samples, True
        if spent >= max_s * 1e9:
            return samples, False
        before = median
