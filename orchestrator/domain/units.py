"""Nanoseconds, bytes, durations as text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.errors import suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
NS_PER_US = 1_000


def format_ns(ns: float) -> str:
    """Return a duration with three significant digits, such as ``7.21 ms``."""
    for unit, size in (("s", NS_PER_S), ("ms", NS_PER_MS), ("µs", NS_PER_US)):
        if _rounded(ns) >= size:
            return f"{_three(ns / size)} {unit}"
    return f"{ns:.0f} ns"


def format_ns_interval(ns: float, low_ns: float, high_ns: float) -> str:
    """Return a duration and where it is, all in one unit: ``213 µs (199–247)``."""
    text, unit = format_ns(ns).rsplit(" ", 1)
    size = {"s": NS_PER_S, "ms": NS_PER_MS, "µs": NS_PER_US, "ns": 1}[unit]
    return f"{text} {unit} ({_three(low_ns / size)}–{_three(high_ns / size)})"


def format_bytes(count: float) -> str:
    """Return a size in decimal units with three significant digits, such as ``3.54 MB``."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if _rounded(count) >= size:
            return f"{_three(count / size)} {unit}"
    return f"{count:.0f} B"


#: Of ``parse_bytes``; one letter and ``iB`` count in powers of 1024, as in ``free`` and ``ls``.
_SIZES = {"": 1, "B": 1}
for _power, _letter in enumerate("KMGT", 1):
    _SIZES |= {f"{_letter}B": 1000**_power, f"{_letter}IB": 1024**_power, _letter: 1024**_power}


def parse_bytes(text: str) -> int:
    """Return a size such as ``2GB``, ``1.5 GiB`` or ``512`` in bytes; raises `ValueError`."""
    match = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,15})?)\s*([A-Za-z]{0,3})\s*", text)
    if match is None or match[2].upper() not in _SIZES:
        raise ValueError(_not_a("size", text, ("kB", "MB", "GB", "KiB", "MiB", "GiB"), "500MB, 2GB or 1.5GiB"))
    return int(float(match[1]) * _SIZES[match[2].upper()])


#: A line that carries less counts as one that hangs.
LEAST_RATE_BYTES_PER_S = 1_000


def parse_rate(text: str) -> int:
    """Return a rate such as ``2MB/s`` or ``500 kB/s`` in bytes per second; raises `ValueError`."""
    size, per, unit = text.partition("/")
    try:
        rate = parse_bytes(size)
    except ValueError:
        rate = None
    if rate is None or (per and unit.strip() != "s"):
        raise ValueError(f"{text[:40]!r} is not a rate; write 500kB/s, 2MB/s or 1MiB/s")
    if rate < LEAST_RATE_BYTES_PER_S:
        least = format_bytes(LEAST_RATE_BYTES_PER_S)
        raise ValueError(f"{text!r} is less than {least}/s, too slow to send anything; write 500kB/s, 2MB/s or 1MiB/s")
    return rate


def format_ratio(ratio: float) -> str:
    """Return a ratio such as ``3.47×``."""
    return f"{_three(ratio)}×"


def format_speedup(speedup: float) -> str:
    """Return how many times as fast as another one it is: ``2.10× faster``, ``1.60× slower``, ``same`` within rounding."""
    factor, word = (speedup, "faster") if speedup >= 1 else (1 / speedup, "slower")
    text = format_ratio(factor)
    return "same" if text == format_ratio(1) else f"{text} {word}"


def format_seconds(seconds: float) -> str:
    """Return an elapsed time as people say it: ``0.8 s``, ``42 s``, ``3 min 05 s``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min"


def parse_percent(text: str) -> float:
    """Return a percentage such as ``5%`` or ``2.5 %`` as a share, 0.05 or 0.025; raises `ValueError`."""
    match = re.fullmatch(r"\s*(\d{1,6}(?:\.\d{1,6})?)\s*%\s*", text)
    if match is None:
        raise ValueError(f"{text[:40]!r} is not a percentage; write it as 5% or 2.5%")
    return float(match[1]) / 100


def parse_seconds(text: str) -> float:
    """Return a duration such as ``200ms``, ``90s``, ``30min`` or ``2h`` in seconds; raises `ValueError`."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(us|µs|ms|s|min|h)\s*", text)
    if match is None:
        raise ValueError(_not_a("duration", text, tuple(_DURATIONS), "200ms, 90s, 30min or 2h"))
    return float(match[1]) * _DURATIONS[match[2]]


_DURATIONS: Mapping[str, float] = {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600}


def parse_joules(text: str) -> float:
    """Return an energy such as ``5mJ`` or ``0.2 J`` in joules, which a number alone is too; raises `ValueError`."""
    match = re.fullmatch(r"\s*(\d{1,15}(?:\.\d{1,15})?(?:e-?\d{1,2})?)\s*([uµm]?J|)\s*", text)
    if match is None:
        raise ValueError(_not_a("energy", text, ("mJ", "J", "µJ"), "5mJ or 0.2J"))
    return float(match[1]) * {"uJ": 1e-6, "µJ": 1e-6, "mJ": 1e-3}.get(match[2], 1)


def _not_a(kind: str, text: str, units: tuple[str, ...], examples: str) -> str:
    """Return what is wrong with a quantity, with the nearest right one where its unit is nearly one."""
    shown = text[:40]
    number = re.match(r"\s*(\d+(?:\.\d+)?)", shown)
    near = suggestion(shown, [f"{number[1]}{unit}" for unit in units]) if number and number.end() < len(shown) else ""
    meant = f"; {near} Or" if near.startswith("did") else ";"
    return f"{shown!r} is not {'an' if kind[0] in 'aeiou' else 'a'} {kind}{meant} write it as {examples}"


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def _three(value: float) -> str:
    decimals = 2 if _rounded(value) < 10 else 1 if _rounded(value) < 100 else 0
    return f"{value:.{decimals}f}"
