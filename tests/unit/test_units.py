"""How quantities are written."""

from __future__ import annotations

import pytest

from orchestrator.domain.units import format_bytes, format_ns, format_speedup


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0.4, "0 ns"),
        (999.4, "999 ns"),
        (999.7, "1.00 µs"),
        (9_996, "10.0 µs"),
        (99_960, "100 µs"),
        (999_600, "1.00 ms"),
        (7_214_000, "7.21 ms"),
        (1_234e9, "1234 s"),
    ],
)
def test_a_duration_has_three_digits_and_changes_its_unit_when_it_is_rounded_up(ns, text):
    assert format_ns(ns) == text


@pytest.mark.parametrize(("count", "text"), [(999, "999 B"), (999_700, "1.00 MB"), (3_541_000, "3.54 MB")])
def test_a_size_changes_its_unit_when_it_is_rounded_up(count, text):
    assert format_bytes(count) == text


@pytest.mark.parametrize(
    ("speedup", "text"),
    [
        (2.1, "2.10× faster"),
        (1 / 1.6, "1.60× slower"),
        (0.00812, "123× slower"),
        (1.006, "1.01× faster"),
        (1.004, "same"),
        (1.0, "same"),
        (0.996, "same"),
        (0.99, "1.01× slower"),
    ],
)
def test_a_speedup_names_its_direction_and_what_rounds_to_one_is_the_same(speedup, text):
    assert format_speedup(speedup) == text
