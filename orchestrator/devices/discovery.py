"""SSH servers that announce themselves on the local network by mDNS (RFC 6762, 6763); an answer is not trusted."""

from __future__ import annotations

import re
import shlex
import time
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from orchestrator.config.address import written_address
from orchestrator.config.inventory_schema import ALL
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zeroconf import ServiceInfo, Zeroconf

#: What OpenSSH's and dropbear's packages announce where they announce anything: avahi's ssh.service, sftp-ssh.service.
KINDS = ("_ssh._tcp.local.", "_sftp-ssh._tcp.local.")
#: One answer takes this long at most; responders wait 20 to 120 ms on purpose (RFC 6762, section 6).
ANSWER_MS = 1000
#: All answers together take this long at most; most are there already, since they come with the announcement.
ANSWERS_S = 15
#: The most services that one network may announce; the rest is a flood.
MOST = 1000


@dataclass(frozen=True, slots=True)
class Service:
    """An SSH server as it describes itself: nothing but printable characters, addresses that are some."""

    name: str
    hostname: str
    addresses: tuple[str, ...]
    port: int


def discover(seconds: float, interfaces: Sequence[str] | None = None) -> tuple[Service, ...]:
    """Listen for ``seconds`` and return who announced an SSH server, by name; one server is one service.

    ``interfaces`` are IP addresses of this machine's network interfaces; ``None`` means all. Raises `UsageError` where
    this machine has no network to listen on.
    """
    from zeroconf import BadTypeInNameException, InterfaceChoice, ServiceBrowser, ServiceInfo, Zeroconf

    seen: dict[tuple[str, str], None] = {}

    def changed(zeroconf: Zeroconf, service_type: str, name: str, state_change: object) -> None:  # noqa: ARG001  zeroconf calls it by these names
        if len(seen) < MOST:
            seen[service_type, name] = None

    try:
        zeroconf = Zeroconf(interfaces=list(interfaces) if interfaces is not None else InterfaceChoice.All)
    except (OSError, RuntimeError, ValueError) as reason:  # ValueError: an interface that is no IP address
        raise UsageError(f"can't listen for mDNS here: {reason}", hint="add devices by their address") from reason
    with zeroconf:
        browser = ServiceBrowser(zeroconf, list(KINDS), handlers=[changed])
        try:
            time.sleep(seconds)
        finally:
            browser.cancel()
        waiting: list[ServiceInfo] = []
        answered: list[ServiceInfo] = []
        for kind, name in seen:
            with suppress(BadTypeInNameException):  # a name that mDNS does not allow
                info = ServiceInfo(kind, name)
                (answered if info.load_from_cache(zeroconf) else waiting).append(info)
        until = time.monotonic() + ANSWERS_S  # those that never answer can't keep out those that have
        answered += [info for info in waiting if time.monotonic() < until and info.request(zeroconf, timeout=ANSWER_MS)]
        return _services(answered)


def suggestion(service: Service) -> str:
    """Return the command that takes ``service`` in: words for a shell, with a name that a device may have."""
    host = service.hostname.removesuffix(".").removesuffix(".local") or service.name
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", host).strip("-._")[:64].rstrip("-._") or "device"
    if name in (ALL, "local"):
        name = f"{name}-1"
    address = service.addresses[0] if service.addresses else service.hostname.removesuffix(".")
    port = service.port if service.port != 22 else None
    return shlex.join(["farm", "devices", "add", name, "--address", written_address(None, address, port)])


def _services(answered: list[ServiceInfo]) -> tuple[Service, ...]:
    services: dict[tuple[str, tuple[str, ...], int], Service] = {}
    for info in answered:
        service = described(info.type, info.name, info)
        if service is not None:
            services.setdefault((service.hostname, service.addresses, service.port), service)
    return tuple(sorted(services.values(), key=lambda service: (service.name, service.hostname, service.port)))


def described(kind: str, name: str, info: ServiceInfo) -> Service | None:
    """Return what ``info`` says, cleaned; ``None`` where it says no port or no place."""
    from zeroconf import IPVersion

    hostname = re.sub(r"[^A-Za-z0-9._-]", "", info.server or "").strip("-.")[:255]
    addresses = dict.fromkeys(_usable(info.parsed_scoped_addresses(IPVersion.V4Only)))
    addresses |= dict.fromkeys(_usable(info.parsed_scoped_addresses(IPVersion.V6Only)))
    if not info.port or not 1 <= info.port <= 65535 or not (addresses or hostname):
        return None
    title = "".join(letter for letter in name.removesuffix(f".{kind}") if letter.isprintable())[:255]
    return Service(name=title or hostname, hostname=hostname, addresses=tuple(addresses), port=info.port)


def _usable(addresses: list[str]) -> list[str]:
    """Return those that can be connected to, as `ipaddress` writes them; a scope is an interface's name or number."""
    usable = []
    for address in addresses:
        try:
            parsed = ip_address(address)
        except ValueError:
            continue
        if not parsed.is_multicast and not parsed.is_unspecified and re.fullmatch(r"[0-9A-Za-z.:%_-]+", str(parsed)):
            usable.append(str(parsed))
    return usable
