"""The alarm of a program that gives no answer."""

from __future__ import annotations

import threading

from orchestrator.transports.pipes import LEAST_PROGRESS_BYTES, Alarm, Patience


class Clock:
    """Shows ``times`` one after the other, then the last one; ``is_over`` once all were looked at."""

    def __init__(self, *times):
        self._times = list(times)
        self.is_over = threading.Event()

    def __call__(self):
        if len(self._times) == 1:
            self.is_over.set()
            return self._times[0]
        return self._times.pop(0)


def test_time_that_this_process_slept_through_does_not_count():
    clock, rung = Clock(0.0, 0.01, 1000.0, 1000.01, 1000.02), threading.Event()

    with Alarm(0.1, rung.set, clock=clock) as alarm:
        assert clock.is_over.wait(60)

    assert not alarm.rang
    assert not rung.is_set()


def test_an_alarm_rings_when_its_time_is_up():
    rung = threading.Event()

    with Alarm(0.1, rung.set, clock=Clock(0.0, 0.04, 0.08, 0.12)) as alarm:
        assert rung.wait(60)

    assert alarm.rang


def test_time_that_this_process_slept_through_is_no_silence_of_a_channel():
    patience = Patience(20.0, lambda: 0, clock=Clock(0.0, 5.0, 1000.0, 1004.0, 1009.0))

    assert [patience.is_over() for _ in range(4)] == [False, False, False, True]


def test_a_channel_that_moves_bytes_is_never_silent():
    taken = iter(range(0, 6 * LEAST_PROGRESS_BYTES, LEAST_PROGRESS_BYTES))
    patience = Patience(20.0, lambda: next(taken), clock=Clock(*(15.0 * step for step in range(6))))

    assert not any(patience.is_over() for _ in range(5))
