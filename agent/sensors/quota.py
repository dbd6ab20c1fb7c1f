"""How often a CPU quota stopped the process."""

from __future__ import annotations

from agent.facts.cgroups import quotas
from agent.facts.system_files import Root
from agent.sensors.kernel_file import KernelFile
from agent.sensors.memory import parse_words

_US = 1000


class CpuQuota:
    """The counters of the control groups below ``root`` that have a quota, from when this was made."""

    def __init__(self, root: Root) -> None:
        files = [KernelFile(root.at(quota.stat)) for quota in quotas(root)]
        self._groups = [(file, before) for file in files if (before := parse_cpu_stat(file.text()))]

    def read(self) -> dict[str, int]:
        """Return ``quota_periods quota_throttled_periods quota_throttled_ns``, nothing where there is no quota.

        Of several groups, one inside the other, it is the one that stopped its processes the longest.
        """
        grown = [
            {name: now[name] - before[name] for name in before}
            for file, before in self._groups
            if (now := parse_cpu_stat(file.text()))
        ]
        return max(grown, key=lambda counts: counts["quota_throttled_ns"], default={})


def parse_cpu_stat(text: str) -> dict[str, int]:
    """Read ``cpu.stat`` of a group: version 1 has ``throttled_time`` in ns, version 2 ``throttled_usec``.

    Empty where a counter is missing, as in a group without the cpu controller.
    """
    words = parse_words(text)
    throttled_us = words.get("throttled_usec")
    throttled_ns = words.get("throttled_time") if throttled_us is None else throttled_us * _US
    periods, throttled = words.get("nr_periods"), words.get("nr_throttled")
    if periods is None or throttled is None or throttled_ns is None:
        return {}
    return {"quota_periods": periods, "quota_throttled_periods": throttled, "quota_throttled_ns": throttled_ns}
