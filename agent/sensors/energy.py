"""The power that the machine draws: counters of energy, meters of power, or the battery that feeds it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Callable, Optional

from agent.facts.power import batteries
from agent.facts.system_files import Root
from agent.sensors.kernel_file import KernelFile, readable

_POWERCAP = "sys/class/powercap/"
#: The same packages by other roads (MSR, TPMI, MMIO); the first that is there counts, so that none counts twice.
_RAPL = ("intel-rapl", "intel-rapl-tpmi", "intel-rapl-mmio")
_HWMON = "sys/class/hwmon/"
_OLD_JETSON = "sys/bus/i2c/drivers/ina3221x/"
#: Chips whose watts are not the board's: graphics cards, the light of optical modules, chargers, and batteries, which
#: are read where the kernel says whether they are charged.
_NOT_OURS = ("amdgpu", "radeon", "nouveau", "i915", "xe", "sfp", "ucsi_source_psy", "BAT", "AC", "ADP")
#: Meters of all that flows in: NVIDIA's names for the input rail, Apple's and power supplies' for the sum, ACPI's chip.
_WHOLE = ("vdd_in", "pom_5v_in", "total", "power_meter")
#: Of an INA3221, in4 to in7 are voltages of the shunts, and curr4 is a sum (Documentation/hwmon/ina3221).
_INA_CHANNELS = (1, 2, 3)
_MICRO = 1e-6
_MILLI = 1e-3
_NS_PER_US = 1000
_LOOKS = 10


class Energy:
    """The energy counters of all processor packages together, wrap-around unwrapped (Documentation/power/powercap)."""

    def __init__(self, root: Root) -> None:
        zones: list[str] = []
        for control in _RAPL:
            names = [name for name in root.names(_POWERCAP, control + ":") if name.count(":") == 1]
            folders = [_POWERCAP + name for name in names]
            # Others are "psys" (the platform, packages included) and subdomains (part of a package).
            zones = zones or [each for each in folders if root.text(each + "/name").startswith("package")]
        self._counters = [KernelFile(root.at(zone + "/energy_uj")) for zone in zones]
        self._ranges = [root.number(zone + "/max_energy_range_uj") for zone in zones]
        self._last = [held.number() for held in self._counters]
        # A range of 0 or none at all would make wrap-around a silent loss.
        self._valid = bool(zones) and all(self._ranges) and None not in self._last
        self._total = sum(each or 0 for each in self._last)

    def energy_uj(self) -> Optional[int]:
        """Return the microjoules since the counters were new; ``None`` without them, or where one has become unreadable.

        Call it before any of them can wrap around twice: they hold 65 kJ and more, a quarter of an hour at 65 W.
        """
        for index, held in enumerate(self._counters if self._valid else ()):
            now, last, most = held.number(), self._last[index], self._ranges[index]
            if now is None or last is None or most is None:
                self._valid = False  # what passes meanwhile is lost
                break
            self._total += now - last if now >= last else now + most - last
            self._last[index] = now
        return self._total if self._valid else None


@dataclass(frozen=True)
class _Meter:
    """One meter: its watts are the product of its files times ``scale``."""

    name: str
    files: tuple[KernelFile, ...]
    scale: float

    def watts(self) -> Optional[float]:
        watts = self.scale
        for held in self.files:
            number = held.number()
            if number is None:
                return None
            watts *= number
        return watts


class Power:
    """The power meters below ``root``: of all that flows in where one is, else those of its parts, summed."""

    def __init__(self, root: Root) -> None:
        meters = [*_hwmon_meters(root), *_old_jetson_meters(root)]
        whole = [meter for meter in meters if any(word in meter.name.lower() for word in _WHOLE)]
        self._meters = whole[:1] or meters
        self._batteries = [] if meters else _battery_meters(root)

    def power_w(self) -> tuple[Optional[float], Optional[str]]:
        """Return the watts drawn now, with the names of the meters; ``None`` without a meter, or where one fails.

        A battery counts only while it is discharged.
        """
        meters = self._meters or [meter for meter, status in self._batteries if status.text() == "Discharging"]
        watts = [meter.watts() for meter in meters]
        valid = [each for each in watts if each is not None]
        if not valid or len(valid) < len(watts):
            return None, None
        return abs(sum(valid)), " + ".join(meter.name for meter in meters)


def idle_power_w(
    energy: Energy,
    power: Power,
    seconds: float,
    clock: Callable[[], int] = time.monotonic_ns,
    sleep: Callable[[float], None] = time.sleep,
) -> Optional[float]:
    """Return the mean watts over ``seconds`` in which we do nothing; ``None``, and at once, where nothing measures power.

    It is of the counters where there are any, else of the meters: compare it with what is of the same source. ``clock``
    returns nanoseconds.
    """
    before, began = energy.energy_uj(), clock()
    if before is not None:
        sleep(seconds)
        after, spent = energy.energy_uj(), clock() - began
        return (after - before) * _NS_PER_US / spent if after is not None and spent > 0 else None
    watts = []
    for _ in range(_LOOKS):
        watt, _ = power.power_w()
        if watt is None:
            return None
        watts.append(watt)
        sleep(seconds / _LOOKS)
    return sum(watts) / len(watts)


def _hwmon_meters(root: Root) -> list[_Meter]:
    """Return the meters of hwmon (Documentation/hwmon/sysfs-interface): µW, or mV and mA of a channel."""
    all_meters = []
    for chip in root.names(_HWMON):
        folder = _HWMON + chip + "/"
        name = root.text(folder + "name")
        if name.startswith(_NOT_OURS) or root.exists(folder + "device/capacity"):  # a battery by a maker's name
            continue
        files = set(root.names(folder))
        for channel in range(1, 10):
            label = root.text("%spower%d_label" % (folder, channel)) or root.text("%sin%d_label" % (folder, channel))
            title = ("%s %s" % (name, label)).strip()
            power = next((each for each in ("power%d_input", "power%d_average") if each % channel in files), None)
            volts, amperes = "in%d_input" % channel, "curr%d_input" % channel
            if power is not None:
                meters = readable([root.at(folder + power % channel)])
                all_meters += [_Meter(title, (held,), _MICRO) for held in meters]
            elif {volts, amperes} <= files and name.startswith("ina") and channel in _INA_CHANNELS:
                pair = readable([root.at(folder + volts), root.at(folder + amperes)])
                all_meters += [_Meter(title, tuple(pair), _MILLI * _MILLI)] if len(pair) == 2 else []
    return all_meters


def _old_jetson_meters(root: Root) -> list[_Meter]:
    """Return the rails of Jetson Linux before 34: mW, in files of the driver's folder."""
    all_meters = []
    for device in root.names(_OLD_JETSON):
        for chip in root.names(_OLD_JETSON + device, "iio:device"):
            folder = "%s%s/%s/" % (_OLD_JETSON, device, chip)
            for channel in range(3):
                rail = root.text("%srail_name_%d" % (folder, channel))
                meters = readable([root.at("%sin_power%d_input" % (folder, channel))])
                all_meters += [_Meter("ina3221x " + rail, (held,), _MILLI) for held in meters]
    return all_meters


def _battery_meters(root: Root) -> list[tuple[_Meter, KernelFile]]:
    """Return each battery's meter and status (Documentation/ABI/testing/sysfs-class-power): µW, or µA and µV."""
    all_meters = []
    for folder in batteries(root):
        name = "battery " + folder.rstrip("/").rpartition("/")[2]
        power = readable([root.at(folder + "power_now")])
        pair = readable([root.at(folder + "current_now"), root.at(folder + "voltage_now")])
        status = KernelFile(root.at(folder + "status"))
        if power:
            all_meters.append((_Meter(name, (power[0],), _MICRO), status))
        elif len(pair) == 2:
            all_meters.append((_Meter(name, tuple(pair), _MICRO * _MICRO), status))
    return all_meters
