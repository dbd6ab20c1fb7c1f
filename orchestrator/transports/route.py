"""The way to a device, jump hosts first."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestrator.config.address import parse_address
from orchestrator.errors import UsageError
from orchestrator.transports.connection import FarmConnection, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.domain.device import Device
    from orchestrator.transports.connector import Connector
    from orchestrator.transports.ssh_options import SshOptions

    #: A host by the name that was asked for, and its port.
    Names = frozenset[tuple[str, int]]

#: Jump hosts in a row; only files that name each other in a circle have so many.
FARTHEST = 16


def server_of(device: Device, connector: Connector, *, behind: str | None = None) -> Server:
    """Return how the SSH server of ``device`` is reached: what the inventory says wins over ssh_config(5).

    Raises `UsageError` where ssh_config is wrong or says what farm can't follow.
    """
    with _naming(f"{behind} (jump host {device.name})" if behind else device.name):
        options = connector.ssh.options(str(device.address), device.user, device.port)
    return Server(device=device, options=options, behind=behind)


def connection_to(device: Device, connector: Connector, *, behind: str | None = None) -> FarmConnection:
    """Return a connection to ``device``, not opened yet, through the jump hosts of the inventory, else of ssh_config(5).

    Raises `UsageError` where ssh_config is wrong or says what farm can't follow.
    """
    server = server_of(device, connector, behind=behind)
    if device.via is not None:
        gateway: FarmConnection | None = connection_to(device.via, connector, behind=behind or device.name)
    else:
        gateway = _through(server.options, server, connector, _names(str(device.address), server.options))
    return FarmConnection(server, connector, gateway)


def _through(options: SshOptions, target: Server, connector: Connector, seen: Names) -> FarmConnection | None:
    """Return a connection to the last of the jump hosts in ``options``, ``None`` where there is none."""
    hops = []
    for written in options.jumps:
        with _naming(f"{target.behind or target.device.name} (jump host {written})"):
            user, host, port = parse_address(written.removeprefix("ssh://").rstrip("/"))
            found = connector.ssh.options(host, user, port)
        if (host, found.port) in seen:
            return None  # `Host *` makes a jump host its own jump host
        hops.append((written, host, found))
    if len(seen) > 2 * FARTHEST:
        raise UsageError(f"{target.device.name}: ssh_config names more than {FARTHEST} jump hosts in a row")
    gateway: FarmConnection | None = None
    for number, (written, _, found) in enumerate(hops):
        if number == 0:
            names = seen.union(*(_names(host, each) for _, host, each in hops))
            gateway = _through(found, target, connector, names)
        server = Server(device=target.device, options=found, hop=written, behind=target.behind)
        gateway = FarmConnection(server, connector, gateway)
    return gateway


@contextmanager
def _naming(who: str) -> Iterator[None]:
    """Let the message of a `UsageError` begin with ``who``."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{who}: {error.message}", hint=error.hint) from error


def _names(host: str, options: SshOptions) -> Names:
    return frozenset({(host, options.port), (options.host, options.port)})
