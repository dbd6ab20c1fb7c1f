"""The load of the processor: its clocks, the time it spends on others."""

from __future__ import annotations

import os
from typing import Optional

from agent.facts.processor import governor
from agent.facts.system_files import Root, whole
from agent.sensors.kernel_file import KernelFile

_CPU = "sys/devices/system/cpu/"
_KHZ = 1000
_MHZ = 1_000_000
_NS_PER_S = 1_000_000_000
#: No processor of an edge device is faster.
_MOST_HZ = 20_000_000_000
#: Of /proc/stat's first line (proc(5)): user nice system idle iowait irq softirq steal; guests are in user and nice already.
_BUSY_COLUMNS = (0, 1, 2, 5, 6)
_STEAL_COLUMN = 7
#: Column of /proc/PID/stat that names the processor a thread last ran on, counted after the program's name (proc(5): 39).
_LAST_CPU = 36


class Load:
    """The processor's clocks and counters below ``root``."""

    def __init__(self, root: Root) -> None:
        self._root = root
        folders = [_CPU + "cpufreq/" + name for name in root.names(_CPU + "cpufreq", "policy")]
        if not folders:  # kernels before 4.3
            folders = [_CPU + name + "/cpufreq" for name in root.names(_CPU, "cpu") if name[3:].isdecimal()]
        paths = [folder + "/scaling_cur_freq" for folder in folders]
        self._frequencies = [KernelFile(root.at(path)) for path in paths if root.exists(path)]
        self._stat = KernelFile(root.at("proc/stat"))
        self._ns_per_tick = _NS_PER_S // os.sysconf("SC_CLK_TCK")

    def frequency_hz(self) -> Optional[int]:
        """Return how fast the fastest core runs, as far as the kernel knows."""
        if not self._frequencies:
            return parse_cpuinfo_hz(self._root.text("proc/cpuinfo"))
        clocks = [khz * _KHZ for held in self._frequencies if (khz := held.number()) is not None]
        return max((hertz for hertz in clocks if 0 < hertz < _MOST_HZ), default=None)

    def busy_ns(self) -> tuple[Optional[int], Optional[int]]:
        """Return how long all processors together were busy since boot, and how long the hypervisor kept them waiting."""
        busy, steal = parse_stat(self._stat.text())
        tick = self._ns_per_tick
        return None if busy is None else busy * tick, None if steal is None else steal * tick

    def slow(self) -> dict[str, object]:
        """Return ``governor cpus_allowed cpus_used``."""
        return {
            "governor": governor(self._root),
            "cpus_allowed": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
            "cpus_used": self._cpus_used() or None,
        }

    def _cpus_used(self) -> list[int]:
        threads = self._root.names("proc/self/task")
        cpus = {parse_last_cpu(self._root.text("proc/self/task/%s/stat" % thread)) for thread in threads}
        return sorted(cpu for cpu in cpus if cpu is not None)


def parse_cpuinfo_hz(text: str) -> Optional[int]:
    """Return the fastest ``cpu MHz`` line of /proc/cpuinfo."""
    clocks = []
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "cpu MHz":
            try:
                clocks.append(round(float(value) * _MHZ))
            except (ValueError, OverflowError):
                continue
    return max((hertz for hertz in clocks if 0 < hertz < _MOST_HZ), default=None)


def parse_stat(text: str) -> tuple[Optional[int], Optional[int]]:
    """Return the ticks that /proc/stat's first line counts as work, and those that were stolen."""
    name, *words = text.partition("\n")[0].split() or [""]
    columns = [ticks for word in words if (ticks := whole(word)) is not None]
    if name != "cpu" or len(columns) < len(words) or len(columns) <= max(_BUSY_COLUMNS):
        return None, None
    return sum(columns[column] for column in _BUSY_COLUMNS), columns[_STEAL_COLUMN] if len(
        columns
    ) > _STEAL_COLUMN else None


def parse_last_cpu(stat: str) -> Optional[int]:
    """Return the processor a thread last ran on, by /proc/PID/stat; the program's name in it may hold anything."""
    words = stat.rpartition(")")[2].split()
    return whole(words[_LAST_CPU]) if len(words) > _LAST_CPU else None
