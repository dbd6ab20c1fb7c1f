"""The keys of a sensor reading, each with the values that it may have."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

#: No kernel has a longer counter.
LIMIT = 1 << 64


def sanitize_readings(readings: object) -> tuple[dict[str, Any], ...]:
    """Return the readings with the keys of docs/sensors.md whose values are possible; anything else is left out.

    ``readings`` is whatever JSON a device sent or an older farm stored.
    """
    if not isinstance(readings, list | tuple):
        return ()
    return tuple(
        {key: value for key, value in reading.items() if key in IS_POSSIBLE and IS_POSSIBLE[key](value)}
        for reading in readings
        if isinstance(reading, dict)
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < LIMIT


def _is_number(value: object) -> bool:
    return _is_count(value) or (isinstance(value, float) and math.isfinite(value) and abs(value) < LIMIT)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_truth(value: object) -> bool:
    return isinstance(value, bool)


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_count, value))


_COUNTS = (
    *("at_ns", "mono_ns", "cpu_busy_ns", "cpu_steal_ns", "cpu_own_ns", "cooling", "swapped_bytes"),
    *("memory_available_bytes", "memory_stalled_ns", "major_faults", "energy_uj"),
    *("quota_periods", "quota_throttled_periods", "quota_throttled_ns"),
)
_NUMBERS = ("temperature_c", "start_temperature_c", "frequency_hz", "power_w", "idle_power_w")
#: Key -> whether a value is possible.
IS_POSSIBLE: dict[str, Callable[[object], bool]] = {
    **dict.fromkeys(_COUNTS, _is_count),
    **dict.fromkeys(_NUMBERS, _is_number),
    "throttled": lambda value: _is_count(value) or _is_text(value),
    "governor": _is_text,
    "power_from": _is_text,
    "on_battery": _is_truth,
    "cpus_allowed": _is_list,
    "cpus_used": _is_list,
}
