"""Our errors for what paramiko, sockets or the cryptography library raise, by a table."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

import paramiko
import paramiko.ssh_exception as ssh
from cryptography import exceptions as crypto
from paramiko.ber import BERException

from orchestrator.errors import (
    AuthenticationRefused,
    ConnectionLost,
    DeviceUnfit,
    FarmError,
    HostKeyRefused,
    Unreachable,
    UsageError,
)


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


_NONSENSE = "its SSH server broke the protocol"

#: The first row that fits decides, so subclasses stand above their parents.
TABLE: tuple[Row, ...] = (
    _row(ssh.BadHostKeyException, HostKeyRefused, HostKeyRefused, "its host key changed"),
    _row(ssh.BadAuthenticationType, AuthenticationRefused, AuthenticationRefused, "it accepts no keys"),
    _row(ssh.PartialAuthentication, AuthenticationRefused, AuthenticationRefused, "it requires more than a key"),
    _row(ssh.PasswordRequiredException, AuthenticationRefused, AuthenticationRefused, "the key is encrypted"),
    _row(ssh.UnableToAuthenticate, AuthenticationRefused, AuthenticationRefused, "it refused all our keys"),
    _row(ssh.AuthenticationException, AuthenticationRefused, AuthenticationRefused, "it refused all our keys"),
    _row(ssh.ConfigParseError, UsageError, UsageError, "ssh_config can't be read"),
    _row(ssh.CouldNotCanonicalize, UsageError, UsageError, "ssh_config requires a canonical name it does not have"),
    _row(ssh.IncompatiblePeer, DeviceUnfit, DeviceUnfit, "its SSH server shares no algorithm with us"),
    _row(ssh.MessageOrderError, Unreachable, ConnectionLost, "the SSH handshake was tampered with"),
    _row(ssh.ProxyCommandFailure, Unreachable, ConnectionLost, "the ProxyCommand of ssh_config failed"),
    _row(ssh.ChannelException, Unreachable, ConnectionLost, "its SSH server refused a session"),
    _row(ssh.NoValidConnectionsError, Unreachable, ConnectionLost, "nothing answers"),
    _row(ssh.SSHException, Unreachable, ConnectionLost, "SSH failed"),
    _row(paramiko.pkey.UnknownKeyType, AuthenticationRefused, AuthenticationRefused, "the key is of an unknown kind"),
    _row(paramiko.hostkeys.InvalidHostKey, HostKeyRefused, HostKeyRefused, "a line of known_hosts can't be read"),
    _row(paramiko.sftp.SFTPError, Unreachable, ConnectionLost, _NONSENSE),
    _row(BERException, Unreachable, ConnectionLost, _NONSENSE),
    _row(socket.gaierror, Unreachable, ConnectionLost, "its name has no address"),
    _row(TimeoutError, Unreachable, ConnectionLost, "nothing answers in time"),
    _row(ConnectionRefusedError, Unreachable, ConnectionLost, "no SSH server listens there"),
    _row(EOFError, Unreachable, ConnectionLost, "it hung up"),
    _row(OSError, Unreachable, ConnectionLost, "the network failed"),
    _row(UnicodeDecodeError, Unreachable, ConnectionLost, _NONSENSE),
    _row(UnicodeError, UsageError, UsageError, "its address can't be a host name"),
    # What paramiko's reading thread ends with where a server sends messages that are too short, or numbers that are no key.
    _row(struct.error, Unreachable, ConnectionLost, _NONSENSE),
    _row(ValueError, Unreachable, ConnectionLost, _NONSENSE),
    _row(LookupError, Unreachable, ConnectionLost, _NONSENSE),
    _row(OverflowError, Unreachable, ConnectionLost, _NONSENSE),
    _row(TypeError, Unreachable, ConnectionLost, _NONSENSE),
    _row(crypto.InvalidTag, Unreachable, ConnectionLost, "a message of its SSH server was changed on the way"),
    _row(crypto.InvalidSignature, Unreachable, ConnectionLost, _NONSENSE),
    _row(crypto.InvalidKey, Unreachable, ConnectionLost, _NONSENSE),
    _row(
        crypto.UnsupportedAlgorithm, DeviceUnfit, DeviceUnfit, "its SSH server uses an algorithm that is missing here"
    ),
)

#: Words of paramiko's that say too little, and ours.
_SILENT = "something takes connections there, and no SSH session begins"
_PLAINER = {"Error reading SSH protocol banner": _SILENT, "No existing session": _SILENT}

#: What can leave paramiko, for ``except``. A `FarmError` is none of them and passes through.
FOREIGN: tuple[type[BaseException], ...] = tuple(row.foreign for row in TABLE)

_HINTS: dict[type[FarmError], str] = {
    Unreachable: "is it switched on and on this network? `ping {address}` shows it",
    AuthenticationRefused: "put a public key of ours into ~/.ssh/authorized_keys there (ssh-copy-id), "
    "or set `user:` or `identity_file:` of {name}",
    HostKeyRefused: "if you re-imaged it, run `farm devices trust {name}`",
}

#: For a machine that is on: its SSH server is stopped, or listens at another port.
_NO_SERVER_HINT = "start its SSH server there, or set its `port:` to the one where it listens"


def find(error: BaseException) -> Row:
    """Return the row for ``error``; raises `LookupError` where there is none."""
    for row in TABLE:
        if isinstance(error, row.foreign):
            return row
    raise LookupError(type(error).__name__)


def translate(error: BaseException, who: str, *, name: str, address: str, opening: bool) -> FarmError:
    """Return our error for a foreign one, to be raised ``from`` it.

    ``who`` begins the message; ``name`` (of the device) and ``address`` (of the server) are for the hint.
    """
    row = find(error)
    kind = row.opening if opening else row.open
    detail = " ".join(str(error).split())
    hint = _HINTS.get(kind)
    if kind is Unreachable and (isinstance(error, ConnectionRefusedError) or detail in _PLAINER):
        hint = _NO_SERVER_HINT
    words = _PLAINER.get(detail) or row.words + (f": {detail}" if detail else "")
    return kind(f"{who}: {words}", hint=hint.format(name=name, address=address) if hint else None)
