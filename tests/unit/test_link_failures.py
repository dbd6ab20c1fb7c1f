from __future__ import annotations

import pytest

from orchestrator.errors import ConnectionLost
from orchestrator.runs.link_failures import LinkFailures


def failing(*, is_quiet, heard_at=(), fails_at):
    """Return the events of failures at these seconds, where the patience of a minute is not over before."""
    now = [0.0]
    row = LinkFailures("r", "pi", 60.0, is_quiet=is_quiet, clock=lambda: now[0], draw=max)
    events = []
    for now[0] in sorted((*heard_at, *fails_at)):
        if now[0] in heard_at:
            row.forget()
        else:
            events.append(row.next(ConnectionLost("pi: cut"), held_by_us=False))
    return events


def test_silence_counts_from_when_the_device_was_heard_last():
    with pytest.raises(ConnectionLost):
        failing(is_quiet=False, fails_at=[60])

    assert [event.failures for event in failing(is_quiet=False, heard_at=[50], fails_at=[20, 59, 109])] == [1, 1, 2]


def test_a_device_that_is_quiet_while_it_works_is_silent_from_the_first_failure():
    assert [event.failures for event in failing(is_quiet=True, fails_at=[600, 659])] == [1, 2]

    with pytest.raises(ConnectionLost):
        failing(is_quiet=True, fails_at=[600, 660])
