"""Our errors for what paramiko, sockets or Fabric raise, by a table."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

import invoke.exceptions
import paramiko
import paramiko.ssh_exception as ssh

from orchestrator.errors import (
    AuthenticationRefused,
    ConnectionLost,
    DeviceUnfit,
    FarmError,
    HostKeyRefused,
    Unreachable,
    UsageError,
)

if TYPE_CHECKING:
    from orchestrator.domain.device import Device


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one foreign exception means, by when it came."""

    foreign: type[BaseException]
    #: While the connection was being opened.
    opening: type[FarmError]
    #: On a connection that had been open.
    open: type[FarmError]
    #: What happened, for the message; the exception's own words follow.
    words: str


def _row(foreign: type[BaseException], opening: type[FarmError], opened: type[FarmError], words: str) -> Row:
    return Row(foreign=foreign, opening=opening, open=opened, words=words)


#: The first row that fits decides, so subclasses stand above their parents.
TABLE: tuple[Row, ...] = (
    _row(ssh.BadHostKeyException, HostKeyRefused, HostKeyRefused, "its host key changed"),
    _row(ssh.BadAuthenticationType, AuthenticationRefused, AuthenticationRefused, "it takes no keys"),
    _row(ssh.PartialAuthentication, AuthenticationRefused, AuthenticationRefused, "it wants more than a key"),
    _row(ssh.PasswordRequiredException, AuthenticationRefused, AuthenticationRefused, "the key is encrypted"),
    _row(ssh.UnableToAuthenticate, AuthenticationRefused, AuthenticationRefused, "it took none of our keys"),
    _row(ssh.AuthenticationException, AuthenticationRefused, AuthenticationRefused, "it took none of our keys"),
    _row(ssh.ConfigParseError, UsageError, UsageError, "~/.ssh/config can't be read"),
    _row(ssh.CouldNotCanonicalize, UsageError, UsageError, "~/.ssh/config asks for a canonical name it does not have"),
    _row(ssh.IncompatiblePeer, DeviceUnfit, DeviceUnfit, "its SSH server shares no algorithm with us"),
    _row(ssh.MessageOrderError, Unreachable, ConnectionLost, "the SSH handshake was tampered with"),
    _row(ssh.ProxyCommandFailure, Unreachable, ConnectionLost, "the ProxyCommand of ~/.ssh/config failed"),
    _row(ssh.ChannelException, Unreachable, ConnectionLost, "a channel was refused"),
    _row(ssh.NoValidConnectionsError, Unreachable, ConnectionLost, "nothing answers"),
    _row(ssh.SSHException, Unreachable, ConnectionLost, "SSH failed"),
    _row(paramiko.pkey.UnknownKeyType, AuthenticationRefused, AuthenticationRefused, "the key is of no kind we know"),
    _row(socket.gaierror, Unreachable, ConnectionLost, "its name has no address"),
    _row(TimeoutError, Unreachable, ConnectionLost, "nothing answers in time"),
    _row(ConnectionRefusedError, Unreachable, ConnectionLost, "no SSH server listens there"),
    _row(EOFError, Unreachable, ConnectionLost, "it hung up"),
    _row(OSError, Unreachable, ConnectionLost, "the network failed"),
    # A `Match exec` of ~/.ssh/config is run through invoke.
    _row(invoke.exceptions.Failure, UsageError, UsageError, "a `Match exec` of ~/.ssh/config failed"),
    _row(invoke.exceptions.ThreadException, UsageError, UsageError, "a `Match exec` of ~/.ssh/config failed"),
    _row(invoke.exceptions.WatcherError, UsageError, UsageError, "a `Match exec` of ~/.ssh/config failed"),
)

#: What can leave Fabric, for ``except``. A `FarmError` is none of them and passes through.
FOREIGN: tuple[type[BaseException], ...] = tuple(row.foreign for row in TABLE)

HINTS: dict[type[FarmError], str] = {
    Unreachable: "is it switched on and on this network? `ping {address}` tells",
    AuthenticationRefused: "put a public key of ours into ~/.ssh/authorized_keys there (ssh-copy-id), "
    "or set `user:` or `identity_file:` of {name}",
    HostKeyRefused: "if you re-imaged it, run `farm devices trust {name}`",
}


def find(error: BaseException) -> Row:
    """Return the row for ``error``; raises `LookupError` where there is none."""
    for row in TABLE:
        if isinstance(error, row.foreign):
            return row
    raise LookupError(type(error).__name__)


def translate(error: BaseException, device: Device, *, opening: bool) -> FarmError:
    """Return our error for a foreign one, to be raised ``from`` it."""
    row = find(error)
    kind = row.opening if opening else row.open
    said = " ".join(str(error).split())
    where = f" ({device.destination})" if opening else ""
    words = f"{device.name}{where}: {row.words}" + (f": {said}" if said else "")
    hint = HINTS.get(kind)
    return kind(words, hint=hint.format(name=device.name, address=device.address) if hint else None)
