"""Whether memory is short."""

from __future__ import annotations

import os
import resource
from typing import Optional

from agent.facts.system_files import Root, whole

_KB = 1024


class Memory:
    """The kernel's memory counters below ``root``."""

    def __init__(self, root: Root) -> None:
        self._root = root
        self._page_bytes = os.sysconf("SC_PAGE_SIZE")

    def slow(self) -> dict[str, object]:
        """Return ``memory_available_bytes swapped_bytes memory_stalled_ns`` and ``major_faults`` of this process.

        Swapped is what went in and out since boot; stalled is how long some process waited for memory since boot.
        """
        pages = parse_words(self._root.text("proc/vmstat"))
        brought, taken = pages.get("pswpin"), pages.get("pswpout")
        return {
            "memory_available_bytes": _times(parse_words(self._root.text("proc/meminfo")).get("MemAvailable:"), _KB),
            "memory_stalled_ns": parse_pressure(self._root.text("proc/pressure/memory")),
            "major_faults": resource.getrusage(resource.RUSAGE_SELF).ru_majflt,
            "swapped_bytes": None if brought is None or taken is None else (brought + taken) * self._page_bytes,
        }


def parse_words(text: str) -> dict[str, int]:
    """Read lines of a word and a number, as of /proc/vmstat and /proc/meminfo."""
    numbers = {}
    for line in text.splitlines():
        words = line.split()
        number = whole(words[1]) if len(words) > 1 else None
        if number is not None:
            numbers[words[0]] = number
    return numbers


def parse_pressure(text: str) -> Optional[int]:
    """Return the ns of ``some avg10=0.00 avg60=0.00 avg300=0.00 total=1234`` (Documentation/accounting/psi.rst: µs)."""
    for line in text.splitlines():
        if line.startswith("some "):
            total = whole(line.rpartition("total=")[2])
            return _times(total, 1000)
    return None


def _times(number: Optional[int], factor: int) -> Optional[int]:
    return None if number is None else number * factor
