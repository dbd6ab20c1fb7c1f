"""Who had the processor."""

from __future__ import annotations

import os
import time
from typing import Optional

from agent.facts.reading import Root, whole

#: Fields of the first line of /proc/stat, in clock ticks, all CPUs together: proc_stat(5). Guests are in ``user`` too.
_BUSY = ("user", "nice", "system", "irq", "softirq")
_FIELDS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
#: "processor", the CPU that a task ran on last, is the 39th field of /proc/PID/stat (proc_pid_stat(5)); behind the name,
#: which may hold blanks and brackets, it is the 37th.
_PROCESSOR = 36


class Load:
    """What tells below ``root`` who had the processor; of this process, the system tells itself."""

    def __init__(self, root: str) -> None:
        self._root = Root(root)
        self._tick_ns = 10**9 // os.sysconf("SC_CLK_TCK")

    def read(self, *, slow: bool) -> dict[str, object]:
        """Return ``cpu_busy_ns`` and ``cpu_steal_ns`` since boot, of all CPUs together, and ``cpu_own_ns`` of this process.

        Slow ones: ``cpus_allowed``, and ``cpus_used``, where the threads of this process ran last.
        """
        found: dict[str, object] = {"cpu_own_ns": time.process_time_ns()}
        ticks = parse_stat(self._root.text("proc/stat"))
        if ticks:
            found["cpu_busy_ns"] = self._tick_ns * sum(ticks.get(name, 0) for name in _BUSY)
            if "steal" in ticks:
                found["cpu_steal_ns"] = self._tick_ns * ticks["steal"]
        if slow:
            if hasattr(os, "sched_getaffinity"):  # not on macOS
                found["cpus_allowed"] = sorted(os.sched_getaffinity(0))
            used = self._cpus_used()
            if used:
                found["cpus_used"] = used
        return found

    @staticmethod
    def _cpus_used() -> list[int]:
        own = Root("/proc/self/task")
        said = (parse_processor(own.text(name + "/stat")) for name in own.names(""))
        return sorted({number for number in said if number is not None})


def parse_stat(text: str) -> dict[str, int]:
    """Read the first line of /proc/stat, in clock ticks; empty where it is none."""
    words = text.partition("\n")[0].split()
    if not words or words[0] != "cpu":
        return {}
    numbers = {name: whole(word) for name, word in zip(_FIELDS, words[1:])}  # noqa: B905  Python 3.9 knows no `strict`
    return {name: number for name, number in numbers.items() if number is not None}


def parse_processor(stat: str) -> Optional[int]:
    """Return the CPU in a line of /proc/PID/stat."""
    words = stat.rpartition(")")[2].split()
    return whole(words[_PROCESSOR]) if len(words) > _PROCESSOR else None
