"""The heat of the processor with the throttling that it causes."""

from __future__ import annotations

from typing import Optional

from agent.facts.power import slowing_devices
from agent.facts.system_files import Root, run_all, whole
from agent.sensors.kernel_file import KernelFile, readable, total

_THERMAL = "sys/class/thermal/"
_HWMON = "sys/class/hwmon/"
_CPU = "sys/devices/system/cpu/"
#: Thermal zones that are the processor's, by the kernel's names for them: "cpu-thermal", "x86_pkg_temp", "soc-thermal",
#: "bigcore0-thermal". Others may be a battery, a modem or the graphics processor.
_CPU_ZONES = ("x86_pkg_temp", "soc", "k10temp", "package")
_CPU_WORDS = ("cpu", "core")
#: hwmon's names for the processor's sensors (Documentation/hwmon/coretemp, k10temp; zenpower; thermal zones of that name).
_CPU_CHIPS = ("coretemp", "k10temp", "zenpower", "cpu_thermal")
#: A reading of the mainboard's firmware: often of some place beside the processor, and slow.
_FIRMWARE_ZONE = "acpitz"
#: NVIDIA's over-current counters of Orin (Jetson Linux Developer Guide, "Over-Current Events").
_JETSON_CHIP = "soctherm_oc"
_FROM_MILLI = 1000.0
#: What ``vcgencmd`` is asked (Raspberry Pi documentation, "vcgencmd").
_PI_QUESTIONS = {"throttled": ("get_throttled",), "clock": ("measure_clock", "arm")}


class Heat:
    """The thermometers, throttle counters and cooling devices below ``root``; ``vcgencmd`` is the Raspberry Pi's program."""

    def __init__(self, root: Root, vcgencmd: Optional[str]) -> None:
        self._root, self._vcgencmd = root, vcgencmd
        self._temperatures = [KernelFile(root.at(path)) for path in temperature_files(root)]
        self._cooling = [KernelFile(root.at(folder + "/cur_state")) for folder, _ in slowing_devices(root)]
        self._x86 = readable([root.at(path) for path in _x86_counters(root)])
        self._jetson = readable([root.at(path) for path in _jetson_counters(root)])

    def temperature_c(self) -> Optional[float]:
        """Return how warm the warmest thermometer of the processor is."""
        temperatures = [celsius for held in self._temperatures if (celsius := parse_milli(held.text())) is not None]
        return max(temperatures, default=None)

    def cooling(self) -> Optional[int]:
        """Return the highest current state of the cooling devices that slow the machine; 0 means not slowed, other values are the driver's."""
        states = [state for held in self._cooling if (state := held.number()) is not None]
        return max(0, *states) if states else None

    def throttled(self) -> Optional[int]:
        """Return how often the x86 kernel saw a core or a package throttled since boot."""
        return total(self._x86)

    def ask(self) -> dict[str, object]:
        """Return ``throttled`` and ``frequency_hz`` of a board that answers through a program or its firmware."""
        reading: dict[str, object] = {}
        if self._vcgencmd is not None:
            printed = run_all({name: (self._vcgencmd, *words) for name, words in _PI_QUESTIONS.items()}, None)
            reading["throttled"] = parse_throttled(printed.get("throttled", ""))
            # A Pi's cpufreq has the requested clock; the firmware lowers it on its own.
            reading["frequency_hz"] = parse_clock_hz(printed.get("clock", ""))
        if reading.get("throttled") is None:
            reading["throttled"] = self._firmware() or total(self._jetson)
        return reading

    def _firmware(self) -> Optional[str]:
        """Return the kernel's throttling bits of a Raspberry Pi without ``vcgencmd``."""
        bits = parse_bits(self._root.text("sys/devices/platform/soc/soc:firmware/get_throttled"))
        if bits is not None:
            return bits
        for name in self._root.names(_HWMON):
            if self._root.text("%s%s/name" % (_HWMON, name)) == "rpi_volt":
                # Under-voltage alone: an alarm is bit 0; the other bits are unknown.
                return "0x1" if self._root.number("%s%s/in0_lcrit_alarm" % (_HWMON, name)) == 1 else None
        return None


def parse_milli(text: str) -> Optional[float]:
    """Read the kernel's thousandths of a degree; ``None`` for what no processor can have."""
    try:
        celsius = int(text) / _FROM_MILLI
    except (ValueError, OverflowError):
        return None
    return celsius if -60.0 < celsius < 200.0 and celsius else None


def parse_throttled(text: str) -> Optional[str]:
    """Read ``throttled=0x50005`` into ``0x50005``."""
    name, _, bits = text.strip().partition("=")
    return parse_bits(bits) if name == "throttled" and bits.startswith("0x") else None


def parse_bits(text: str) -> Optional[str]:
    """Read 32 bits in hexadecimal, with or without ``0x``, into ``0x50005``."""
    try:
        bits = int(text, 16)
    except ValueError:
        return None
    return hex(bits) if 0 <= bits < 1 << 32 else None


def parse_clock_hz(text: str) -> Optional[int]:
    """Read ``frequency(48)=1500398464`` into Hz."""
    name, _, hertz = text.strip().partition("=")
    return whole(hertz) or None if name.startswith("frequency(") else None


def temperature_files(root: Root) -> list[str]:
    """Return the processor's thermometers below ``root``, the most exact that there are."""
    zones = {
        _THERMAL + name: root.text("%s%s/type" % (_THERMAL, name)) for name in root.names(_THERMAL, "thermal_zone")
    }
    cpu = [zone for zone, kind in zones.items() if _is_cpu(kind.lower())]
    if cpu:
        return [zone + "/temp" for zone in cpu]
    files = []
    for chip in root.names(_HWMON):
        if root.text("%s%s/name" % (_HWMON, chip)) in _CPU_CHIPS:
            names = [name for name in root.names(_HWMON + chip, "temp") if name.endswith("_input")]
            files += ["%s%s/%s" % (_HWMON, chip, name) for name in names]
    if files:
        return files
    return [zone + "/temp" for zone, kind in zones.items() if kind == _FIRMWARE_ZONE] or [
        zone + "/temp" for zone in zones
    ]


def _is_cpu(kind: str) -> bool:
    return kind.startswith(_CPU_ZONES) or any(word in kind for word in _CPU_WORDS)


def _x86_counters(root: Root) -> list[str]:
    """Return the throttle counts of every core, and one for each package: all cores of a package repeat its count."""
    cores: list[str] = []
    packages: dict[str, str] = {}
    for name in root.names(_CPU, "cpu"):
        if name[3:].isdecimal():
            folder = _CPU + name
            cores.append(folder + "/thermal_throttle/core_throttle_count")
            package = root.text(folder + "/topology/physical_package_id")
            packages.setdefault(package, folder + "/thermal_throttle/package_throttle_count")
    return [*cores, *packages.values()]


def _jetson_counters(root: Root) -> list[str]:
    return [
        "%s%s/%s" % (_HWMON, chip, name)
        for chip in root.names(_HWMON)
        if root.text("%s%s/name" % (_HWMON, chip)) == _JETSON_CHIP
        for name in root.names(_HWMON + chip, "oc")
        if name.endswith("_event_cnt")
    ]
