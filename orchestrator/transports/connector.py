"""What all connections of one command share, made once by whoever starts it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, cast

from orchestrator import registry
from orchestrator.transports.handshake_limit import HandshakeLimit
from orchestrator.transports.known_hosts import TrustedKeys
from orchestrator.transports.ssh_lookup import SshLookup
from orchestrator.transports.unlocked_keys import UnlockedKeys

if TYPE_CHECKING:
    from orchestrator.domain.device import Device
    from orchestrator.transports.base import Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """Makes transports; ``replace(connector, known_hosts=…)`` shares everything but the trusted host keys."""

    #: The file with the host keys that farm trusts.
    known_hosts: Path
    keys: UnlockedKeys = field(default_factory=UnlockedKeys)
    trusted: TrustedKeys = field(default_factory=TrustedKeys)
    handshakes: HandshakeLimit = field(default_factory=HandshakeLimit)
    ssh: SshLookup = field(default_factory=SshLookup)

    def host(self, device: Device) -> str:
        """Return the name or address by which the last hop reaches ``device``; raises `UsageError` as ssh_config(5) may."""
        return self.ssh.options(str(device.address), device.user, device.port).host

    def transport(self, device: Device) -> Transport:
        """Return the transport that ``device`` asks for; nothing is connected yet. Raises `UnknownName`."""
        return cast("Transport", registry.find("transport", device.transport)(device, connector=self))
