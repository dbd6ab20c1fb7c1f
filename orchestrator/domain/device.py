"""A device: one computer that farm can reach."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """An entry of ``inventory.yaml``."""

    name: str
    #: How to reach it: a name in the registry, ``ssh`` or ``local``.
    transport: str = "ssh"
    #: Host name or IP address; ``None`` for ``local``.
    address: str | None = None
    user: str | None = None
    #: ``None`` lets ~/.ssh/config decide, then 22.
    port: int | None = None
    identity_file: str | None = None
    tags: tuple[str, ...] = ()
    #: The Python to run the agent with, a name on the device's PATH or a path; for ``local`` farm's own.
    python: str = "python3"
    #: Where the agent keeps its files; relative means below the user's home directory on the device.
    workdir: str = ".farm-agent"

    @property
    def destination(self) -> str:
        """``user@address:port`` as far as the inventory says it, for people to read."""
        if self.address is None:
            return self.transport
        user = f"{self.user}@" if self.user else ""
        port = f":{self.port}" if self.port else ""
        return f"{user}{self.address}{port}"


#: The machine farm runs on, present in every inventory that does not define its own ``local``.
LOCAL = Device(name="local", transport="local")
