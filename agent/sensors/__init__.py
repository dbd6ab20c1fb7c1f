"""What a device tells while it is measured, as far as it tells: docs/sensors.md lists the keys."""

from __future__ import annotations

import shutil
import time
from typing import Optional

from agent.facts.power import on_battery
from agent.facts.processor import governor
from agent.facts.reading import Root
from agent.sensors.energy import Energy
from agent.sensors.heat import Heat
from agent.sensors.load import Load
from agent.sensors.memory import Memory


class Sensors:
    """The sensors found below ``root``, looked for once; `read` costs some file reads.

    ``vcgencmd`` is the Raspberry Pi's program, ``None`` where there is none.
    """

    def __init__(self, root: str = "/", vcgencmd: Optional[str] = None) -> None:
        self._root = Root(root)
        self._heat = Heat(root, vcgencmd)
        self._load = Load(root)
        self._memory = Memory(root)
        self._energy = Energy(root)

    @classmethod
    def of_this_device(cls) -> Sensors:
        """Return the sensors of the machine we run on."""
        return cls("/", shutil.which("vcgencmd"))

    def read(self, *, slow: bool = False) -> dict[str, object]:
        """Return a reading: ``at_ns``, ``mono_ns``, and a key for each thing that is known; ``slow`` ones know more."""
        reading: dict[str, object] = {"at_ns": time.time_ns(), "mono_ns": time.monotonic_ns()}
        reading.update(self._heat.read(slow=slow))
        reading.update(self._load.read(slow=slow))
        if slow:
            reading.update(self._memory.read())
            reading.update(self._energy.read())
            said = {"governor": governor(self._root), "on_battery": on_battery(self._root)}
            reading.update({name: value for name, value in said.items() if value is not None})
        return reading

    def idle_power_w(self, seconds: float = 1.0) -> Optional[float]:
        """Return what the device takes while we do nothing for so long; ``None``, at once, where it does not tell."""
        return self._energy.idle_power_w(seconds)
