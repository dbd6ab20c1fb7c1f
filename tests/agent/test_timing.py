from __future__ import annotations

import gc
from array import array

import pytest

from agent import timing

MS = 1_000_000


class Clock:
    """Time that passes only where someone works."""

    def __init__(self, durations_ns):
        self.now = 0
        self.durations = iter(durations_ns)
        self.calls = 0
        self.collecting = []

    def __call__(self):
        return self.now

    def invoke(self):
        self.calls += 1
        self.collecting.append(gc.isenabled())
        self.now += next(self.durations)


class Readings:
    """Sensors that note when they are read."""

    def __init__(self, clock):
        self.clock = clock
        self.read_at = []

    def read(self, *, slow=False):
        self.read_at.append(self.clock.calls)
        return {"at_ns": self.clock.now, "slow": slow}


def forever(ns):
    while True:
        yield ns


def timed(clock, **limits):
    sensors = Readings(clock)
    asked = {"min_invocations": 1, "min_seconds": 0.0, "warmup_max_s": 30.0, **limits}
    return timing.time_invocations(clock.invoke, sensors, clock=clock, **asked), sensors


def test_the_first_invocation_and_the_warm_up_are_kept_apart():
    clock = Clock([90 * MS, *[30 * MS] * 5, *[10 * MS] * 1000])

    timings, _ = timed(clock, min_invocations=7)

    assert timings.first_ns == 90 * MS
    assert list(timings.warmup_ns[:6]) == [30 * MS] * 5 + [10 * MS]
    assert list(timings.latency_ns) == [10 * MS] * 7


def test_warm_up_lasts_half_a_second_even_if_steady_before():
    timings, _ = timed(Clock(forever(1 * MS)))

    assert timings.warmed_up
    assert len(timings.warmup_ns) == 500


def test_warm_up_lasts_until_two_windows_agree():
    falling = [int(100 * MS * 0.97**number) for number in range(200)]
    level = [falling[60]] * 1000

    timings, _ = timed(Clock([MS, *falling[:60], *level]))

    assert timings.warmed_up
    assert 60 < len(timings.warmup_ns) < 90


def test_warm_up_gives_up_in_time_and_is_marked_as_unsteady():
    growing = (int(10 * MS * 1.01**number) for number in range(1000))

    timings, _ = timed(Clock(growing), warmup_max_s=0.6)

    assert not timings.warmed_up
    assert 600 * MS <= sum(timings.warmup_ns) < 650 * MS


def test_a_slow_artifact_is_warmed_up_with_three_invocations_at_least():
    timings, _ = timed(Clock(forever(5000 * MS)), warmup_max_s=1.0)

    assert not timings.warmed_up
    assert len(timings.warmup_ns) == 3


@pytest.mark.parametrize(
    ("invocations", "seconds", "expected"), [(128, 0.0, 128), (10, 2.0, 201), (300, 2.0, 300)], ids=str
)
def test_both_minima_are_reached(invocations, seconds, expected):
    timings, _ = timed(Clock(forever(10 * MS)), min_invocations=invocations, min_seconds=seconds)

    assert len(timings.latency_ns) in (expected - 1, expected)
    assert len(timings.latency_ns) >= invocations
    assert sum(timings.latency_ns) >= seconds * 1000 * MS


def test_sensors_are_read_between_blocks_of_a_quarter_of_a_second():
    timings, sensors = timed(Clock(forever(10 * MS)), min_invocations=100)

    before = sensors.read_at[0]
    assert [calls - before for calls in sensors.read_at] == [0, 25, 50, 75, 100, 100]
    assert len(timings.readings) == 5
    assert [reading["slow"] for reading in timings.readings] == [True, False, False, False, True]


def test_the_collector_is_off_while_measuring_and_on_again_after():
    clock = Clock(forever(10 * MS))

    timed(clock)

    assert not any(clock.collecting)
    assert gc.isenabled()


def test_the_collector_is_on_again_after_a_failure():
    with pytest.raises(StopIteration):
        timed(Clock([1, 2, 3]))

    assert gc.isenabled()


def test_what_would_be_too_many_samples_is_timed_several_at_a_time(monkeypatch):
    monkeypatch.setattr(timing, "MAX_SAMPLES", 1000)

    timings, _ = timed(Clock(forever(10 * MS)), min_seconds=60.0)

    assert timings.invocations_per_sample == 12
    assert set(timings.latency_ns) == {120 * MS}
    assert len(timings.latency_ns) == pytest.approx(500, abs=1)


def test_invocations_too_short_for_the_clock_are_timed_several_at_a_time():
    assert timing.choose_per_sample(20_000, clock_ns=50, min_seconds=2.0) == 3
    assert timing.choose_per_sample(60_000, clock_ns=50, min_seconds=2.0) == 1
    assert timing.choose_per_sample(999_999, clock_ns=5_000, min_seconds=2.0) == 6
    assert timing.choose_per_sample(1_000_000, clock_ns=5_000, min_seconds=2.0) == 1, "a millisecond is no short time"


def test_a_sample_of_several_invocations_is_as_long_as_they_are_together():
    clock, samples = Clock([1, 2, 3, 4, 5, 6]), array("q")

    timing.run_block(clock.invoke, clock, samples, 2, 3)

    assert list(samples) == [1 + 2 + 3, 4 + 5 + 6]


def test_timing_ends_in_time_whatever_is_missing():
    timings, _ = timed(Clock(forever(10 * MS)), min_invocations=1000, min_seconds=1.0, max_seconds=2.0)

    assert len(timings.latency_ns) == 200
    assert timings.span_ns == 2000 * MS


def test_our_own_share_of_a_sample_is_measured_where_it_is_measured():
    sensors = Readings(Clock(forever(1)))

    timings = timing.time_invocations(lambda: None, sensors, min_invocations=100, min_seconds=0.0, warmup_max_s=0.01)

    assert timings.invocations_per_sample > 1
    assert 0 < timings.clock_ns < timings.loop_ns
    assert timings.loop_ns < 100 * sorted(timings.latency_ns)[50]


def test_steady_means_within_two_percent():
    assert timing.is_steady(array("q", [1000] * 10 + [1020] * 10))
    assert not timing.is_steady(array("q", [1000] * 10 + [1021] * 10))
    assert not timing.is_steady(array("q", [1000] * 19))
