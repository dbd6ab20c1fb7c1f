"""A device's own facts say what to mind, each in a word and in a sentence of advice."""

from __future__ import annotations

import pytest

from orchestrator.devices.health import complaints
from orchestrator.domain.machine import changes, is_other

MINDED = {
    "emulated": {"emulated": True},
    "ondemand": {"governor": "ondemand"},
    "throttled": {"throttled": {"under_voltage_now": True}},
    "battery": {"power_source": "battery"},
    "swap": {"swap": {"total_bytes": 10**9, "used_bytes": 5 * 10**8}},
    "disk": {"disk_free_bytes": 10**6},
    "noexec": {"noexec": True},
    "bionic": {"libc": "bionic"},
    "32-bit": {"machine": "aarch64", "bits": 32},
    "clock": {"clock_offset_ns": -3 * 10**9},
}
FINE = [
    {},
    {"governor": "performance", "throttled": {"under_voltage_now": False, "throttled_occurred": True}},
    {"throttled": {"core_throttle_count": 17}, "swap": {"total_bytes": 0, "used_bytes": 0}, "power_source": "ac"},
    {"machine": "armv7l", "bits": 32, "disk_free_bytes": 10**10, "clock_offset_ns": 10**6, "emulated": False},
    {"throttled": 7, "swap": "much", "disk_free_bytes": "all", "clock_offset_ns": None, "governor": None},
]


@pytest.mark.parametrize(("word", "facts"), MINDED.items(), ids=MINDED.keys())
def test_what_is_not_as_it_should_be_is_told_with_advice(word, facts):
    ((short, advice),) = complaints(facts)

    assert short == word
    assert len(advice) > 20


@pytest.mark.parametrize("facts", FINE, ids=str)
def test_a_device_that_is_fine_or_says_nothing_is_not_complained_about(facts):
    assert complaints(facts) == ()


def test_everything_at_once_is_told_at_once():
    every = {key: value for facts in MINDED.values() for key, value in facts.items()}

    assert [short for short, _ in complaints(every)] == list(MINDED)


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [("a", "b", True), ("a", "a", False), (None, "b", False), ("a", None, False), (None, None, False)],
)
def test_another_machine_is_one_with_another_key(before, now, told):
    assert is_other({"hardware_key": before}, {"hardware_key": now}) is told


@pytest.mark.parametrize(
    ("offset_s", "words"), [(-3, "3.0 s behind"), (400, "6 min 40 s ahead"), (365 * 86_400, "365 days ahead")]
)
def test_a_clock_that_is_off_says_how_far_and_in_which_direction(offset_s, words):
    ((keyword, sentence),) = complaints({"clock_offset_ns": offset_s * 10**9})

    assert keyword == "clock"
    assert sentence.startswith(f"its clock is {words};")


def test_what_a_device_was_and_is_now_is_named_where_both_are_known():
    before = {"machine": "x86_64", "cpu_model": "Xeon", "os": "Debian 12"}
    now = {"machine": "aarch64", "cpu_model": "Cortex-A76", "os": "Debian 12", "board": "Pi 5"}

    assert changes(before, now) == ("processor Xeon, now Cortex-A76", "architecture x86_64, now aarch64")


def test_hardware_keys_are_named_by_their_first_digits():
    assert changes({"hardware_key": "0123456789"}, {"hardware_key": "abcdef0123"}) == (
        "hardware key 012345…, now abcdef…",
    )
