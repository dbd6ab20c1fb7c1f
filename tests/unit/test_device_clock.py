from __future__ import annotations

import time

import pytest

from orchestrator.devices.remote.device_clock import DeviceClock

YEAR_NS = 365 * 86_400 * 10**9
HOUR_NS = 3_600 * 10**9


def asked(offset_ns, unsure_ns=10**6, **changes):
    """Return the clock of a device that was asked a minute ago."""
    now = time.time_ns() - 60 * 10**9
    facts = {"clock_ns": now + offset_ns, "clock_offset_ns": offset_ns, "clock_uncertainty_ns": unsure_ns}
    return DeviceClock.of(facts | changes)


def seconds_between(clock, at_ns, ours_ns):
    return abs(clock.moment(at_ns).timestamp() - ours_ns / 1e9)


@pytest.mark.parametrize("offset_ns", [-YEAR_NS, -HOUR_NS, 0, HOUR_NS, YEAR_NS])
def test_a_moment_by_a_clock_that_is_off_comes_out_by_ours(offset_ns):
    now_ns = time.time_ns()

    assert seconds_between(asked(offset_ns), now_ns + offset_ns, now_ns) < 1


@pytest.mark.parametrize("offset_ns", [-YEAR_NS, YEAR_NS])
def test_a_clock_that_was_set_since_it_was_asked_is_right(offset_ns):
    now_ns = time.time_ns()

    assert seconds_between(asked(offset_ns), now_ns, now_ns) < 1


@pytest.mark.parametrize("offset_ns", [-YEAR_NS, YEAR_NS])
def test_a_lane_that_is_older_than_the_question_comes_out_by_our_clock_too(offset_ns):
    earlier_ns = time.time_ns() - HOUR_NS

    assert seconds_between(asked(offset_ns), earlier_ns + offset_ns, earlier_ns) < 1


@pytest.mark.parametrize(
    "clock",
    [
        DeviceClock.of({}),
        asked(10**6, unsure_ns=10**7),
        asked(YEAR_NS, clock_offset_ns=10**400),
        asked(YEAR_NS, clock_offset_ns="much"),
    ],
)
def test_what_is_not_known_moves_nothing(clock):
    assert clock == DeviceClock()
