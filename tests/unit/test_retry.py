from __future__ import annotations

import random

import pytest

from orchestrator import errors
from orchestrator.domain.device import Device
from orchestrator.runs import retry
from orchestrator.transports import connection, link
from orchestrator.transports.connector import Connector
from orchestrator.transports.ssh_options import SshOptions

#: What a dead device may cost before that is known.
DEAD_WITHIN_S = 30


def subclasses(kind):
    return {kind}.union(*(subclasses(child) for child in kind.__subclasses__()))


def decide(error, **changes):
    facts = {"failures": 1, "silent_s": 0.0, "patience_s": 60.0} | changes
    return retry.after_link_error(error, **facts).next


@pytest.mark.parametrize(
    "kind", sorted(subclasses(errors.Stable) - {errors.UnknownName}, key=lambda kind: kind.__name__)
)
def test_what_fails_the_same_way_again_is_not_tried_again(kind):
    assert decide(kind("no")) is retry.Next.GIVE_UP


@pytest.mark.parametrize("kind", [errors.ConnectionLost, errors.Unreachable, errors.TransferBroken])
def test_a_broken_link_is_tried_again_until_patience_is_over(kind):
    assert decide(kind("cut")) is retry.Next.AGAIN
    assert decide(kind("cut"), silent_s=60.0) is retry.Next.GIVE_UP


def longest(_least, most):
    return most


def test_what_is_tried_again_is_a_property_of_the_error_and_never_outside_transient():
    for kind in subclasses(errors.FarmError):
        assert not kind.is_retried or issubclass(kind, errors.Transient)
    for kind in subclasses(errors.Transient) - {errors.Transient}:
        assert decide(kind("no")) is (retry.Next.AGAIN if kind.is_retried else retry.Next.GIVE_UP)


def test_the_longest_wait_doubles_and_then_stays():
    waits = [retry.wait_s(failures, longest) for failures in range(1, 2000)]

    assert waits[:6] == [1, 2, 4, 8, 16, 20]
    assert set(waits[5:]) == {retry.LONGEST_WAIT_S}


def test_waits_are_drawn_from_zero_to_the_longest_by_a_seed():
    def drawn(seed):
        draw = random.Random(seed).uniform  # noqa: S311  no secret
        return [retry.wait_s(failures, draw) for failures in range(1, 200)]

    waits = drawn(1)

    assert waits == drawn(1) != drawn(2)
    assert waits[0] <= retry.FIRST_WAIT_S
    assert 0 <= min(waits[9:]) < 0.2 * retry.LONGEST_WAIT_S
    assert 0.8 * retry.LONGEST_WAIT_S < max(waits) <= retry.LONGEST_WAIT_S


def test_tries_are_bounded_by_their_number_and_by_patience():
    error = errors.ConnectionLost("cut")
    most = retry.most_failures(error, 60.0)

    assert decide(error, failures=most - 1) is retry.Next.AGAIN
    assert decide(error, failures=most) is retry.Next.GIVE_UP
    last = retry.after_link_error(error, failures=9, silent_s=59.0, patience_s=60.0, draw=longest)
    assert last.wait_s == pytest.approx(1.0)


def test_patience_ends_a_row_before_its_number_does_whatever_is_drawn():
    for seed in range(200):
        draw, failures, silent_s = random.Random(seed).uniform, 0, 0.0  # noqa: S311  no secret
        while silent_s < 300:
            failures += 1
            silent_s += retry.wait_s(failures, draw)
        assert failures <= retry.most_failures(errors.Unreachable("off"), 300.0)


def test_a_dead_device_is_known_within_its_bound_whichever_step_it_is_mute_in():
    assert link.CONNECT_TIMEOUT_S + connection.HANDSHAKE_TIMEOUT_S + connection.LOGIN_TIMEOUT_S <= DEAD_WITHIN_S
    assert link.DEAD_AFTER_S <= DEAD_WITHIN_S


def test_a_mute_device_is_asked_once_in_each_try(tmp_path, monkeypatch):
    asked = []

    def stay_mute(_):
        asked.append(1)
        raise TimeoutError

    monkeypatch.setattr(connection.FarmConnection, "_open", stay_mute)
    monkeypatch.setattr(connection.time, "sleep", lambda _: None)
    server = connection.Server(
        device=Device(name="pi", address="192.0.2.1"), options=SshOptions(host="192.0.2.1", port=22, user="pi")
    )

    with pytest.raises(errors.Unreachable):
        connection.FarmConnection(server, Connector(known_hosts=tmp_path / "known_hosts")).open()

    assert len(asked) == 1


def test_a_transfer_that_is_damaged_again_and_again_is_no_bad_luck():
    assert decide(errors.TransferBroken("hash"), failures=errors.TransferBroken.most_failures) is retry.Next.GIVE_UP


def test_a_device_held_by_someone_else_is_left_alone_but_our_own_dying_worker_is_waited_for():
    busy = errors.DeviceBusy("held")

    assert decide(busy) is retry.Next.GIVE_UP
    assert decide(busy, held_by_us=True) is retry.Next.AGAIN


def test_lanes_that_finish_nothing_are_given_up():
    assert retry.after_lane_end(without_progress=0) is retry.Next.AGAIN
    assert retry.after_lane_end(without_progress=retry.MOST_LANES_WITHOUT_PROGRESS) is retry.Next.GIVE_UP
