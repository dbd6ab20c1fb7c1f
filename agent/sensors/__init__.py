"""Sensors, read while a device is measured: heat, clocks, load, memory, power; each may be absent."""

from __future__ import annotations

import shutil
import time
from typing import Callable, Optional

from agent.facts.power import on_battery
from agent.facts.system_files import Root
from agent.sensors.energy import Energy, Power, idle_power_w
from agent.sensors.heat import Heat
from agent.sensors.load import Load
from agent.sensors.memory import Memory
from agent.sensors.quota import CpuQuota

#: What is not quick is looked at less often, so that looking takes at most this share of the time: ten of these stay below 1 %.
SHARE = 0.001
#: Between blocks, meters of power (on I2C: milliseconds) and counters of energy are looked at no more often than this.
POWER_EVERY_NS = 1_000_000_000
ENERGY_EVERY_NS = 10_000_000_000


class Sensors:
    """The sensors found below ``root``, looked for once; `read` costs some file reads.

    ``vcgencmd`` is the Raspberry Pi's program, ``None`` where there is none; ``clock`` returns nanoseconds that only grow.
    docs/sensors.md lists every key that a reading may have.
    """

    def __init__(
        self, root: str = "/", vcgencmd: Optional[str] = None, *, clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._root, self._clock = Root(root), clock
        self._heat, self._load, self._memory = Heat(self._root, vcgencmd), Load(self._root), Memory(self._root)
        self._energy, self._power = Energy(self._root), Power(self._root)
        self._quota = CpuQuota(self._root)
        self._frequency_pace = _Pace()
        self._power_pace, self._energy_pace = _Pace(POWER_EVERY_NS), _Pace(ENERGY_EVERY_NS)

    @classmethod
    def of_this_device(cls) -> Sensors:
        """Return the sensors of the machine we run on."""
        return cls("/", shutil.which("vcgencmd"))

    def read(self, *, slow: bool = False) -> dict[str, object]:
        """Return the readings of now; an unknown one is an absent key, never 0.

        Always ``at_ns mono_ns cpu_own_ns`` and, where known, ``temperature_c frequency_hz throttled cpu_busy_ns
        cpu_steal_ns``, in a control group with a CPU quota ``quota_periods quota_throttled_periods quota_throttled_ns``;
        from time to time ``power_w`` with ``power_from``, and ``energy_uj``. ``slow`` readings, which take
        milliseconds and on a Raspberry Pi two processes, have all of these, and ``governor on_battery swapped_bytes
        memory_available_bytes memory_stalled_ns major_faults cooling cpus_allowed cpus_used``.
        """
        began = self._clock()
        busy, steal = self._load.busy_ns()
        reading: dict[str, object] = {
            "at_ns": time.time_ns(),
            "mono_ns": began,
            "cpu_busy_ns": busy,
            "cpu_steal_ns": steal,
            "cpu_own_ns": time.process_time_ns(),
            "temperature_c": self._heat.temperature_c(),
            "throttled": self._heat.throttled(),
            **self._quota.read(),
        }
        if self._power_pace.is_due(began, slow=slow):
            reading["power_w"], reading["power_from"] = self._power.power_w()
            self._power_pace.took(began, self._clock())
        if self._energy_pace.is_due(began, slow=slow):
            reading["energy_uj"] = self._energy.energy_uj()
            self._energy_pace.took(began, self._clock())
        looked = self._clock()
        if self._frequency_pace.is_due(looked, slow=slow):
            reading["frequency_hz"] = self._load.frequency_hz()
            self._frequency_pace.took(looked, self._clock())
        if slow:
            reading.update(**self._load.slow(), **self._memory.slow())
            reading.update(cooling=self._heat.cooling(), on_battery=on_battery(self._root))
            reading.update((name, value) for name, value in self._heat.ask().items() if value is not None)
        return {name: value for name, value in reading.items() if value is not None}

    def idle_power_w(self, seconds: float = 1.0) -> Optional[float]:
        """Return the mean watts while we do nothing for so long; ``None``, at once, where no sensor measures it."""
        return idle_power_w(self._energy, self._power, seconds)


class _Pace:
    """When to look again: every ``least_ns``, and more seldom where a look takes long.

    Reading a core's frequency made x86 kernels before 5.18 wait for 10 ms; a meter on I2C or behind ACPI takes some.
    """

    def __init__(self, least_ns: int = 0) -> None:
        self._least_ns = least_ns
        self._next: Optional[int] = None
        self._cost: Optional[int] = None

    def is_due(self, now: int, *, slow: bool) -> bool:
        return slow or self._next is None or now >= self._next

    def took(self, began: int, ended: int) -> None:
        # The least that it ever took: a look during which others had the processor took no longer.
        cost = ended - began
        self._cost = cost if self._cost is None else min(cost, self._cost)
        self._next = began + max(self._least_ns, round(self._cost / SHARE))
