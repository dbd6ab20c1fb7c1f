"""Facts of a real board for a host: a test may change them while it is on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.lab.hosts import Host

#: For `HostSpec.dress`: device tree, thermal zone, frequency policy and vcgencmd of a Raspberry Pi 4.
RASPBERRY_PI_4 = (Path(__file__).parent / "data" / "raspberry-pi.sh").read_text()


def set_temperature(host: Host, celsius: float) -> None:
    """Set the reading of its only thermal zone."""
    (host.folder / "pi" / "temp").write_text(f"{round(celsius * 1000)}\n")


def set_governor(host: Host, governor: str) -> None:
    """Set its frequency governor."""
    (host.folder / "pi" / "governor").write_text(f"{governor}\n")


def set_throttled(host: Host, bits: int) -> None:
    """Set the answer of ``vcgencmd get_throttled``: 0x50005 is throttled now, as it was before."""
    (host.folder / "pi" / "throttled").write_text(f"throttled={bits:#x}\n")
