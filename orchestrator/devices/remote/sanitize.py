"""What a device sends, cleaned before anything here uses it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from orchestrator.errors import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Deeper than any fact of ours, and far from what overflows a stack.
DEEPEST = 6
#: The longest text and list; the longest of ours are some hundred features of a processor.
LONGEST = 2_000
_LIMIT = 1 << 63

#: Facts that code of ours compares or computes with; of any other type they are as good as absent.
_INTEGERS = frozenset(
    [
        "bits",
        "clock_ns",
        "clock_offset_ns",
        "clock_uncertainty_ns",
        "cores",
        "disk_free_bytes",
        "frequency_max_hz",
        "frequency_min_hz",
        "memory_available_bytes",
        "memory_bytes",
    ]
)
_TEXTS = frozenset(
    [
        "board",
        "cpu_model",
        "governor",
        "hardware_key",
        "hostname",
        "kernel",
        "libc",
        "machine",
        "numpy",
        "os",
        "power_source",
        "python",
        "python_executable",
        "soc",
        "system",
        "userland",
        "virtualisation",
    ]
)
_TRUTHS = frozenset({"emulated", "has_ctypes", "noexec", "virtual"})
_MAPPINGS = frozenset({"battery", "caches", "pythons", "runtimes", "swap", "throttled", "tuned", "tuning_mended"})
_LISTS = frozenset(
    {
        "compatible",
        "core_classes",
        "environments",
        "features",
        "gpus",
        "opencl",
        "thermal_zones",
        "vulkan",
        "vulkan_adapters",
    }
)
_TYPES: dict[frozenset[str], type] = {_INTEGERS: int, _TEXTS: str, _TRUTHS: bool, _MAPPINGS: dict, _LISTS: list}


def sanitize_facts(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the facts that make sense: each of its type, finite, printable, bounded.

    What can't be kept is left out, as if the device had not sent it; facts we do not know are kept in the same way.
    """
    facts = {}
    for name, value in list(payload.items())[:LONGEST]:
        clean = _clean(value, DEEPEST)
        if clean is not None and _is_of_its_type(str(name), clean):
            facts[_printable(str(name))] = clean
    return facts


def sanitize_settings(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as `sanitize_facts` does, with those that are ``None``: without a delegate is an answer."""
    return sanitize_facts(payload) | {
        _printable(name): None for name, value in list(payload.items())[:LONGEST] if value is None
    }


def _is_of_its_type(name: str, value: Any) -> bool:
    for names, kind in _TYPES.items():
        if name in names:
            return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    return True


def _clean(value: Any, depth: int) -> Any:  # noqa: PLR0911  one for each kind of value
    """Return what of ``value`` can be kept, ``None`` for nothing."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_LIMIT < value < _LIMIT else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return _printable(value)
    if depth == 0:
        return None
    if isinstance(value, list):
        items = [_clean(item, depth - 1) for item in value[:LONGEST]]
        return [item for item in items if item is not None]
    if isinstance(value, dict):
        pairs = {_printable(str(key)): _clean(item, depth - 1) for key, item in list(value.items())[:LONGEST]}
        return {key: item for key, item in pairs.items() if item is not None}
    return None


def _printable(text: str) -> str:
    return printable(text[:LONGEST]).replace("\n", "\ufffd")
