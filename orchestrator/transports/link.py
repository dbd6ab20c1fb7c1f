"""The link below an SSH connection, watched for a far end that is gone."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

import paramiko

if TYPE_CHECKING:
    from orchestrator.transports.ssh_options import SshOptions

#: How long a server may take to accept a connection, where ssh_config has no ``ConnectTimeout``.
CONNECT_TIMEOUT_S = 5.0
#: How long sent data may stay unacknowledged, or a silent link unconfirmed, before it counts as dead.
DEAD_AFTER_S = 15

#: What using or closing something on a dead link raises.
DEAD = (paramiko.SSHException, OSError, EOFError)


class Closable(Protocol):
    """Anything with an end."""

    def close(self) -> None:
        """End it."""


def dial(options: SshOptions) -> socket.socket:
    """Return a connected socket that notices a dead peer within `DEAD_AFTER_S`, by the kernel's own probes alone."""
    sock = _connected(options)
    sock.settimeout(None)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    third = DEAD_AFTER_S // 3
    for name, value in (
        ("TCP_USER_TIMEOUT", DEAD_AFTER_S * 1000),  # Linux alone has it
        ("TCP_KEEPIDLE", third),
        ("TCP_KEEPINTVL", third),
        ("TCP_KEEPCNT", 2),
    ):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return sock


def _connected(options: SshOptions) -> socket.socket:
    """Try every address of the host; raises what the last one raised."""
    timeout_s = options.connect_timeout_s or CONNECT_TIMEOUT_S
    source = (options.bind_address, 0) if options.bind_address else None
    if options.family == socket.AF_UNSPEC:
        return socket.create_connection((options.host, options.port), timeout_s, source)
    found = socket.getaddrinfo(options.host, options.port, options.family, socket.SOCK_STREAM)
    for number, (*_, address) in enumerate(found, 1):
        try:
            return socket.create_connection((str(address[0]), options.port), timeout_s, source)
        except OSError:
            if number == len(found):
                raise
    raise AssertionError("getaddrinfo returns an address or raises")


def hang_up(what: Closable) -> None:
    """Close a channel, transport or client; a link that is dead already is closed."""
    with suppress(*DEAD):
        what.close()


def answers(transport: paramiko.Transport) -> bool:
    """Ask the far end's SSH server whether it is there; a link that gives no answer is hung up."""
    asking = threading.Thread(target=_ask, args=(transport,), name="farm-keepalive-question", daemon=True)
    asking.start()
    asking.join(DEAD_AFTER_S * 2 / 3)
    if asking.is_alive():
        hang_up(transport)
    return bool(transport.is_active())


def _ask(transport: paramiko.Transport) -> None:
    try:
        transport.global_request("keepalive@openssh.com", wait=True)
    except DEAD:
        hang_up(transport)
