"""The graphics processors of the machine with the interfaces that reach them."""

from __future__ import annotations

import os
import re
from typing import Optional

from agent.facts.system_files import Root, whole

NVIDIA_SMI = (
    "nvidia-smi",
    "--query-gpu=name,memory.total,driver_version,compute_cap",
    "--format=csv,noheader,nounits",
)
_MIB = 1 << 20
#: Whose processor a kernel driver of graphics is for; drivers of plain displays are not here.
_DRIVERS = {
    "amdgpu": "amd",
    "radeon": "amd",
    "i915": "intel",
    "xe": "intel",
    "nouveau": "nvidia",
    "panfrost": "mali",
    "panthor": "mali",
    "lima": "mali",
    "msm": "adreno",
    "msm_dpu": "adreno",
    "v3d": "videocore",
    "vc4-drm": "videocore",
    "etnaviv": "vivante",
    "powervr": "powervr",
}


def gather(root: Root, nvidia_smi: str, compatible: list[str]) -> dict[str, object]:
    """Return ``gpus vulkan opencl``; ``compatible`` names the board, by the device tree."""
    drivers = [name for base in ("usr/share", "etc") for name in root.names(base + "/vulkan/icd.d")]
    return {
        "gpus": _gpus(root, nvidia_smi, compatible),
        "vulkan": sorted({_stem(name) for name in drivers if name.endswith(".json")}),
        "opencl": sorted({_stem(name) for name in root.names("etc/OpenCL/vendors") if name.endswith(".icd")}),
    }


def _gpus(root: Root, nvidia_smi: str, compatible: list[str]) -> list[dict[str, object]]:
    """Return the graphics processors that their makers' drivers name, else those of the kernel's drivers."""
    gpus = parse_nvidia(nvidia_smi) or _nvidia_files(root)
    tegra = [word for word in compatible if word.startswith("nvidia,tegra")]
    if tegra:
        gpus = [{**gpu, "kind": "jetson"} for gpu in gpus] or [{"kind": "jetson", "name": tegra[0].partition(",")[2]}]
    if root.exists("sys/class/misc/mali0") or root.exists("dev/mali0"):
        gpus.append({"kind": "mali", "name": mali(root)})
    adreno = root.text("sys/class/kgsl/kgsl-3d0/gpu_model")
    if adreno or root.exists("sys/class/kgsl/kgsl-3d0"):
        gpus.append({"kind": "adreno", "name": adreno or "Adreno"})
    kinds = {gpu["kind"] for gpu in gpus}
    return gpus + [gpu for gpu in _render_nodes(root) if gpu["kind"] not in kinds]


def _nvidia_files(root: Root) -> list[dict[str, object]]:
    """Return the GPUs that NVIDIA's kernel driver lists in /proc, where ``nvidia-smi`` is missing or too old."""
    base = "proc/driver/nvidia/"
    driver = parse_nvidia_version(root.text(base + "version"))
    models = [parse_fields(root.text("%sgpus/%s/information" % (base, name))) for name in root.names(base + "gpus")]
    gpus = [{"kind": "nvidia", "name": fields.get("Model"), "driver": driver} for fields in models]
    return [{name: value for name, value in gpu.items() if value} for gpu in gpus if gpu["name"]]


def _render_nodes(root: Root) -> list[dict[str, object]]:
    gpus: list[dict[str, object]] = []
    for node in root.names("sys/class/drm", "renderD"):
        base = "sys/class/drm/%s/device/" % node
        fields = parse_fields(root.text(base + "uevent"), "=")
        driver, memory = fields.get("DRIVER", ""), root.number(base + "mem_info_vram_total")
        name = fields.get("OF_COMPATIBLE_0") or fields.get("PCI_ID")
        gpu = {"kind": _DRIVERS.get(driver), "name": name, "driver": driver, "memory_bytes": memory}
        if gpu["kind"]:
            gpus.append({name: value for name, value in gpu.items() if value})
    return gpus


def parse_nvidia(csv: str) -> list[dict[str, object]]:
    """Read `NVIDIA_SMI`'s lines, ``NVIDIA GeForce RTX 3060, 12288, 550.54.14, 8.6``; memory in bytes."""
    gpus = []
    for line in csv.splitlines():
        words = [word.strip() for word in line.split(",")]
        if len(words) != 4 or not words[0]:
            continue
        mebibytes: Optional[int] = whole(words[1])
        gpu: dict[str, object] = {"kind": "nvidia", "name": words[0], "driver": words[2], "compute": words[3]}
        if mebibytes is not None:
            gpu["memory_bytes"] = mebibytes * _MIB
        gpus.append({name: value for name, value in gpu.items() if value not in ("", "[N/A]", "[Not Supported]")})
    return gpus


def parse_nvidia_version(text: str) -> Optional[str]:
    """Return the driver's version in /proc/driver/nvidia/version."""
    match = re.search(r"\b(\d+\.\d+(?:\.\d+)?)\b", text.partition("\n")[0])
    return match[1] if match else None


def parse_fields(text: str, sign: str = ":") -> dict[str, str]:
    """Read lines of ``name: value``."""
    return {
        name.strip(): value.strip()
        for name, separator, value in (line.partition(sign) for line in text.splitlines())
        if separator
    }


def mali(root: Root) -> str:
    """Return the Mali's name by Arm's driver, else ``Mali``."""
    name = root.text("sys/class/misc/mali0/device/gpuinfo")  # "Mali-G610 4 cores r0p0 0xA867"
    return name.split()[0] if name else "Mali"


def _stem(name: str) -> str:
    """Return whose driver a file such as ``radeon_icd.x86_64.json`` is."""
    return os.path.splitext(name)[0].partition("_icd")[0]
