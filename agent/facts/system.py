"""The system that runs on the machine: kernel, C library, Pythons, memory, disk."""

from __future__ import annotations

import os
import re
import shutil
import struct
import sys
from typing import Optional

from agent.facts.system_files import Root, whole

_PYTHON = re.compile(r"python(3\.[0-9]{1,2})")
_OCTAL = re.compile(r"\\([0-7]{3})")


def gather(root: Root, workdir: str, path: Optional[str]) -> dict[str, object]:
    """Return the facts of the system; ``path`` is where Pythons are looked for."""
    name = os.uname()
    meminfo = parse_meminfo(root.text("proc/meminfo"))
    total, free = meminfo.get("SwapTotal"), meminfo.get("SwapFree")
    bits = struct.calcsize("P") * 8
    return {
        "hostname": name.nodename,
        "machine": name.machine,
        "bits": bits,
        "userland": userland(name.machine, bits),
        "system": name.sysname,
        "kernel": name.release,
        "libc": libc(),
        "python": "%d.%d.%d" % sys.version_info[:3],
        "python_executable": sys.executable,
        "pythons": pythons(os.get_exec_path() if path is None else path.split(os.pathsep)),
        "has_ctypes": has_ctypes(),
        "os": parse_os_release(root.text("etc/os-release")),
        "memory_bytes": meminfo.get("MemTotal"),
        "memory_available_bytes": meminfo.get("MemAvailable"),
        "swap": {"total_bytes": total, "used_bytes": total - (free or 0)} if total else None,
        "disk_free_bytes": _disk_free(workdir),
        "noexec": parse_noexec(root.text("proc/self/mounts"), os.path.realpath(workdir)),
    }


def userland(machine: str, bits: int) -> str:
    """Return the machine that programs are built for, where a 64-bit kernel carries a 32-bit userland."""
    if bits == 32:
        return {"aarch64": "armv7l", "armv8l": "armv7l", "x86_64": "i686"}.get(machine, machine)
    return machine


def libc() -> Optional[str]:
    """Return the C library and its version: wheels are built for one and its age."""
    if hasattr(sys, "getandroidapilevel"):  # a Python of Android, such as Termux's
        return "bionic"
    try:
        name = os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError, AttributeError):
        name = None
    if name:
        return name
    import platform  # rarely needed, slow

    words = " ".join(platform.libc_ver()).strip()
    if not words and sys.platform == "linux":
        return "musl"
    return words or None


def has_ctypes() -> bool:
    """Check whether this Python was built with ctypes, which numpy needs."""
    try:
        import ctypes  # noqa: F401  # only whether it can be
    except (ImportError, OSError):
        return False
    return True


def pythons(folders: list[str]) -> dict[str, str]:
    """Return the Pythons in these folders by version; their names decide, none is run."""
    paths: dict[str, str] = {}
    for folder in folders:
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            match = _PYTHON.fullmatch(name)
            if match and os.access(os.path.join(folder, name), os.X_OK):
                paths.setdefault(match[1], os.path.join(folder, name))
    return paths


def parse_os_release(text: str) -> Optional[str]:
    """Return ``PRETTY_NAME`` of /etc/os-release."""
    for line in text.splitlines():
        name, _, value = line.partition("=")
        if name == "PRETTY_NAME":
            return value.strip().strip("\"'") or None
    return None


def parse_meminfo(text: str) -> dict[str, int]:
    """Return the kB lines of /proc/meminfo in bytes."""
    sizes = {}
    for line in text.splitlines():
        words = line.split()
        kilobytes = whole(words[1]) if len(words) > 1 and words[0].endswith(":") else None
        if kilobytes is not None:
            sizes[words[0][:-1]] = kilobytes * 1024
    return sizes


def parse_noexec(mounts: str, path: str) -> Optional[bool]:
    """Check whether the mount that holds ``path`` forbids programs, from /proc/self/mounts; ``None`` where unknown."""
    best, answer = "", None
    for line in mounts.splitlines():
        words = line.split(" ")
        if len(words) < 4:
            continue
        point = _OCTAL.sub(lambda match: chr(int(match[1], 8)), words[1])
        if (path == point or path.startswith(point.rstrip("/") + "/")) and len(point) >= len(best):
            best, answer = point, "noexec" in words[3].split(",")
    return answer


def _disk_free(workdir: str) -> Optional[int]:
    try:
        return shutil.disk_usage(workdir).free
    except OSError:
        return None
