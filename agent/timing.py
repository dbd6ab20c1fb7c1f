"""Warm up, then time invocations: the only code of farm that runs beside the work it measures."""

from __future__ import annotations

import dataclasses
import gc
import math
import statistics
import time
from array import array
from contextlib import contextmanager
from itertools import repeat
from typing import TYPE_CHECKING, Any, Callable, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Sensors are read between blocks of about this long.
BLOCK_NS = 250_000_000
#: A warm-up lasts at least this long, then until two neighbouring windows of it agree.
WARMUP_MIN_NS = 500_000_000
WARMUP_MIN_INVOCATIONS = 3
WINDOW = 10
TOLERANCE = 0.02
#: Enough for any percentile; what would be more is timed several invocations at a time.
MAX_SAMPLES = 1 << 20
#: Invocations shorter than this are timed several at a time, so that the clock costs less than a thousandth of a sample.
SHORT_NS = 1_000_000
CLOCK_SHARE = 0.001
#: Looks at the clock that are timed; their median counts.
LOOKS = 101


class Watching(Protocol):
    """Readings of the device between blocks: `agent.sensors.Sensors`."""

    def read(self, *, slow: bool = False) -> dict[str, object]:
        """Return a reading; ``slow`` ones may take longer and come before the first block and after the last."""
        ...

    def idle_power_w(self) -> float | None:
        """Return what the device takes while we do nothing; ``None`` where no sensor measures it."""
        ...


class Unwatched:
    """No sensors, to find out what reading them costs."""

    def read(self, *, slow: bool = False) -> dict[str, object]:
        """Return nothing."""
        del slow
        return {}

    def idle_power_w(self) -> float | None:
        """Return nothing."""
        return None


@dataclasses.dataclass(frozen=True)
class Timings:
    """Nanoseconds of what was invoked, in order."""

    first_ns: int
    warmup_ns: array[int]
    warmed_up: bool
    #: Each sample is as long as `invocations_per_sample` in a row.
    latency_ns: array[int]
    invocations_per_sample: int
    #: The blocks together, without the readings between them.
    span_ns: int
    clock_ns: int
    #: A sample in which nothing is invoked.
    loop_ns: int
    readings: list[dict[str, object]]


def time_invocations(
    invoke: Callable[[], Any],
    sensors: Watching,
    *,
    min_invocations: int,
    min_seconds: float,
    warmup_max_s: float,
    max_seconds: float | None = None,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> Timings:
    """Time the first invocation alone, warm up until steady, then time until both minima are reached.

    Where invocations are timed several at a time, ``min_invocations`` is a number of samples. ``max_seconds`` ends the
    timing whatever is missing. Python's garbage collector is off meanwhile. ``clock`` returns nanoseconds.
    """
    with without_collector():
        first: array[int] = array("q")
        run_block(invoke, clock, first, 1)
        warmup, steady = warm_up(invoke, clock, warmup_max_s)
        clock_ns = cost_of(clock)
        per_sample = choose_per_sample(statistics.median(warmup[-WINDOW:]), clock_ns, min_seconds)
        loop_ns = cost_of_loop(clock, per_sample)
        typical = max(1, int(statistics.median(warmup[-WINDOW:]) * per_sample))
        latency: array[int] = array("q")
        readings = [sensors.read(slow=True)]
        least, longest, spent = min_seconds * 1e9, math.inf if max_seconds is None else max_seconds * 1e9, 0
        while (len(latency) < min_invocations or spent < least) and spent < longest and len(latency) < MAX_SAMPLES:
            wanted = max(min_invocations - len(latency), int((least - spent) / typical) + 1)
            count = max(1, min(BLOCK_NS // typical, wanted, MAX_SAMPLES - len(latency)))
            began = clock()
            run_block(invoke, clock, latency, count, per_sample)
            spent += clock() - began
            readings.append(sensors.read())
        readings[-1] = sensors.read(slow=True)
    return Timings(first[0], warmup, steady, latency, per_sample, spent, clock_ns, loop_ns, readings)


@contextmanager
def without_collector() -> Iterator[None]:
    """Keep Python's garbage collector from running."""
    collecting = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def run_block(
    invoke: Callable[[], Any], clock: Callable[[], int], samples: array[int], count: int, per_sample: int = 1
) -> None:
    """Append ``count`` samples: the nanoseconds of ``per_sample`` invocations with nothing between two looks at the clock."""
    append = samples.append
    if per_sample == 1:
        for _ in range(count):
            began = clock()
            invoke()
            ended = clock()
            append(ended - began)
        return
    for _ in range(count):
        times = repeat(None, per_sample)
        began = clock()
        for _ in times:
            invoke()
        ended = clock()
        append(ended - began)


def cost_of(clock: Callable[[], int]) -> int:
    """Return the median nanoseconds between two looks at the clock with nothing between them."""
    samples: array[int] = array("q")
    for _ in range(LOOKS):
        began = clock()
        samples.append(clock() - began)
    return int(statistics.median(samples))


def cost_of_loop(clock: Callable[[], int], per_sample: int) -> int:
    """Return the median nanoseconds of a sample in which the null runtime is invoked: the share of our loop in every other."""
    from agent.runtimes.null import NullLoaded

    samples: array[int] = array("q")
    run_block(NullLoaded().invoke, clock, samples, LOOKS, per_sample)
    return int(statistics.median(samples))


def choose_per_sample(typical_ns: float, clock_ns: int, min_seconds: float) -> int:
    """Return how many invocations to time at once: 1 where they are long enough for the clock, and not too many."""
    short = math.ceil(clock_ns / CLOCK_SHARE / max(1.0, typical_ns)) if typical_ns < SHORT_NS else 1
    # Half of `MAX_SAMPLES`: while warming up it may have been slower than it is.
    many = math.ceil(min_seconds * 1e9 / max(1.0, typical_ns) / (MAX_SAMPLES / 2))
    return max(1, short, many)


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
    """Check whether the median of the last window is within `TOLERANCE` of that of the one before."""
    if len(samples) < 2 * WINDOW:
        return False
    before = statistics.median(samples[-2 * WINDOW : -WINDOW])
    return abs(statistics.median(samples[-WINDOW:]) - before) <= TOLERANCE * before
