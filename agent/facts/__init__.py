"""The facts of a device: hardware, system, power; every fact may be absent."""

from __future__ import annotations

import os
import time
from typing import Optional

from agent.facts import cgroups, gpus, identity, power, processor, system, virtualization, vulkan
from agent.facts.processor import parse_cpu_model
from agent.facts.system_files import Root, run_all
from agent.facts.virtualization import parse_virtual

__all__ = ["gather", "parse_cpu_model", "parse_virtual"]


def gather(workdir: str, root: str = "/", path: Optional[str] = None) -> dict[str, object]:
    """Return the facts of this machine, files read below ``root``; unknown ones are absent keys. Takes milliseconds.

    ``path`` is where programs are looked for: the environment's where it is ``None``, nowhere for another ``root``.
    docs/facts.md lists every fact with its unit and source.
    """
    if path is None and root != "/":
        path = ""
    files = Root(root)
    cpuinfo = files.text("proc/cpuinfo")
    commands = {"vcgencmd": ("vcgencmd", "get_throttled"), "nvidia-smi": gpus.NVIDIA_SMI}
    asking = (
        vulkan.question(files, os.environ) if root == "/" else None
    )  # adapters are this machine's, whatever the files
    printed = run_all({**commands, "vulkan": asking} if asking else commands, path)
    cpu = processor.gather(files, cpuinfo)
    compatible = identity.compatible(files)
    facts: dict[str, object] = {
        **system.gather(files, workdir, path),
        **cpu,
        "cores": _cores(),
        "quota_cpus": cgroups.quota_cpus(files),
        "soc": compatible[-1] if compatible else None,
        **identity.gather(files, parse_cpu_model(cpuinfo)),
        **power.gather(files, printed.get("vcgencmd", "")),
        **gpus.gather(files, printed.get("nvidia-smi", ""), compatible),
        "vulkan_adapters": vulkan.parse(printed.get("vulkan", "")),
        **virtualization.gather(files, cpuinfo, os.uname().machine, os.environ),
        "clock_ns": time.time_ns(),
    }
    return {name: value for name, value in facts.items() if value not in (None, "", [], {})}


def _cores() -> Optional[int]:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        return os.cpu_count()
