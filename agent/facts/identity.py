"""The identity of the machine: its board, a key that changes with the hardware alone."""

from __future__ import annotations

import hashlib
import os
from typing import Optional

from agent.facts.system_files import Root

_TREE = ("proc/device-tree/", "sys/firmware/devicetree/base/")
_DMI = "sys/class/dmi/id/"
#: What makers leave in DMI where they should have written something.
_NOTHING = frozenset(
    ("", "none", "default string", "to be filled by o.e.m.", "system serial number", "not specified", "unknown")
)


def gather(root: Root, cpu_model: Optional[str]) -> dict[str, object]:
    """Return ``board compatible hardware_key hardware_key_from``."""
    board = tree(root, "model") or _dmi_board(root)
    parts = _key_parts(root, board, cpu_model)
    text = "\n".join("%s=%s" % part for part in parts)
    return {
        "board": board,
        "compatible": compatible(root),
        "hardware_key": hashlib.sha256(text.encode()).hexdigest()[:16] if parts else None,
        "hardware_key_from": [name for name, _ in parts],
    }


def tree(root: Root, name: str) -> Optional[str]:
    """Return a property of the device tree's root."""
    return next((text for base in _TREE if (text := root.text(base + name))), None)


def compatible(root: Root) -> list[str]:
    """Return the board's names by the device tree, most exact first, the SoC last."""
    return [word for word in (tree(root, "compatible") or "").split("\0") if word]


def _dmi_board(root: Root) -> Optional[str]:
    words = [root.text(_DMI + name) for name in ("sys_vendor", "product_name")]
    return " ".join(word for word in words if meaningful(word)) or None


def meaningful(text: str) -> bool:
    """Check that a serial number or name is not a placeholder."""
    return text.lower() not in _NOTHING and bool(text.strip("0-Ff "))


def _key_parts(root: Root, board: Optional[str], cpu_model: Optional[str]) -> list[tuple[str, str]]:
    """Return what makes the key; only what every user may read, or another user would be another machine.

    DMI's serial numbers are for root alone. Without a serial or a card's address there is no key: boards of one kind
    would share it.
    """
    serial = tree(root, "serial-number")
    if serial and meaningful(serial):
        return [("serial-number", serial)]
    macs = _macs(root)
    if not macs:
        return []
    return [("board", board or ""), ("cpu_model", cpu_model or ""), ("mac", " ".join(macs))]


def _macs(root: Root) -> list[str]:
    """Return the burnt-in addresses of the network cards that stay: not on USB, not in a dock, not a share of a card."""
    addresses = set()
    for name in root.names("sys/class/net"):
        base = "sys/class/net/%s/" % name
        device = base + "device"
        if not root.exists(device) or "/usb" in os.path.realpath(root.at(device)):
            continue
        if root.exists(device + "/physfn") or root.text(device + "/removable") == "removable":
            continue
        address = _burnt_in(root, base)
        if is_burnt_in(address):
            addresses.add(address)
    return sorted(addresses)


def _burnt_in(root: Root, base: str) -> str:
    """Return the address a card was made with, whatever NetworkManager, which likes random ones, or a bond gave it."""
    for file in ("phy80211/macaddress", "bonding_slave/perm_hwaddr"):
        address = root.text(base + file)
        if address:
            return address.lower()
    return root.text(base + "address").lower() if root.text(base + "addr_assign_type") in ("", "0") else ""


def is_burnt_in(address: str) -> bool:
    """Check whether a MAC address is of one card and globally unique, not chosen by software."""
    try:
        octets = bytes.fromhex(address.replace(":", ""))
    except ValueError:
        return False
    return len(octets) == 6 and any(octets) and not octets[0] & 3
