"""The CPU quotas of the control groups that this process is in."""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

from agent.facts.system_files import Root, whole

_OCTAL = re.compile(r"\\([0-7]{3})")


class Quota(NamedTuple):
    """How much processor time a control group may take."""

    #: Processors: 0.2 is 20 ms of every 100 ms.
    cpus: float
    #: The file below the root that counts how often it was used up.
    stat: str


def quotas(root: Root) -> list[Quota]:
    """Return the quotas of the group that this process is in and of those around it, the tightest first.

    Groups outside a container's own view are invisible to it, with their quotas.
    """
    found = [quota for folder in _folders(root) if (quota := _quota(root, folder)) is not None]
    return sorted(found, key=lambda quota: quota.cpus)


def quota_cpus(root: Root) -> Optional[float]:
    """Return the tightest quota in processors, ``None`` without one."""
    found = quotas(root)
    return round(found[0].cpus, 3) if found else None


def parse_cpu_max(text: str) -> Optional[float]:
    """Read version 2's ``20000 100000``, µs of every so many, as processors; ``None`` for ``max``."""
    words = text.split()
    return _ratio(whole(words[0]), whole(words[1])) if len(words) == 2 else None


def parse_mountinfo(text: str) -> list[tuple[str, str, str, list[str]]]:
    """Return (root, mount point, type, options of the file system) of each line of /proc/self/mountinfo (proc(5))."""
    found = []
    for line in text.splitlines():
        before, dash, after = line.partition(" - ")
        mount, system = before.split(), after.split()
        if dash and len(mount) >= 5 and len(system) >= 3:
            paths = [_OCTAL.sub(lambda match: chr(int(match[1], 8)), word) for word in mount[3:5]]
            found.append((paths[0], paths[1], system[0], system[2].split(",")))
    return found


def parse_membership(text: str) -> dict[str, str]:
    """Return the path of this process's group from /proc/self/cgroup (cgroups(7)), by controller, ``""`` for version 2."""
    found = {}
    for line in text.splitlines():
        _, first, rest = line.partition(":")
        controllers, second, path = rest.partition(":")
        if first and second:
            found.update(dict.fromkeys(controllers.split(","), path))
    return found


def _folders(root: Root) -> list[str]:
    """Return the folders of the group and of those around it, as far as they are mounted: of version 1 and of version 2."""
    membership = parse_membership(root.text("proc/self/cgroup"))
    found: list[str] = []
    for mount_root, point, kind, options in parse_mountinfo(root.text("proc/self/mountinfo")):
        if kind == "cgroup" and "cpu" in options:
            path = membership.get("cpu")
        else:
            path = membership.get("") if kind == "cgroup2" else None
        if path is not None:
            found.extend(folder for folder in _upwards(root, mount_root, point, path) if folder not in found)
    return found


def _upwards(root: Root, mount_root: str, point: str, path: str) -> list[str]:
    """Return the folder of the group ``path`` and those above it, up to the mount point.

    A container often has its own group mounted alone, while /proc names it as the host does.
    """
    inside = _below(path, mount_root)
    words = inside.split("/") if inside else []
    if ".." in words or not root.exists("/".join([point.strip("/"), *words])):
        words = []
    return ["/".join([point.strip("/"), *words[:count]]) for count in range(len(words), -1, -1)]


def _below(path: str, mount_root: str) -> str:
    """Return ``path`` as seen from the group that is mounted, ``""`` where it is not inside it."""
    top = mount_root.rstrip("/")
    return path[len(top) :].strip("/") if path == top or path.startswith(top + "/") else ""


def _quota(root: Root, folder: str) -> Optional[Quota]:
    quota, period = (root.number("%s/cpu.cfs_%s_us" % (folder, name)) for name in ("quota", "period"))
    cpus = _ratio(quota, period) or parse_cpu_max(root.text(folder + "/cpu.max"))
    return None if cpus is None else Quota(cpus, folder + "/cpu.stat")


def _ratio(quota_us: Optional[int], period_us: Optional[int]) -> Optional[float]:
    return quota_us / period_us if quota_us and period_us and quota_us > 0 and period_us > 0 else None
