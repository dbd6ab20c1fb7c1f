"""What the sensors of a device read between two blocks of invocations."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypedDict, cast, get_type_hints

from orchestrator.errors import printable

#: No counter that a kernel has is longer.
LIMIT = 1 << 64
#: Of a text; the names of governors are some ten characters long.
TEXT_CHARACTERS = 200


class Reading(TypedDict, total=False):
    """One reading; a sensor that the device lacks is an absent key. docs/sensors.md has units and sources."""

    at_ns: int
    mono_ns: int
    cpu_busy_ns: int
    cpu_steal_ns: int
    cpu_own_ns: int
    cooling: int
    swapped_bytes: int
    memory_available_bytes: int
    memory_stalled_ns: int
    major_faults: int
    energy_uj: int
    quota_periods: int
    quota_throttled_periods: int
    quota_throttled_ns: int
    temperature_c: float
    start_temperature_c: float
    frequency_hz: float
    power_w: float
    idle_power_w: float
    #: A count, or on a Raspberry Pi the bits of its firmware in hexadecimal.
    throttled: int | str
    governor: str
    power_from: str
    on_battery: bool
    cpus_allowed: list[int]
    cpus_used: list[int]


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < LIMIT


def _is_number(value: object) -> bool:
    return _is_count(value) or (isinstance(value, float) and math.isfinite(value) and abs(value) < LIMIT)


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_count_or_text(value: object) -> bool:
    return _is_count(value) or _is_text(value)


def _is_truth(value: object) -> bool:
    return isinstance(value, bool)


def _is_list(value: object) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_count, value))


_CHECKS: Mapping[Any, Callable[[object], bool]] = {
    int: _is_count,
    float: _is_number,
    str: _is_text,
    int | str: _is_count_or_text,
    bool: _is_truth,
    list[int]: _is_list,
}
#: Key -> whether a value fits it.
IS_POSSIBLE: Mapping[str, Callable[[object], bool]] = {
    key: _CHECKS[hint] for key, hint in get_type_hints(Reading).items()
}


def _clean(value: object) -> object:
    """Return a text as one line that no terminal obeys, anything else as it is."""
    return printable(value[:TEXT_CHARACTERS]).replace("\n", " ") if isinstance(value, str) else value


def expect_reading(value: object) -> Reading:
    """Return ``value`` as a reading, without the keys that no reading has; raises `ValueError` where it does not fit."""
    if not isinstance(value, Mapping):
        raise ValueError("a reading is not an object")  # noqa: TRY004  one kind of error for what does not fit
    fields: dict[str, Any] = {}
    for key, content in value.items():
        if key not in IS_POSSIBLE:
            continue
        if not IS_POSSIBLE[key](content):
            raise ValueError(f"a reading's {key} is a {type(content).__name__} that it can't be")
        fields[key] = _clean(content)
    return cast("Reading", fields)


def sanitize_readings(values: object) -> tuple[Reading, ...]:
    """Return what of an attempt's readings in a database fits; an older farm stored whatever JSON a device sent."""
    if not isinstance(values, list | tuple):
        return ()
    return tuple(
        cast(
            "Reading",
            {
                key: _clean(content)
                for key, content in value.items()
                if key in IS_POSSIBLE and IS_POSSIBLE[key](content)
            },
        )
        for value in values
        if isinstance(value, Mapping)
    )
