"""How fast the processor runs, for whom, and with what memory."""

from __future__ import annotations

import os
import resource
from typing import Optional

from agent.facts.processor import governor
from agent.facts.reading import Root
from agent.sensors.held import Held

_CPU = "sys/devices/system/cpu/"
_KHZ = 1000
_MHZ = 1_000_000
_KB = 1024
_NS_PER_US = 1000
_NS_PER_S = 1_000_000_000
#: No processor of an edge device is faster.
_MOST_HZ = 20_000_000_000
#: Of /proc/stat's first line (proc(5)): user nice system idle iowait irq softirq steal; guests are in user and nice already.
_BUSY_COLUMNS = (0, 1, 2, 5, 6)
_STEAL_COLUMN = 7
#: Column of /proc/PID/stat that names the processor a thread last ran on, counted after the program's name (proc(5): 39).
_LAST_CPU = 36


class Load:
    """The processor's clocks and counters, and memory's, below ``root``."""

    def __init__(self, root: Root) -> None:
        self._root = root
        folders = [_CPU + "cpufreq/" + name for name in root.names(_CPU + "cpufreq", "policy")]
        if not folders:  # kernels before 4.3
            folders = [_CPU + name + "/cpufreq" for name in root.names(_CPU, "cpu") if name[3:].isdecimal()]
        paths = [folder + "/scaling_cur_freq" for folder in folders]
        self._frequencies = [Held(root.at(path)) for path in paths if root.exists(path)]
        self._stat = Held(root.at("proc/stat"))
        self._ns_per_tick = _NS_PER_S // os.sysconf("SC_CLK_TCK")

    def frequency_hz(self) -> Optional[int]:
        """Return how fast the fastest core runs, as far as the kernel knows."""
        if not self._frequencies:
            return parse_cpuinfo_hz(self._root.text("proc/cpuinfo"))
        found = [khz * _KHZ for held in self._frequencies if (khz := held.number()) is not None]
        return max((hertz for hertz in found if 0 < hertz < _MOST_HZ), default=None)

    def busy_ns(self) -> tuple[Optional[int], Optional[int]]:
        """Return how long all processors together were busy since boot, and how long the hypervisor kept them waiting."""
        busy, steal = parse_stat(self._stat.text())
        tick = self._ns_per_tick
        return None if busy is None else busy * tick, None if steal is None else steal * tick

    def slow(self) -> dict[str, object]:
        """Return ``governor swapped_bytes memory_available_bytes memory_stalled_ns major_faults cpus_allowed cpus_used``."""
        root = self._root
        return {
            "governor": governor(root),
            "swapped_bytes": parse_swapped(root.text("proc/vmstat")),
            "memory_available_bytes": parse_available(root.text("proc/meminfo")),
            "memory_stalled_ns": parse_stalled(root.text("proc/pressure/memory")),
            "major_faults": resource.getrusage(resource.RUSAGE_SELF).ru_majflt,
            "cpus_allowed": sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
            "cpus_used": self._cpus_used() or None,
        }

    def _cpus_used(self) -> list[int]:
        threads = self._root.names("proc/self/task")
        found = {parse_last_cpu(self._root.text("proc/self/task/%s/stat" % thread)) for thread in threads}
        return sorted(cpu for cpu in found if cpu is not None)


def parse_cpuinfo_hz(text: str) -> Optional[int]:
    """Return the fastest ``cpu MHz`` line of /proc/cpuinfo."""
    found = []
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "cpu MHz":
            try:
                found.append(round(float(value) * _MHZ))
            except (ValueError, OverflowError):
                continue
    return max((hertz for hertz in found if 0 < hertz < _MOST_HZ), default=None)


def parse_stat(text: str) -> tuple[Optional[int], Optional[int]]:
    """Return the ticks that /proc/stat's first line counts as work, and those that were stolen."""
    name, *words = text.partition("\n")[0].split() or [""]
    if name != "cpu" or not all(word.isdecimal() for word in words):
        return None, None
    columns = [int(word) for word in words]
    busy = sum(columns[column] for column in _BUSY_COLUMNS) if len(columns) > max(_BUSY_COLUMNS) else None
    return busy, columns[_STEAL_COLUMN] if len(columns) > _STEAL_COLUMN else None


def parse_swapped(vmstat: str) -> Optional[int]:
    """Return the bytes that /proc/vmstat counts as swapped in and out since boot."""
    counts = {name: value.strip() for name, _, value in (line.partition(" ") for line in vmstat.splitlines())}
    pages = counts.get("pswpin", ""), counts.get("pswpout", "")
    if not all(page.isdecimal() for page in pages):
        return None
    return sum(map(int, pages)) * os.sysconf("SC_PAGE_SIZE")


def parse_available(meminfo: str) -> Optional[int]:
    """Return ``MemAvailable`` of /proc/meminfo in bytes."""
    for line in meminfo.splitlines():
        name, _, value = line.partition(":")
        words = value.split()
        if name == "MemAvailable" and len(words) == 2 and words[0].isdecimal() and words[1] == "kB":
            return int(words[0]) * _KB
    return None


def parse_stalled(pressure: str) -> Optional[int]:
    """Return the total of /proc/pressure/memory's ``some`` line: how long at least one task waited for memory."""
    for line in pressure.splitlines():
        kind, *words = line.split() or [""]
        total = next((word[len("total=") :] for word in words if word.startswith("total=")), "")
        if kind == "some" and total.isdecimal():
            return int(total) * _NS_PER_US
    return None


def parse_last_cpu(stat: str) -> Optional[int]:
    """Return the processor that /proc/PID/stat says the thread last ran on; its program's name may hold anything."""
    words = stat.rpartition(")")[2].split()
    return int(words[_LAST_CPU]) if len(words) > _LAST_CPU and words[_LAST_CPU].isdecimal() else None
