"""Temperature, frequency and throttling."""

from __future__ import annotations

import glob
import os
import subprocess
from typing import Optional

from agent.facts.power import slowing_state
from agent.facts.reading import Root, whole

#: Thermal zones that are the processor's, by the kernel's names for them; others may be a battery or a modem.
_CPU_ZONES = ("cpu", "x86_pkg_temp", "soc", "coretemp", "k10temp", "package", "acpitz")
_CPU_CHIPS = ("coretemp", "k10temp", "zenpower", "cpu_thermal")
_FROM_MILLI = 1000.0
_KHZ = 1000
_MHZ = 1_000_000


class Heat:
    """What tells below ``root`` how hot the processor is, and what that does to it.

    ``vcgencmd`` is the Raspberry Pi's program, ``None`` where there is none.
    """

    def __init__(self, root: str, vcgencmd: Optional[str]) -> None:
        self._root = Root(root)
        self._temperatures = _temperature_files(root)
        self._frequencies = sorted(_glob(root, "sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_cur_freq"))
        self._cpuinfo = os.path.join(root, "proc/cpuinfo")
        self._counters = sorted(_glob(root, "sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/*_throttle_count"))
        self._vcgencmd = vcgencmd

    def read(self, *, slow: bool) -> dict[str, object]:
        """Return what there is of ``temperature_c``, ``frequency_hz``, ``throttled`` and, of slow ones, ``cooling``.

        ``temperature_c`` is the hottest processor zone, ``frequency_hz`` the fastest core. ``throttled`` is the
        Raspberry Pi's bits as it prints them (``0x50005``; they stay set, so ``slow`` readings before and after
        are enough: it takes a process) or the x86 kernel's count of throttling events since boot. ``cooling`` is the
        highest state of the cooling devices that slow the machine: 0 where none does.
        """
        reading: dict[str, object] = {}
        temperatures = [celsius for path in self._temperatures if (celsius := parse_milli(_text(path))) is not None]
        if temperatures:
            reading["temperature_c"] = max(temperatures)
        frequency = self._firmware_hz() if slow else None
        frequency = self._frequency() if frequency is None else frequency
        if frequency is not None:
            reading["frequency_hz"] = frequency
        throttled = self._throttled(slow=slow)
        if throttled is not None:
            reading["throttled"] = throttled
        cooling = slowing_state(self._root) if slow else None
        if cooling is not None:
            reading["cooling"] = cooling
        return reading

    def _firmware_hz(self) -> Optional[int]:
        """Ask the Raspberry Pi's firmware: what the kernel tells there is what it asked for, throttled or not."""
        said = self._ask("measure_clock", "arm")
        return parse_clock_hz(said) if said is not None else None

    def _ask(self, *words: str) -> Optional[str]:
        if self._vcgencmd is None:
            return None
        try:
            done = subprocess.run([self._vcgencmd, *words], capture_output=True, timeout=5, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.decode(errors="replace")

    def _frequency(self) -> Optional[int]:
        if self._frequencies:
            known = [int(text) * _KHZ for path in self._frequencies if (text := _text(path).strip()).isdigit()]
            return max(known, default=None)
        return parse_cpuinfo_hz(_text(self._cpuinfo))

    def _throttled(self, *, slow: bool) -> Optional[object]:
        if self._counters:
            return sum(int(text) for path in self._counters if (text := _text(path).strip()).isdigit())
        said = self._ask("get_throttled") if slow else None
        return parse_throttled(said) if said is not None else None


def parse_milli(text: str) -> Optional[float]:
    """Read the kernel's thousandths of a degree; ``None`` for what no processor can have."""
    try:
        celsius = int(text) / _FROM_MILLI
    except ValueError:
        return None
    return celsius if -60.0 < celsius < 200.0 and celsius else None


def parse_throttled(text: str) -> Optional[str]:
    """Read ``throttled=0x50005`` into ``0x50005``."""
    name, _, bits = text.strip().partition("=")
    return bits if name == "throttled" and bits.startswith("0x") else None


def parse_clock_hz(text: str) -> Optional[int]:
    """Read ``frequency(0)=1500398464`` of ``vcgencmd measure_clock arm``."""
    name, _, value = text.strip().partition("=")
    return whole(value) or None if name.startswith("frequency") else None


def parse_cpuinfo_hz(text: str) -> Optional[int]:
    """Return the fastest ``cpu MHz`` line of /proc/cpuinfo."""
    found = []
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "cpu MHz":
            try:
                found.append(round(float(value) * _MHZ))
            except ValueError:
                continue
    return max(found, default=None)


def _temperature_files(root: str) -> list[str]:
    zones = {zone: _text(os.path.join(zone, "type")).strip() for zone in _glob(root, "sys/class/thermal/thermal_zone*")}
    cpu = [zone for zone, kind in zones.items() if kind.lower().startswith(_CPU_ZONES) or "cpu" in kind.lower()]
    files = [os.path.join(zone, "temp") for zone in sorted(cpu or zones)]
    if files:
        return files
    for chip in sorted(_glob(root, "sys/class/hwmon/hwmon*")):
        if _text(os.path.join(chip, "name")).strip() in _CPU_CHIPS:
            files += sorted(glob.glob(os.path.join(glob.escape(chip), "temp*_input")))
    return files


def _glob(root: str, pattern: str) -> list[str]:
    return glob.glob(os.path.join(glob.escape(root), pattern))


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
