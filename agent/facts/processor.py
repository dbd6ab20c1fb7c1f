"""The processor: its cores by class, their features, caches, frequencies."""

from __future__ import annotations

from typing import Optional

from agent.facts.arm_cores import ARM_CORES
from agent.facts.system_files import Root, whole

_CPU = "sys/devices/system/cpu"
_KHZ = 1000
#: What decides how fast int8 and fp16 kernels run, as /proc/cpuinfo spells it.
FEATURES = frozenset(
    (
        *("sse4_1", "avx", "avx2", "fma", "f16c", "avx_vnni"),  # x86
        *("avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_int8", "amx_bf16"),
        *("neon", "vfpv4", "asimd", "asimddp", "asimdhp", "i8mm", "bf16", "sve", "sve2"),  # ARM
    )
)
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def gather(root: Root, cpuinfo: str) -> dict[str, object]:
    """Return ``cpu_model core_classes features caches governor frequency_min_hz frequency_max_hz``."""
    policy = _CPU + "/cpu0/cpufreq/"
    low, high = root.number(policy + "scaling_min_freq"), root.number(policy + "scaling_max_freq")
    return {
        "cpu_model": parse_cpu_model(cpuinfo),
        "core_classes": _core_classes(root, cpuinfo),
        "features": parse_features(cpuinfo),
        "caches": _caches(root),
        "governor": governor(root),
        "frequency_min_hz": low * _KHZ if low else None,
        "frequency_max_hz": high * _KHZ if high else None,
    }


def parse_cores(cpuinfo: str) -> list[dict[str, str]]:
    """Return the fields of each processor that /proc/cpuinfo lists."""
    cores: list[dict[str, str]] = []
    for line in cpuinfo.splitlines():
        name, colon, value = line.partition(":")
        if name.strip() == "processor" and value.strip().isdecimal():
            cores.append({})
        if colon and cores:
            cores[-1].setdefault(name.strip(), value.strip())
    return cores


def parse_cpu_model(cpuinfo: str) -> Optional[str]:
    """Return the processor's name by /proc/cpuinfo: x86's model name, else the core of ARM's part number."""
    fields: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    return core_model(fields) or fields.get("Hardware") or None


def core_model(fields: dict[str, str]) -> Optional[str]:
    """Return the model of one core. A 32-bit kernel on ARM gives a model name too; the part is more exact."""
    if "CPU part" in fields:
        implementer, part = fields.get("CPU implementer", ""), fields["CPU part"]
        return ARM_CORES.get((implementer, part), "ARM implementer %s part %s" % (implementer, part))
    return fields.get("model name") or None


def parse_features(cpuinfo: str) -> Optional[list[str]]:
    """Return those of `FEATURES` that /proc/cpuinfo names, sorted; ``None`` where it lists none at all."""
    names: set[str] = set()
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            names.update(value.split())
    return sorted(names & FEATURES) if names else None


def parse_bytes(text: str) -> Optional[int]:
    """Read the kernel's ``512K`` into bytes."""
    number = whole(text[:-1]) if text else None
    return number * _UNITS[text[-1]] if number and text[-1] in _UNITS else None


def governor(root: Root) -> Optional[str]:
    """Return the governor of the cores; where they differ, the first that is not ``performance``, for it is what slows."""
    policies = ["/cpufreq/" + name for name in root.names(_CPU + "/cpufreq", "policy")]
    governors = [root.text(_CPU + policy + "/scaling_governor") for policy in policies or ["/cpu0/cpufreq"]]
    return next((name for name in governors if name not in ("", "performance")), governors[0] or None)


def _core_classes(root: Root, cpuinfo: str) -> list[dict[str, object]]:
    groups: dict[tuple[Optional[str], Optional[int], Optional[int]], list[int]] = {}
    for index, fields in enumerate(parse_cores(cpuinfo)):
        number = whole(fields.get("processor", ""))
        cpu = index if number is None else number
        folder = "%s/cpu%d/" % (_CPU, cpu)
        key = core_model(fields), root.number(folder + "cpufreq/cpuinfo_max_freq"), root.number(folder + "cpu_capacity")
        groups.setdefault(key, []).append(cpu)
    classes: list[dict[str, object]] = []
    for (model, khz, capacity), cpus in groups.items():
        max_hz = khz * _KHZ if khz else None
        core_class: dict[str, object] = {
            "model": model,
            "count": len(cpus),
            "max_hz": max_hz,
            "capacity": capacity,
            "cpus": cpus,
        }
        classes.append({name: value for name, value in core_class.items() if value is not None})
    return classes


def _caches(root: Root) -> dict[str, int]:
    """Return the bytes of each cache that the first core sees: ``L1d L1i L2 L3``."""
    sizes = {}
    base = _CPU + "/cpu0/cache/"
    for name in root.names(base, "index"):
        level, kind = root.text(base + name + "/level"), root.text(base + name + "/type")
        size = parse_bytes(root.text(base + name + "/size"))
        if level and size:
            sizes["L" + level + {"Data": "d", "Instruction": "i"}.get(kind, "")] = size
    return sizes
