"""Which graphics processors there are, and which interfaces reach them."""

from __future__ import annotations

import os
from typing import Optional

from agent.facts.reading import Root, whole

NVIDIA_SMI = (
    "nvidia-smi",
    "--query-gpu=name,memory.total,driver_version,compute_cap",
    "--format=csv,noheader,nounits",
)
_MIB = 1 << 20


def gather(root: Root, nvidia_smi: str, compatible: list[str]) -> dict[str, object]:
    """Return ``gpus vulkan opencl``; ``compatible`` is what the device tree says the board is."""
    found: list[dict[str, object]] = list(parse_nvidia(nvidia_smi))
    tegra = [word for word in compatible if word.startswith("nvidia,tegra")]
    if tegra and not found:
        found.append({"kind": "jetson", "name": tegra[0].partition(",")[2]})
    if root.exists("sys/class/misc/mali0") or root.exists("dev/mali0"):
        found.append({"kind": "mali", "name": mali(root)})
    adreno = root.text("sys/class/kgsl/kgsl-3d0/gpu_model")
    if adreno or root.exists("sys/class/kgsl/kgsl-3d0"):
        found.append({"kind": "adreno", "name": adreno or "Adreno"})
    drivers = [name for base in ("usr/share", "etc") for name in root.names(base + "/vulkan/icd.d")]
    return {
        "gpus": found,
        "vulkan": sorted({_stem(name) for name in drivers if name.endswith(".json")}),
        "opencl": sorted({_stem(name) for name in root.names("etc/OpenCL/vendors") if name.endswith(".icd")}),
    }


def parse_nvidia(csv: str) -> list[dict[str, object]]:
    """Read `NVIDIA_SMI`'s lines, ``NVIDIA GeForce RTX 3060, 12288, 550.54.14, 8.6``; memory in bytes."""
    found = []
    for line in csv.splitlines():
        words = [word.strip() for word in line.split(",")]
        if len(words) != 4 or not words[0]:
            continue
        mebibytes: Optional[int] = whole(words[1])
        said: dict[str, object] = {"kind": "nvidia", "name": words[0], "driver": words[2], "compute": words[3]}
        if mebibytes is not None:
            said["memory_bytes"] = mebibytes * _MIB
        found.append({name: value for name, value in said.items() if value not in ("", "[N/A]", "[Not Supported]")})
    return found


def mali(root: Root) -> str:
    """Return what Arm's driver calls the Mali, ``Mali`` where it does not say."""
    said = root.text("sys/class/misc/mali0/device/gpuinfo")  # "Mali-G610 4 cores r0p0 0xA867"
    return said.split()[0] if said else "Mali"


def _stem(name: str) -> str:
    """Return whose driver a file such as ``radeon_icd.x86_64.json`` is."""
    return os.path.splitext(name)[0].partition("_icd")[0]
