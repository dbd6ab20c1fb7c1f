"""A Fabric connection with host keys checked on every hop."""

from __future__ import annotations

import logging
import random
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import paramiko
from fabric import Config, Connection

from orchestrator.errors import HostKeyRefused, Unreachable, UsageError
from orchestrator.transports.exceptions import FOREIGN, translate
from orchestrator.transports.key_login import OurKeys
from orchestrator.transports.known_hosts import SSH_PORT, fingerprint, known, name_at, openssh_knows
from orchestrator.transports.link import DEAD, DEAD_AFTER_S, answers, dial, hang_up
from orchestrator.transports.proxy_command import ProxyCommand

if TYPE_CHECKING:
    from paramiko.auth_strategy import AuthStrategy

    from orchestrator.domain.device import Device
    from orchestrator.errors import FarmError
    from orchestrator.transports.connector import Connector
    from orchestrator.transports.ssh_options import SshOptions

#: A device that is off must be reported within some 10 s, whichever step it is mute in.
HANDSHAKE_TIMEOUT_S = 10.0
LOGIN_TIMEOUT_S = 10.0
#: sshd resets connections above its ``MaxStartups`` before the banner; tried again after about this long.
RETRY_AFTER_S = (0.3, 1.0)
#: Codes of RFC 4254, 5.1: why a server does not open a channel.
PROHIBITED, CONNECT_FAILED = 1, 2

# Paramiko logs every failed handshake, with a traceback, to whoever listens; what matters reaches us as an exception.
_LOG = "orchestrator.transports.paramiko"
logging.getLogger(_LOG).addHandler(logging.NullHandler())


class FarmTransport(paramiko.Transport):  # type: ignore[misc]  # paramiko is untyped
    """Paramiko's, with the fast ciphers first: AES-GCM needs no separate MAC pass in Python. CBC is left out.

    Its reader wakes once a second where nothing comes, not ten times: for 200 devices that is a tenth of a core. A close ends it at once all the same.
    """

    _active_check_timeout = 1.0

    def stop_thread(self) -> None:
        """End the reader at once, rather than when it next wakes: the kernel keeps a socket as long as a thread waits for it."""
        if isinstance(self.sock, socket.socket):
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)
        super().stop_thread()

    _preferred_ciphers = tuple(
        name
        for name in ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
        if name in paramiko.Transport._cipher_info  # noqa: SLF001  older paramiko has no GCM, and says so only there
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One SSH server on the way to a device, for connecting there and for messages."""

    #: The entry of the inventory; for a jump host of ssh_config, the device behind it.
    device: Device
    options: SshOptions
    #: A jump host of ssh_config, as it is written there.
    hop: str | None = None
    #: The device behind the jump host ``device``.
    behind: str | None = None

    @property
    def jump_host(self) -> str | None:
        """What messages call it if it is a jump host."""
        return self.hop or (self.device.name if self.behind else None)

    @property
    def who(self) -> str:
        """What messages begin with."""
        target = self.behind or self.device.name
        return f"{target} (jump host {self.jump_host})" if self.jump_host else target

    @property
    def label(self) -> str:
        """The same with its address, for what goes wrong before anybody answers."""
        options = self.options
        written = self.device.destination if self.hop is None else self.hop
        resolved = name_at(options.host, options.port)
        address = written if options.host in written else f"{written}, which is {resolved}"
        if self.jump_host is None:
            return f"{self.device.name} ({address})"
        return f"{self.behind or self.device.name}: its jump host {self.jump_host} ({address})"

    @property
    def name(self) -> str:
        """What known_hosts calls it."""
        return self.options.host_key_alias or name_at(self.options.host, self.options.port)

    def translated(self, error: BaseException, *, opening: bool = True) -> FarmError:
        """Return our error for a foreign one of a connection to this server."""
        who = self.label if opening else self.who
        return translate(error, who, name=self.hop or self.device.name, address=self.options.host, opening=opening)


class RefuseUnknown(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]  # same
    """Fabric's own policy trusts the first answer; this one trusts none."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002  paramiko's signature
        """Refuse ``key``, saying what it was."""
        server = self._server
        name = server.hop or server.device.name
        trusting = openssh_knows(server.options.known_hosts_files, server.name, key.asbytes())
        also = f"; ssh trusts this key, by {trusting}" if trusting else ""
        raise HostKeyRefused(
            f"{server.who}: unknown host key {fingerprint(key.asbytes())} at {server.name}{also}",
            hint=f"farm devices trust {name}   (a new device: farm devices add {name} --address …)",
        )


class FarmConnection(Connection):  # type: ignore[misc]  # Fabric is untyped
    """``fabric.Connection`` with host keys checked on every hop, time-outs on every step, and no Nagle.

    It raises our errors, each with the name of the hop that failed.
    """

    def __init__(self, server: Server, connector: Connector, gateway: FarmConnection | None = None) -> None:
        # Neither fabric.yaml, FABRIC_* nor ssh_config may change how Fabric connects: `server` says it all.
        config = Config(lazy=True, ssh_config=paramiko.SSHConfig())
        options = server.options
        strategy = OurKeys(
            who=server.who,
            options=options,
            identity_file=None if server.hop else server.device.identity_file,
            unlocked=connector.keys,
        )
        # Fabric's contexts keep their own attributes apart from configuration by `_set`.
        self._set(server=server, connector=connector, strategy=strategy, policy=RefuseUnknown(server), trusts=True)
        self._set(proxy=None)
        super().__init__(
            options.host,
            user=options.user,
            port=options.port,
            config=config,
            gateway=gateway or False,
            forward_agent=False,
            connect_timeout=HANDSHAKE_TIMEOUT_S,
        )
        self.client.set_log_channel(_LOG)

    def trust_nothing(self, policy: paramiko.MissingHostKeyPolicy) -> None:
        """Let ``policy`` decide about the host key, whatever is known of it."""
        self._set(policy=policy, trusts=False)

    def log_in_by(self, strategy: AuthStrategy) -> None:
        """Log in by ``strategy`` instead of our keys."""
        self._set(strategy=strategy)

    def open(self) -> None:
        """Connect and log in, unless that is done; on failure nothing stays open. Raises `FarmError`."""
        if self.is_connected:
            return
        for pause in (*RETRY_AFTER_S, None):
            try:
                self._open()
            except paramiko.BadHostKeyException as error:
                raise self._changed(error) from error
            except FOREIGN as error:
                reset = isinstance(error, paramiko.SSHException) and isinstance(
                    error.__context__, EOFError | ConnectionResetError
                )
                if not reset or pause is None or self.proxy is not None:
                    raise self._failed(error) from error
                time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311  spreads devices out, guards nothing
            else:
                return
            finally:
                if not self.is_connected:
                    self.close()

    def close(self) -> None:
        """Hang up, on the jump hosts too."""
        with suppress(*DEAD):
            super().close()
        hang_up(self.client)  # after a failed handshake Fabric does not know that there is something to close
        if self.proxy is not None:
            self.proxy.close()
            self._set(proxy=None)
        if self.gateway:
            self.gateway.close()

    def _open(self) -> None:
        server, trusted = self.server, self.connector.known_hosts
        wait_s = max(HANDSHAKE_TIMEOUT_S, server.options.connect_timeout_s or 0)
        for kind, key in self.connector.trusted.of(trusted, server.name) if self.trusts else ():
            self.client.get_host_keys().add(server.name, kind, key)
        self.client.set_missing_host_key_policy(self.policy)
        if self.gateway:
            self.gateway.open()  # before our own place: whoever waits for a second place must hold none
        with self.connector.handshakes.place(self.host, self.port):
            sock = self._sock()
            try:
                self.client.connect(
                    server.name,
                    SSH_PORT,  # the name says the port
                    self.user,
                    sock=sock,
                    timeout=wait_s,
                    banner_timeout=wait_s,
                    auth_timeout=LOGIN_TIMEOUT_S,
                    channel_timeout=LOGIN_TIMEOUT_S,
                    transport_factory=FarmTransport,
                    auth_strategy=self.strategy,
                )
            except BaseException:
                sock.close()
                raise
            self.transport = self.client.get_transport()
        if self.gateway or self.proxy:
            threading.Thread(target=_watch, args=(self.transport,), name="farm-keepalive", daemon=True).start()

    def _sock(self) -> Any:
        """Return what carries the connection: a socket, a channel of the jump host, or the program of ProxyCommand."""
        options = self.server.options
        if self.gateway:
            return self._forwarded()
        if not options.proxy_command:
            return dial(options)
        try:
            self._set(proxy=ProxyCommand(options.proxy_command))
        except OSError as error:
            program = options.proxy_command[0]
            raise UsageError(f"{self.server.who}: ProxyCommand of ssh_config: {program}: {error.strerror}") from error
        return self.proxy.sock

    def _forwarded(self) -> paramiko.Channel:
        try:
            return self.gateway.transport.open_channel(
                "direct-tcpip", (self.host, self.port), ("", 0), timeout=HANDSHAKE_TIMEOUT_S
            )
        except paramiko.ChannelException as error:
            gate = self.gateway.server.jump_host
            if error.code == PROHIBITED:
                raise UsageError(
                    f"{self.server.who}: the jump host {gate} forwards no connections: {error.text}",
                    hint=f"set AllowTcpForwarding and PermitOpen in the sshd_config of {gate}",
                ) from error
            raise Unreachable(
                f"{self.server.label}: the jump host {gate} can't reach {name_at(self.host, self.port)}",
                hint=f"is it switched on, and does an SSH server listen there? `ping {self.host}` on {gate} tells",
            ) from error

    def _failed(self, error: BaseException) -> FarmError:
        failed: FarmError = self.server.translated(error)
        if self.proxy is None or not self.proxy.last_words:
            return failed
        return type(failed)(f"{failed.message}; ProxyCommand printed: {self.proxy.last_words}", hint=failed.hint)

    def _changed(self, error: paramiko.BadHostKeyException) -> HostKeyRefused:
        server = self.server
        trusted = known(self.connector.known_hosts, server.name)
        return HostKeyRefused(
            f"{server.who}: its host key changed: it shows {fingerprint(error.key.asbytes())}, "
            f"trusted at {server.name}: {', '.join(key.fingerprint for key in trusted)}",
            hint=f"if you re-imaged it, run `farm devices trust {server.hop or server.device.name}`; "
            "if not, the connection may be intercepted",
        )


def _watch(transport: paramiko.Transport) -> None:
    """Hang up when the far end of a link through jump hosts stops answering: our kernel sees the first hop only."""
    pause = threading.Event()
    while answers(transport):
        pause.wait(DEAD_AFTER_S / 3)
