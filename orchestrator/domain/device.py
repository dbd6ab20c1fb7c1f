"""A device: one computer that farm can reach."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What farm may ask of a device; ``None`` sets no limit."""

    #: An attempt waits until the device is cooler than this; ``None``: than idle plus `settle_margin_c`.
    start_below_c: float | None = None
    #: What "idle" is, a lane finds out: the coolest that the device was in it.
    settle_margin_c: float = 5.0
    #: It waits no longer than this. MLPerf Mobile's longest break between two tests is 5 minutes.
    settle_at_most_s: float = 300.0
    #: The most that farm's files may take there.
    disk_bytes: int | None = None
    #: The most that one worker process may take there.
    memory_bytes: int | None = None
    #: The longest that one attempt may take, whatever the effort says.
    attempt_timeout_s: float | None = None
    #: The most that all pushes to its site send together.
    push_bytes_per_s: int | None = None


#: A tag that begins so names the site of a device.
SITE_TAG = "site-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """An entry of ``inventory.yaml``, with what its groups say in it."""

    name: str
    #: How to reach it: a name in the registry, ``ssh`` or ``local``.
    transport: str = "ssh"
    #: Host name or IP address; ``None`` for ``local``.
    address: str | None = None
    user: str | None = None
    #: ``None`` lets ~/.ssh/config decide, then 22.
    port: int | None = None
    identity_file: str | None = None
    #: The jump host: another device of the inventory, or one that is nothing but an address. It may have one itself.
    via: Device | None = None
    #: Whether files reach it by way of its jump host, which keeps them; of a jump host, whether it keeps any.
    relay: bool = True
    tags: tuple[str, ...] = ()
    #: The groups it belongs to, in the order in which their settings count: the last one wins.
    groups: tuple[str, ...] = ()
    #: The Python to run the agent with, a name on the device's PATH or a path; for ``local`` farm's own.
    python: str = "python3"
    #: Where the agent keeps its files; relative means below the user's home directory on the device.
    workdir: str = ".farm-agent"
    #: The runtimes that may be measured there; none named means any.
    runtimes: tuple[str, ...] = ()
    limits: Limits = Limits()
    #: For people.
    notes: str = ""

    @property
    def site(self) -> str | None:
        """What shares one line with it: the devices with the same tag ``site-…``, else those behind the same jump host."""
        named = next((tag.removeprefix(SITE_TAG) for tag in self.tags if tag.startswith(SITE_TAG)), None)
        return named or (None if self.via is None else self.via.name)

    @property
    def hops(self) -> tuple[Device, ...]:
        """The jump hosts on the way to it, the nearest to it first."""
        return () if self.via is None else (self.via, *self.via.hops)

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
