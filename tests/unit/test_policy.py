from __future__ import annotations

import pytest

from orchestrator import errors
from orchestrator.runs import retry as policy


def subclasses(kind):
    return {kind}.union(*(subclasses(child) for child in kind.__subclasses__()))


def decide(error, **changes):
    facts = {"failures": 1, "silent_s": 0.0, "patience_s": 60.0} | changes
    return policy.after_link_error(error, **facts).next


@pytest.mark.parametrize(
    "kind", sorted(subclasses(errors.Stable) - {errors.UnknownName}, key=lambda kind: kind.__name__)
)
def test_what_fails_the_same_way_again_is_not_tried_again(kind):
    assert decide(kind("no")) is policy.Next.GIVE_UP


@pytest.mark.parametrize("kind", [errors.ConnectionLost, errors.Unreachable, errors.TransferBroken])
def test_a_broken_link_is_tried_again_until_patience_is_over(kind):
    assert decide(kind("cut")) is policy.Next.AGAIN
    assert decide(kind("cut"), silent_s=60.0) is policy.Next.GIVE_UP


def test_waits_grow_and_then_stay():
    waits = [
        policy.after_link_error(errors.ConnectionLost("cut"), failures=n, silent_s=0, patience_s=60).wait_s
        for n in range(1, 10)
    ]

    assert waits == sorted(waits)
    assert waits[0] < 1
    assert waits[-1] == waits[-2] == max(policy.BACKOFF_S)


def test_a_transfer_that_is_damaged_again_and_again_is_no_bad_luck():
    assert decide(errors.TransferBroken("hash"), failures=policy.MOST_BROKEN_TRANSFERS) is policy.Next.GIVE_UP


def test_a_device_held_by_someone_else_is_left_alone_but_our_own_dying_worker_is_waited_for():
    busy = errors.DeviceBusy("held")

    assert decide(busy) is policy.Next.GIVE_UP
    assert decide(busy, held_by_us=True) is policy.Next.AGAIN


def test_lanes_that_finish_nothing_are_given_up():
    assert policy.after_lane_end(without_progress=0) is policy.Next.AGAIN
    assert policy.after_lane_end(without_progress=policy.MOST_LANES_WITHOUT_PROGRESS) is policy.Next.GIVE_UP
