"""One action on many devices."""

from __future__ import annotations

import threading

from orchestrator.devices.fleet import as_answered, for_each
from orchestrator.domain.device import Device
from orchestrator.errors import Unreachable

NAMES = ("good", "off", "odd", "also-good")


def act(device):
    if device.name == "off":
        raise Unreachable("off: no answer")
    if device.name == "odd":
        raise KeyError("\x1b[31m" + "x" * 10_000)
    return device.name.upper()


def test_whatever_one_device_raises_the_others_are_served_in_their_order():
    good, off, odd, also_good = for_each([Device(name=name) for name in NAMES], act)

    assert (good.value, also_good.value) == ("GOOD", "ALSO-GOOD")
    assert isinstance(off.error, Unreachable)
    assert odd.error.message.startswith("odd: unexpected KeyError: ")
    assert "\x1b" not in odd.error.message
    assert len(odd.error.message) < 600
    assert "report it" in odd.to_json()["hint"]
    assert isinstance(odd.error.__cause__, KeyError)


def test_an_answer_is_there_before_a_slower_device_has_answered():
    answered = threading.Event()

    def wait_for_the_others(device):
        if device.name == "slow":
            assert answered.wait(60)
        return device.name

    outcomes = as_answered([Device(name=name) for name in ("slow", "quick")], wait_for_the_others)
    first = next(outcomes)
    answered.set()

    assert (first.value, next(outcomes).value) == ("quick", "slow")
