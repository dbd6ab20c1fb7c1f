"""A device over SSH: programs through raw channels of a hardened Fabric connection."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, BinaryIO

import paramiko

from orchestrator.errors import AgentFailed, ConnectionLost, DeviceUnfit, NoAnswer
from orchestrator.transports.base import Completed
from orchestrator.transports.channel_pump import Pump
from orchestrator.transports.connection import LOGIN_TIMEOUT_S
from orchestrator.transports.exceptions import FOREIGN, translate
from orchestrator.transports.known_hosts import HostKey
from orchestrator.transports.link import answers, hang_up
from orchestrator.transports.password_login import LEAVE_KEY, AskedPassword
from orchestrator.transports.quoting import command_line
from orchestrator.transports.route import connection_to, server_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from orchestrator.domain.device import Device
    from orchestrator.transports.connection import FarmConnection
    from orchestrator.transports.connector import Connector

#: An sshd with ``MaxSessions 1`` refuses a session until it noticed the end of the one before.
SESSION_AFTER_S = (0.05, 0.1, 0.2, 0.4, 0.8)
#: What a shell reports for a program that a signal ended, where SSH does not tell which: 128 + SIGKILL.
KILLED = 137


class SshTransport:
    """One device over SSH, to the protocol of `orchestrator.transports.base.Transport`."""

    def __init__(self, device: Device, connector: Connector) -> None:
        self._device = device
        self._connector = connector
        self._connection: FarmConnection | None = None
        self._open_channels = 0

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes | BinaryIO = b"",
        timeout_s: float = 60.0,
        progress: Callable[[int], None] | None = None,
    ) -> Completed:
        """Run ``argv`` to its end; `NoAnswer` after ``timeout_s`` in which it took nothing of ``stdin``."""
        with self._channel(argv) as channel:
            pump = Pump(channel)
            if not pump.run(stdin, timeout_s, progress):
                raise NoAnswer(f"{self._device.name}: {argv[0]} gave no answer within {timeout_s:g} s")
            return Completed(status=self._status(channel), out=pump.out.content, err=pump.err.content)

    def stream(self, argv: Sequence[str], *, stdin: bytes = b"", tick_s: float | None = None) -> Iterator[bytes]:
        """Yield what ``argv`` prints, as it comes, holding its standard input open behind ``stdin`` until the generator is closed.

        After each ``tick_s`` without output, ``b""`` is yielded. Raises `ConnectionLost`, or `AgentFailed` with status and last words where the program failed.
        """
        with self._channel(argv) as channel:
            pump = Pump(channel, keep_err=1 << 16)
            pump.send(stdin)
            yield from pump.chunks(tick_s)
            status = self._status(channel)
            if status:
                words = pump.err.content.decode(errors="replace").strip()
                raise AgentFailed(
                    f"{self._device.name}: {argv[0]} ended with status {status}: {words[-500:]}",
                    status=status,
                    stderr=pump.err.content,
                )

    def dialogue(self, argv: Sequence[str]) -> _Dialogue:
        """Start ``argv`` in a channel and return what asks it; close that after use."""
        exits = ExitStack()
        channel = exits.enter_context(self._channel(argv))
        return _Dialogue(f"{self._device.name}: {argv[0]}", exits, channel, self._status)

    def close(self) -> None:
        """Hang up; the next call connects again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @contextmanager
    def _channel(self, argv: Sequence[str]) -> Iterator[paramiko.Channel]:
        """Give a channel in which ``argv`` runs; after `ConnectionLost` the next one comes by a new connection."""
        extra, channel = self._session()
        self._open_channels += 1
        try:
            self._start(channel, argv)
            yield channel
        except ConnectionLost:
            self.close()
            raise
        finally:
            self._open_channels -= 1
            hang_up(channel)
            if extra is not None:
                extra.close()

    def _session(self) -> tuple[FarmConnection | None, paramiko.Channel]:
        """Return a channel, and the connection that is for it alone where the server allows one session at a time.

        Raises what connecting raises, and `DeviceUnfit` where the server allows none.
        """
        for pause in (*SESSION_AFTER_S, None):
            connection = self._connected()
            try:
                return None, connection.transport.open_session(timeout=LOGIN_TIMEOUT_S)
            except paramiko.ChannelException as error:
                if pause is None or self._open_channels:
                    break
                refused = error
            except FOREIGN as error:
                self.close()
                raise connection.server.translated(error, opening=False) from error
            time.sleep(pause)  # the server notices a moment later that the last session is over
        if not self._open_channels:
            raise self._no_session(refused) from refused
        extra = connect(self._device, self._connector)
        try:
            return extra, extra.transport.open_session(timeout=LOGIN_TIMEOUT_S)
        except FOREIGN as error:
            extra.close()
            if isinstance(error, paramiko.ChannelException):
                raise self._no_session(error) from error
            raise extra.server.translated(error, opening=False) from error

    def _no_session(self, error: paramiko.ChannelException) -> DeviceUnfit:
        return DeviceUnfit(
            f"{self._device.name}: its SSH server refused a session: {error.text}",
            hint="MaxSessions of its sshd_config must be 1 or more, and its user must be allowed to run programs",
        )

    def _start(self, channel: paramiko.Channel, argv: Sequence[str]) -> None:
        try:
            channel.exec_command(command_line(argv))
        except FOREIGN as error:
            self.close()
            who = self._device.name
            raise translate(error, who, name=who, address=str(self._device.address), opening=False) from error

    def _connected(self) -> FarmConnection:
        if self._connection is not None and self._connection.is_connected:
            return self._connection
        self.close()
        self._connection = connect(self._device, self._connector)
        return self._connection

    def _status(self, channel: paramiko.Channel) -> int:
        """Return how the program ended; -1 is paramiko's word for not knowing, and never a status."""
        if channel.status_event.wait(LOGIN_TIMEOUT_S) and channel.exit_status != -1:
            return int(channel.exit_status)
        if channel.eof_received and answers(channel.transport):
            return KILLED  # the link is fine and the server has no status to tell: a signal ended the program
        raise ConnectionLost(f"{self._device.name}: the link died under way")


class _Dialogue:
    """A program in a channel, to the protocol of `orchestrator.transports.base.Dialogue`; ``exits`` close that."""

    def __init__(
        self, who: str, exits: ExitStack, channel: paramiko.Channel, status: Callable[[paramiko.Channel], int]
    ) -> None:
        self._who, self._exits, self._channel, self._status = who, exits, channel, status
        self._pump = Pump(channel, keep_err=1 << 16)

    def ask(
        self, stdin: bytes | BinaryIO, take: Callable[[bytes], bool], *, timeout_s: float = 60.0
    ) -> Completed | None:
        """Send ``stdin`` and return ``None`` once ``take`` returned True; how the program ended if it did before."""
        with self._exits.pop_all() as exits:
            is_whole = self._pump.ask(stdin, take, timeout_s)
            if is_whole is None:
                raise NoAnswer(f"{self._who} gave no answer within {timeout_s:g} s")
            if not is_whole:
                return Completed(status=self._status(self._channel), out=b"", err=self._pump.err.content)
            self._exits = exits.pop_all()
        return None

    def close(self) -> None:
        """Close the channel; one in which an answer is waited for is left to its thread."""
        self._exits.close()


def connect(device: Device, connector: Connector) -> FarmConnection:
    """Return an open connection; raises `Unreachable`, `HostKeyRefused`, `AuthenticationRefused` or `UsageError`."""
    connection = connection_to(device, connector)
    connection.open()
    return connection


def server_name(device: Device, connector: Connector) -> str:
    """Return how known_hosts calls the SSH server of ``device``; nothing is connected. Raises `UsageError`."""
    return server_of(device, connector).name


def shown_key(device: Device, connector: Connector) -> HostKey:
    """Return the host key the device shows now, without logging in there (jump hosts are logged in to, and checked).

    Raises `Unreachable`.
    """
    connection = connection_to(device, connector)
    connection.trust_nothing(_Look())
    try:
        connection.open()
    except _Seen as seen:
        return HostKey(name=connection.server.name, kind=seen.key.get_name(), blob=seen.key.asbytes())
    finally:
        connection.close()
    raise AssertionError("an empty known_hosts let a connection through")


def install_public_key(device: Device, connector: Connector, public_key: str, ask: Callable[[str], str]) -> None:
    """Leave a public key in the device's ``authorized_keys``, once, logging in with the password that ``ask`` returns.

    Raises `AuthenticationRefused`, or `AgentFailed` where the home directory can't be written to.
    """
    transport = SshTransport(device, connector)
    connection = connection_to(device, connector)
    connection.log_in_by(AskedPassword(who=device.name, user=connection.user, ask=ask))
    try:
        connection.open()
        transport._connection = connection  # noqa: SLF001  the class of this very module
        done = transport.run(["sh", "-c", LEAVE_KEY], stdin=public_key.strip().encode())
    finally:
        transport.close()
    if done.status:
        words = (done.err or done.out).decode(errors="replace").strip()[-500:]
        raise AgentFailed(f"{device.name}: the public key could not be left there: {words}", status=done.status)


class _Seen(Exception):  # noqa: N818  no error: what we came for
    def __init__(self, key: paramiko.PKey) -> None:
        super().__init__()
        self.key = key


class _Look(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]  # paramiko is untyped
    """Goes no further than the host key."""

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002  paramiko's signature
        raise _Seen(key)
