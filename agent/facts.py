"""What a device says of itself; every fact may be absent."""

from __future__ import annotations

import os
import shutil
import sys
import time
from typing import Optional


def gather(workdir: str, root: str = "/") -> dict[str, object]:
    """Return the facts of this machine, files read below ``root``; absent ones are absent keys. Takes milliseconds.

    ``hostname machine system kernel libc python python_executable os cpu_model cores memory_bytes disk_free_bytes
    board governor virtual clock_ns``; machine, kernel and the like as ``uname`` says them, ``libc`` as in
    ``glibc 2.36``, ``disk_free_bytes`` where ``workdir`` is, ``clock_ns`` the time of day here.
    """
    name = os.uname()
    cpuinfo = _text(root, "proc/cpuinfo")
    facts: dict[str, object] = {
        "hostname": name.nodename,
        "machine": name.machine,
        "system": name.sysname,
        "kernel": name.release,
        "libc": libc(),
        "python": "%d.%d.%d" % sys.version_info[:3],
        "python_executable": sys.executable,
        "os": parse_os_release(_text(root, "etc/os-release")),
        "cpu_model": parse_cpu_model(cpuinfo),
        "cores": _cores(),
        "memory_bytes": parse_memory(_text(root, "proc/meminfo")),
        "disk_free_bytes": _disk_free(workdir),
        "board": _board(root),
        "governor": _text(root, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor").strip() or None,
        "virtual": parse_virtual(cpuinfo),
        "clock_ns": time.time_ns(),
    }
    return {name: value for name, value in facts.items() if value is not None}


def libc() -> Optional[str]:
    """Return the C library and its version: wheels are built for one and its age."""
    try:
        said = os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError, AttributeError):
        said = None
    if said:
        return said
    import platform  # rarely needed, slow

    words = " ".join(platform.libc_ver()).strip()
    if not words and sys.platform == "linux":
        return "musl"
    return words or None


def parse_os_release(text: str) -> Optional[str]:
    """Return ``PRETTY_NAME`` of /etc/os-release."""
    for line in text.splitlines():
        name, _, value = line.partition("=")
        if name == "PRETTY_NAME":
            return value.strip().strip("\"'") or None
    return None


def parse_cpu_model(cpuinfo: str) -> Optional[str]:
    """Return what /proc/cpuinfo calls the processor: x86's model name, else the part number ARM gives it."""
    fields: dict[str, str] = {}
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    if fields.get("model name"):
        return fields["model name"]
    if "CPU part" in fields:
        implementer, part = fields.get("CPU implementer", ""), fields["CPU part"]
        return _ARM_PARTS.get((implementer, part), "ARM implementer %s part %s" % (implementer, part))
    return fields.get("Hardware") or None


#: Main ID register values of the cores on common boards (Linux, arch/arm64/include/asm/cputype.h).
_ARM_PARTS = {
    ("0x41", "0xb76"): "ARM1176",
    ("0x41", "0xc07"): "Cortex-A7",
    ("0x41", "0xd03"): "Cortex-A53",
    ("0x41", "0xd04"): "Cortex-A35",
    ("0x41", "0xd05"): "Cortex-A55",
    ("0x41", "0xd07"): "Cortex-A57",
    ("0x41", "0xd08"): "Cortex-A72",
    ("0x41", "0xd09"): "Cortex-A73",
    ("0x41", "0xd0a"): "Cortex-A75",
    ("0x41", "0xd0b"): "Cortex-A76",
    ("0x41", "0xd42"): "Cortex-A78AE",
}


def parse_memory(meminfo: str) -> Optional[int]:
    """Return ``MemTotal`` of /proc/meminfo in bytes."""
    for line in meminfo.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "MemTotal:" and words[1].isdigit():
            return int(words[1]) * 1024
    return None


def parse_virtual(cpuinfo: str) -> Optional[bool]:
    """Return whether x86's hypervisor flag is set; ``None`` where /proc/cpuinfo lists no x86 flags."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            return "hypervisor" in value.split()
    return None


def _board(root: str) -> Optional[str]:
    for path in ("proc/device-tree/model", "sys/firmware/devicetree/base/model"):
        model = _text(root, path).strip("\0 \n")
        if model:
            return model
    return None


def _cores() -> Optional[int]:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count()


def _disk_free(workdir: str) -> Optional[int]:
    try:
        return shutil.disk_usage(workdir).free
    except OSError:
        return None


def _text(root: str, path: str) -> str:
    try:
        with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
