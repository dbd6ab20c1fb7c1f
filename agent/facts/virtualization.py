"""Whether the machine is real hardware: virtual, in a container, or emulated."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Optional

from agent.facts.system_files import Root

#: What the makers of hypervisors write into DMI, in lower case.
_HYPERVISORS = {
    "qemu": "qemu",
    "kvm": "kvm",
    "google compute engine": "google",
    "amazon ec2": "amazon",
    "vmware": "vmware",
    "virtualbox": "virtualbox",
    "innotek": "virtualbox",
    "virtual machine": "hyper-v",
    "xen": "xen",
    "digitalocean": "kvm",
    "openstack": "kvm",
    "parallels": "parallels",
    "hetzner": "kvm",
}


def gather(root: Root, cpuinfo: str, machine: str, environ: Mapping[str, str]) -> dict[str, object]:
    """Return ``virtual virtualisation container emulated``, each only where it is known."""
    flagged = parse_virtual(cpuinfo)
    name = None if flagged is False else _virtualisation(root)  # a cloud's bare metal has its maker's name too
    return {
        "virtual": flagged if flagged is not None or not name else True,
        "virtualisation": name,
        "container": _container(root, environ),
        "emulated": emulated(machine, cpuinfo, _program(root), environ) or None,
    }


def _virtualisation(root: Root) -> Optional[str]:
    """Return the hypervisor that the kernel, the device tree or DMI names."""
    if "microsoft" in root.text("proc/sys/kernel/osrelease").lower():
        return "wsl"
    tree = root.text("proc/device-tree/hypervisor/compatible").partition("\0")[0]  # "linux,kvm", "xen,xen-4.11"
    virt_board = "linux,dummy-virt" in root.text("proc/device-tree/compatible")  # QEMU's and others' "virt" board
    dmi = [root.text("sys/class/dmi/id/" + name) for name in ("sys_vendor", "product_name")]
    return (
        root.text("sys/hypervisor/type")
        or tree.rpartition(",")[2].partition("-")[0]
        or ("qemu" if virt_board else None)
        or parse_hypervisor(" ".join(dmi))
    )


def parse_virtual(cpuinfo: str) -> Optional[bool]:
    """Return whether x86's hypervisor flag is set; ``None`` where /proc/cpuinfo lists no x86 flags."""
    for line in cpuinfo.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "flags":
            return "hypervisor" in value.split()
    return None


def parse_hypervisor(dmi: str) -> Optional[str]:
    """Return the hypervisor, from DMI's vendor and product; ``None`` for real hardware."""
    lower = dmi.lower()
    if ".metal" in lower:  # Amazon's names for whole machines, such as c7g.metal
        return None
    return next((name for word, name in _HYPERVISORS.items() if word in lower), None)


def emulated(machine: str, cpuinfo: str, program: str, environ: Mapping[str, str]) -> bool:
    """Check whether qemu-user emulates this processor.

    It hides itself in ``/proc/self/exe`` and not in ``/proc/thread-self/exe``, which is ``program`` here. An ARM that
    has an x86 PC's /proc/cpuinfo is emulated too, and so is one where ``QEMU_CPU`` names the processor to emulate.
    """
    name = os.path.basename(program)
    if name.startswith("qemu-") or "-binfmt" in name:  # Debian's static build is called aarch64-binfmt-P too
        return True
    arm = machine.startswith(("arm", "aarch64"))
    return arm and ("QEMU_CPU" in environ or "vendor_id" in cpuinfo)


def parse_container(cgroup: str) -> Optional[str]:
    """Return the kind of container that /proc/1/cgroup names."""
    for word in ("docker", "kubepods", "lxc", "libpod", "containerd"):
        if word in cgroup:
            return {"kubepods": "kubernetes", "libpod": "podman"}.get(word, word)
    return None


def _container(root: Root, environ: Mapping[str, str]) -> Optional[str]:
    """Return the kind of container; its manager leaves a file, and before cgroup 2 its name in every path."""
    if root.exists(".dockerenv"):
        return "docker"
    if root.exists("run/.containerenv"):
        return "podman"
    if "KUBERNETES_SERVICE_HOST" in environ:
        return "kubernetes"
    return root.text("run/systemd/container") or parse_container(root.text("proc/1/cgroup"))


def _program(root: Root) -> str:
    try:
        return os.readlink(root.at("proc/thread-self/exe"))
    except OSError:
        return ""
