"""Heat, throttling, power supply of the machine."""

from __future__ import annotations

from typing import Optional

from agent.facts.system_files import Root, whole

_COOLING = "sys/class/thermal/"
_SUPPLIES = "sys/class/power_supply/"
#: Bits of ``vcgencmd get_throttled`` (Raspberry Pi documentation, "vcgencmd").
_PI_BITS = {
    0: "under_voltage_now",
    1: "frequency_capped_now",
    2: "throttled_now",
    3: "soft_temperature_limit_now",
    16: "under_voltage_occurred",
    17: "frequency_capped_occurred",
    18: "throttled_occurred",
    19: "soft_temperature_limit_occurred",
}
#: Cooling devices that slow the machine, unlike fans: by the kernel's names (cpufreq_cooling, devfreq_cooling, ACPI) and L4T's.
_SLOWING = (
    *("cpufreq", "thermal-cpufreq", "devfreq", "thermal-devfreq", "Processor"),
    *("cpu-balanced", "gpu-balanced", "emergency-balanced"),
)


def gather(root: Root, vcgencmd: str) -> dict[str, object]:
    """Return ``thermal_zones`` (°C), ``throttled``, ``power_source``, and ``battery`` where there is one."""
    feeds = {True: "battery", False: "mains", None: None}
    return {
        "thermal_zones": _zones(root),
        "throttled": _throttled(root, vcgencmd),
        "power_source": feeds[on_battery(root)],
        "battery": next((_battery(root, folder) for folder in batteries(root)), None),
    }


def batteries(root: Root) -> list[str]:
    """Return the folders of the machine's own batteries below ``root``."""
    folders = [_SUPPLIES + name + "/" for name in root.names(_SUPPLIES)]
    # A scope of "Device" is a mouse's battery.
    return [each for each in folders if root.text(each + "type") == "Battery" and root.text(each + "scope") != "Device"]


def on_battery(root: Root) -> Optional[bool]:
    """Check whether a battery feeds the machine; ``None`` where that is unknown."""
    folders = [_SUPPLIES + name + "/" for name in root.names(_SUPPLIES)]
    mains = [root.number(each + "online") for each in folders if root.text(each + "type") in ("Mains", "USB")]
    folders_of_batteries = batteries(root)
    if not folders_of_batteries:
        return False if mains else None
    return 1 not in mains if mains else root.text(folders_of_batteries[0] + "status") == "Discharging"


def slowing_devices(root: Root) -> list[tuple[str, str]]:
    """Return the folders and types of the cooling devices that slow the machine, unlike fans."""
    folders = [_COOLING + name for name in root.names(_COOLING, "cooling_device")]
    kinds = [(folder, root.text(folder + "/type")) for folder in folders]
    return [(folder, kind) for folder, kind in kinds if kind.startswith(_SLOWING)]


def parse_throttled_bits(text: str) -> Optional[dict[str, bool]]:
    """Read ``throttled=0x50005`` into its documented names; ``None`` for anything else."""
    name, _, bits = text.strip().partition("=")
    return parse_throttled_mask(bits) if name == "throttled" else None


def parse_throttled_mask(bits: str) -> Optional[dict[str, bool]]:
    """Read a Raspberry Pi's throttling bits in hexadecimal, with or without ``0x``."""
    try:
        mask = int(bits, 16)
    except ValueError:
        return None
    return {meaning: bool(mask >> bit & 1) for bit, meaning in _PI_BITS.items()}


def _battery(root: Root, folder: str) -> dict[str, object]:
    fields = {"status": root.text(folder + "status"), "percent": root.number(folder + "capacity")}
    return {name: value for name, value in fields.items() if value not in (None, "")}


def _zones(root: Root) -> list[dict[str, object]]:
    zones: list[dict[str, object]] = []
    for name in root.names(_COOLING, "thermal_zone"):
        milli = whole(root.text(_COOLING + name + "/temp"))
        if milli is not None:
            zones.append({"type": root.text(_COOLING + name + "/type"), "celsius": milli / 1000})
    return zones


def _throttled(root: Root, vcgencmd: str) -> Optional[dict[str, object]]:
    flags: dict[str, object] = dict(parse_throttled_bits(vcgencmd) or _firmware(root))
    cpu = "sys/devices/system/cpu/"
    for kind in ("core", "package"):
        counts = [root.number("%s%s/thermal_throttle/%s_throttle_count" % (cpu, name, kind)) for name in _cpus(root)]
        readable = [count for count in counts if count is not None]
        if readable:  # a package's cores all repeat the package's count
            flags[kind + "_throttle_count"] = sum(readable) if kind == "core" else max(readable)
    for folder, kind in slowing_devices(root):
        state = root.number(folder + "/cur_state")
        if state is not None:  # several may be of one type; idle ones read 0 or -1
            name = kind.lower() + "_now"
            flags[name] = bool(flags.get(name)) or state > 0
    return flags or None


def _firmware(root: Root) -> dict[str, bool]:
    """Return the kernel's flags of a Raspberry Pi where ``vcgencmd`` is absent or not for this user."""
    mask = parse_throttled_mask(root.text("sys/devices/platform/soc/soc:firmware/get_throttled"))
    if mask is not None:
        return mask
    for name in root.names("sys/class/hwmon"):
        if root.text("sys/class/hwmon/%s/name" % name) == "rpi_volt":  # raspberrypi-hwmon: within its last two seconds
            alarm = root.number("sys/class/hwmon/%s/in0_lcrit_alarm" % name)
            return {} if alarm is None else {"under_voltage_now": alarm == 1}
    return {}


def _cpus(root: Root) -> list[str]:
    return [name for name in root.names("sys/devices/system/cpu", "cpu") if name[3:].isdecimal()]
