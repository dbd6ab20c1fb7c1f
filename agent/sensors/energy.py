"""What the device takes from its supply."""

from __future__ import annotations

import os
import time
from typing import Callable, Optional

from agent.facts.reading import Root

_RAPL = "sys/class/powercap"
_HWMON = "sys/class/hwmon"
_SUPPLY = "sys/class/power_supply"
#: Jetsons of L4T before 5 have the same chip under another driver.
_INA3221X = "sys/bus/i2c/drivers/ina3221x"
#: Channels that carry what all the others of their chip carry together, by the labels on NVIDIA's boards.
_WHOLE = ("VDD_IN", "POM_5V_IN", "VIN_SYS_5V0")
#: Current and power sensors that sit in a board's supply (Documentation/hwmon: ina2xx, ina3221, acpi_power_meter).
_CHIPS = ("ina2", "ina3221", "power_meter", "macsmc")
_LOOKS = 10


class Energy:
    """What tells below ``root`` of energy and power; on most devices, nothing.

    RAPL counts microjoules and begins again at a limit (Documentation/power/powercap); reading it takes root since 2020.
    """

    def __init__(self, root: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._root, self._sleep = Root(root), sleep
        #: Folder -> (last value, what it had wrapped around by then).
        self._counted: dict[str, tuple[int, int]] = {}
        self._packages = [
            "%s/%s" % (_RAPL, name)
            for name in self._root.names(_RAPL, "intel-rapl:")
            if name.count(":") == 1 and self._root.text("%s/%s/name" % (_RAPL, name)).startswith("package")
        ]
        self._power = _power_reader(self._root)

    def read(self) -> dict[str, object]:
        """Return ``energy_uj``, of all packages since some moment, and ``power_w``."""
        found = {"energy_uj": self._energy_uj(), "power_w": self._power() if self._power else None}
        return {name: value for name, value in found.items() if value is not None}

    def idle_power_w(self, seconds: float) -> Optional[float]:
        """Return the mean over ``seconds``; ``None``, at once, where the device does not tell."""
        before, began = self._energy_uj(), time.monotonic()
        if before is not None:
            self._sleep(seconds)
            after, spent = self._energy_uj(), time.monotonic() - began
            return None if after is None or spent <= 0 else (after - before) / 1e6 / spent
        if self._power is None or self._power() is None:
            return None
        looks = []
        for _ in range(_LOOKS):
            self._sleep(seconds / _LOOKS)
            looks.append(self._power())
        known = [watt for watt in looks if watt is not None]
        return sum(known) / len(known) if known else None

    def _energy_uj(self) -> Optional[int]:
        total = 0
        for package in self._packages:
            value = self._root.number(package + "/energy_uj")
            if value is None:
                return None
            before, wrapped = self._counted.get(package, (value, 0))
            if value < before:
                wrapped += self._root.number(package + "/max_energy_range_uj") or 0
            self._counted[package] = value, wrapped
            total += value + wrapped
        return total if self._packages else None


def _power_reader(root: Root) -> Optional[Callable[[], Optional[float]]]:
    """Return what reads the watts of the first source that there is: supply sensors, then a battery that gives."""
    channels = _hwmon_channels(root) or _ina3221x_channels(root)
    whole = [read for label, read in channels if label in _WHOLE]
    chosen = whole or [read for _, read in channels]
    if chosen:
        return lambda: _sum([read() for read in chosen])
    batteries = [name for name in root.names(_SUPPLY) if root.text("%s/%s/type" % (_SUPPLY, name)) == "Battery"]
    own = [name for name in batteries if root.text("%s/%s/scope" % (_SUPPLY, name)) != "Device"]  # not a mouse's
    return (lambda: _of_battery(root, "%s/%s/" % (_SUPPLY, own[0]))) if own else None


def _hwmon_channels(root: Root) -> list[tuple[str, Callable[[], Optional[float]]]]:
    """Return (label, what reads its watts) of each channel (Documentation/hwmon/sysfs-interface: µW, mV, mA)."""
    found: list[tuple[str, Callable[[], Optional[float]]]] = []
    for chip in root.names(_HWMON):
        base = "%s/%s/" % (_HWMON, chip)
        if not root.text(base + "name").startswith(_CHIPS):
            continue
        powers = [name for name in root.names(base, "power") if name.endswith(("_input", "_average"))]
        for name in powers:
            label = root.text(base + name.rpartition("_")[0] + "_label")
            found.append((label, lambda path=base + name: _scaled(root.number(path), 1e-6)))  # type: ignore[misc]
        for name in () if powers else root.names(base, "curr"):
            if not name.endswith("_input"):
                continue
            number = name[len("curr") : -len("_input")]
            label = root.text("%sin%s_label" % (base, number))
            volt, ampere = "%sin%s_input" % (base, number), base + name
            found.append((label, lambda v=volt, a=ampere: _product(root.number(v), root.number(a))))  # type: ignore[misc]
    return found


def _ina3221x_channels(root: Root) -> list[tuple[str, Callable[[], Optional[float]]]]:
    found: list[tuple[str, Callable[[], Optional[float]]]] = []
    for chip in root.names(_INA3221X):
        for device in root.names("%s/%s" % (_INA3221X, chip), "iio:device"):
            base = os.path.join(_INA3221X, chip, device) + "/"
            for name in root.names(base, "rail_name_"):
                path = "%sin_power%s_input" % (base, name[len("rail_name_") :])
                found.append((root.text(base + name), lambda path=path: _scaled(root.number(path), 1e-3)))  # type: ignore[misc]
    return found


def _of_battery(root: Root, base: str) -> Optional[float]:
    """Return the watts that a battery gives; what it takes from a charger says nothing of the machine."""
    if root.text(base + "status") != "Discharging":
        return None
    watt = _scaled(root.number(base + "power_now"), 1e-6)
    if watt is not None:
        return abs(watt)
    product = _product(root.number(base + "voltage_now"), root.number(base + "current_now"))
    return None if product is None else abs(product) * 1e-6  # µV × µA


def _scaled(number: Optional[int], factor: float) -> Optional[float]:
    return None if number is None else number * factor


def _product(millivolt: Optional[int], milliampere: Optional[int]) -> Optional[float]:
    return None if millivolt is None or milliampere is None else millivolt * milliampere * 1e-6


def _sum(values: list[Optional[float]]) -> Optional[float]:
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None
