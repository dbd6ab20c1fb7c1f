"""One action on many devices."""

from __future__ import annotations

from orchestrator.devices.fleet import for_each
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
