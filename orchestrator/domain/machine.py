"""Which machine a device's name leads to, by its facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

#: Facts that tell one machine, or one system on it, from another; how a person calls each.
_TELLING = {
    "board": "board",
    "cpu_model": "processor",
    "machine": "architecture",
    "userland": "programs",
    "os": "system",
}
#: So many digits of a hardware key tell two machines apart, and say nothing of the serial number that it is made of.
_DIGITS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Predecessor:
    """The machine that a device's name led to before."""

    #: When a run found it there.
    seen_at: datetime
    #: What it was, with what answers now; see `changes`.
    changes: tuple[str, ...]


def is_other(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Check whether a name leads to another machine than before; False where that is unknown."""
    keys = before.get("hardware_key"), now.get("hardware_key")
    return None not in keys and keys[0] != keys[1]


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a device is now and was not before: ``architecture x86_64, now aarch64``; facts that one of the two lacks are left out."""
    key = [str(facts.get("hardware_key"))[:_DIGITS] for facts in (before, now)]
    found = [f"hardware key {key[0]}…, now {key[1]}…"] if is_other(before, now) else []
    pairs = [(words, before.get(name), now.get(name)) for name, words in _TELLING.items()]
    return (*found, *(f"{words} {old}, now {new}" for words, old, new in pairs if old and new and old != new))
