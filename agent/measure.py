"""Warm up, then time invocations: the only code of ours that runs beside the work it measures."""

from __future__ import annotations

import dataclasses
import gc
import statistics
import time
from array import array
from typing import TYPE_CHECKING, Any, Callable

if TYPE_CHECKING:
    from agent.sensors import Sensors

#: Sensors are read between blocks of about this long.
BLOCK_NS = 250_000_000
#: A warm-up lasts at least this long, then until two neighbouring windows of it agree.
WARMUP_MIN_NS = 500_000_000
WARMUP_MIN_INVOCATIONS = 3
WINDOW = 10
TOLERANCE = 0.02
#: Enough for any percentile; only an empty invocation gets here before its seconds are over.
MAX_SAMPLES = 1 << 20


@dataclasses.dataclass(frozen=True)
class Timings:
    """Nanoseconds of every invocation, in order."""

    first_ns: int
    warmup_ns: array[int]
    warmed_up: bool
    latency_ns: array[int]
    readings: list[dict[str, object]]


def time_invocations(
    invoke: Callable[[], Any],
    sensors: Sensors,
    *,
    min_invocations: int,
    min_seconds: float,
    warmup_max_s: float,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> Timings:
    """Time the first invocation alone, warm up until steady, then time until both minima are reached.

    Python's garbage collector is off meanwhile. ``clock`` returns nanoseconds.
    """
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        first: array[int] = array("q")
        run_block(invoke, clock, first, 1)
        warmup, steady = warm_up(invoke, clock, warmup_max_s)
        latency: array[int] = array("q")
        readings = [sensors.read(slow=True)]
        typical = max(1, int(statistics.median(warmup[-WINDOW:])))
        spent = 0
        while (len(latency) < min_invocations or spent < min_seconds * 1e9) and len(latency) < MAX_SAMPLES:
            wanted = max(min_invocations - len(latency), int((min_seconds * 1e9 - spent) / typical) + 1)
            before = len(latency)
            run_block(invoke, clock, latency, max(1, min(BLOCK_NS // typical, wanted, MAX_SAMPLES - before)))
            spent += sum(latency[before:])
            readings.append(sensors.read())
        readings[-1] = sensors.read(slow=True)
    finally:
        if collecting:
            gc.enable()
    return Timings(first[0], warmup, steady, latency, readings)


def run_block(invoke: Callable[[], Any], clock: Callable[[], int], samples: array[int], count: int) -> None:
    """Append the nanoseconds of ``count`` invocations; between the two looks at the clock there is one call."""
    append = samples.append
    for _ in range(count):
        began = clock()
        invoke()
        ended = clock()
        append(ended - began)


def warm_up(invoke: Callable[[], Any], clock: Callable[[], int], max_s: float) -> tuple[array[int], bool]:
    """Invoke until the medians of the last two windows agree; return every duration, and whether they came to agree.

    At least `WARMUP_MIN_INVOCATIONS` and `WARMUP_MIN_NS`, at most ``max_s`` (the least number of invocations comes first).
    """
    samples: array[int] = array("q")
    began = clock()
    while True:
        run_block(invoke, clock, samples, 1)
        elapsed = clock() - began
        if elapsed >= WARMUP_MIN_NS and is_steady(samples):
            return samples, True
        enough = len(samples) >= WARMUP_MIN_INVOCATIONS and elapsed >= max_s * 1e9
        if enough or len(samples) >= MAX_SAMPLES:
            return samples, False


def is_steady(samples: array[int]) -> bool:
    """Say whether the median of the last window is within `TOLERANCE` of that of the one before."""
    if len(samples) < 2 * WINDOW:
        return False
    before = statistics.median(samples[-2 * WINDOW : -WINDOW])
    return abs(statistics.median(samples[-WINDOW:]) - before) <= TOLERANCE * before
