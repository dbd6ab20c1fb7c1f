"""A Fabric connection with host keys checked on every hop."""

from __future__ import annotations

import io
import logging
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import paramiko
from fabric import Config, Connection

from orchestrator.config.ssh_config import expanded
from orchestrator.errors import HostKeyRefused
from orchestrator.transports.exceptions import FOREIGN, translate
from orchestrator.transports.key_login import OurKeys
from orchestrator.transports.known_hosts import content, fingerprint, known, name_at

if TYPE_CHECKING:
    from orchestrator.domain.device import Device
    from orchestrator.transports.connector import Connector

#: A device that is off must be reported within some 10 s, whichever step it is mute in.
CONNECT_TIMEOUT_S = 5
HANDSHAKE_TIMEOUT_S = 10
LOGIN_TIMEOUT_S = 10
#: How long sent data may stay unacknowledged, or a silent link unconfirmed, before it counts as dead.
DEAD_AFTER_S = 15

#: What using or closing something on a dead link raises.
DEAD = (paramiko.SSHException, OSError, EOFError)

# Paramiko logs every failed handshake, with a traceback, to whoever listens; what matters reaches us as an exception.
_LOG = "orchestrator.transports.paramiko"
logging.getLogger(_LOG).addHandler(logging.NullHandler())


class Closable(Protocol):
    """Anything with an end."""

    def close(self) -> None:
        """End it."""


class FarmTransport(paramiko.Transport):  # type: ignore[misc]  # paramiko is untyped
    """Paramiko's, with the fast ciphers first: AES-GCM needs no separate MAC pass in Python. CBC is left out."""

    _preferred_ciphers = tuple(
        name
        for name in ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
        if name in paramiko.Transport._cipher_info  # noqa: SLF001  older paramiko has no GCM, and says so only there
    )


class RefuseUnknown(paramiko.MissingHostKeyPolicy):  # type: ignore[misc]  # same
    """Fabric's own policy trusts whoever answers first; this one trusts nobody."""

    def __init__(self, who: str, name: str) -> None:
        self._who, self._name = who, name

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002  paramiko's signature
        """Refuse ``key``, saying what it was."""
        raise HostKeyRefused(
            f"{self._who}: unknown host key {fingerprint(key.asbytes())} at {hostname}",
            hint=f"farm devices trust {self._name}   (a new device: farm devices add {self._name} --address …)",
        )


class FarmConnection(Connection):  # type: ignore[misc]  # Fabric is untyped
    """``fabric.Connection`` with host keys checked on every hop, time-outs on every step, and no Nagle.

    Host, user, port and jump hosts come from ~/.ssh/config where the inventory does not say; known hosts never do.
    ``hop`` is a jump host of ~/.ssh/config on the way to ``device``; ``beyond`` says that ``device`` itself is a jump host,
    and of which device.
    """

    def __init__(
        self,
        device: Device,
        connector: Connector,
        *,
        hop: str | None = None,
        beyond: Device | None = None,
        **given: Any,
    ) -> None:
        config = given.pop("config", None)
        if config is None:
            # Neither fabric.yaml nor FABRIC_* may change how we connect.
            config = Config(lazy=True, ssh_config=_ssh_config())
        # Fabric's contexts keep their own attributes apart from configuration by `_set`.
        who = f"{device.name} (jump host {hop})" if hop else device.name
        if beyond is not None:
            who = f"{beyond.name} (jump host {device.name})"
        self._set(device=device, connector=connector, who=who, beyond=beyond)
        super().__init__(
            hop or device.address,
            user=None if hop else device.user,
            port=None if hop else device.port,
            config=config,
            forward_agent=False,
            connect_timeout=HANDSHAKE_TIMEOUT_S,  # Fabric hands it to the handshake: we open the socket ourselves
            **given,
        )
        self._set(
            connect_kwargs={
                "transport_factory": FarmTransport,
                "banner_timeout": HANDSHAKE_TIMEOUT_S,
                "auth_timeout": LOGIN_TIMEOUT_S,
                "channel_timeout": LOGIN_TIMEOUT_S,
                "auth_strategy": OurKeys(
                    who=self.who,
                    user=self.user,
                    identity_file=None if hop else device.identity_file,
                    ssh_config=self.ssh_config,
                    unlocked=connector.keys,
                ),
            }
        )
        self.client.set_log_channel(_LOG)
        self.client.set_missing_host_key_policy(RefuseUnknown(self.who, hop or device.name))
        if content(connector.known_hosts):
            self.client.load_host_keys(str(connector.known_hosts))

    @property
    def server_name(self) -> str:
        """How the server is written in known_hosts."""
        return name_at(self.host, self.port)

    def get_gateway(self) -> Connection | str | None:
        """Return the way there that the inventory gives, or ~/.ssh/config; Fabric's own would not check the hops' keys."""
        if self.device.via is not None:
            return FarmConnection(self.device.via, self.connector, beyond=self.device)
        written = self.ssh_config.get("proxyjump")
        if written is None:
            return super().get_gateway()
        gateway: FarmConnection | None = None
        for hop in ("" if written.lower() == "none" else written).split(","):  # the first is reached directly
            hop = hop.strip().removeprefix("ssh://")  # noqa: PLW2901  the same hop, as Fabric writes it
            if not hop or self.derive_shorthand(hop)["host"] in (self.host, self.original_host):
                continue  # `Host *` makes a jump host its own jump host
            gateway = FarmConnection(
                self.device, self.connector, hop=hop, config=self.config.clone(), gateway=gateway or False
            )
        return gateway

    def open(self) -> None:
        """Connect and log in, unless that is done; on failure nothing stays open."""
        if self.is_connected:
            return
        try:
            if isinstance(self.gateway, FarmConnection):
                self.gateway.open()  # before our own place: whoever waits for a second place must hold none
            with self.connector.handshakes.place(self.host, self.port):
                if not self.gateway:
                    self.connect_kwargs["sock"] = _dial(self.host, self.port)
                super().open()
        except paramiko.BadHostKeyException as error:
            raise self._changed(error) from error
        except FOREIGN as error:
            if self.beyond is None:
                raise
            said = translate(error, self.device, opening=True)
            raise type(said)(f"{self.beyond.name}: its jump host {said.message}", hint=said.hint) from error
        finally:
            sock = self.connect_kwargs.pop("sock", None)
            if not self.is_connected:
                self.close()
                if sock is not None:
                    sock.close()
        if self.gateway:
            threading.Thread(target=_watch, args=(self.transport,), name="farm-keepalive", daemon=True).start()

    def close(self) -> None:
        """Hang up, on the jump hosts too."""
        with suppress(*DEAD):
            super().close()
        hang_up(self.client)  # after a failed handshake Fabric does not know that there is something to close
        if isinstance(self.gateway, FarmConnection):
            self.gateway.close()

    def _changed(self, error: paramiko.BadHostKeyException) -> HostKeyRefused:
        ours = known(self.connector.known_hosts, self.server_name)
        return HostKeyRefused(
            f"{self.who}: its host key changed: it shows {fingerprint(error.key.asbytes())}, "
            f"we know {', '.join(key.fingerprint for key in ours)} at {self.server_name}",
            hint=f"if you re-imaged it, run `farm devices trust {self.device.name}`; if not, somebody may be in between",
        )


def _ssh_config() -> paramiko.SSHConfig:
    """Return what the user's and the system's ssh_config say, ``Include`` followed, which paramiko does not."""
    config = paramiko.SSHConfig()
    for path in (Path("~/.ssh/config").expanduser(), Path("/etc/ssh/ssh_config")):
        config.parse(io.StringIO(expanded(path)))
    return config


def _dial(address: str, port: int) -> socket.socket:
    """Return a connected socket that notices a dead peer within `DEAD_AFTER_S`, by the kernel's own probes alone."""
    sock = socket.create_connection((address, port), timeout=CONNECT_TIMEOUT_S)
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


def hang_up(what: Closable) -> None:
    """Close a channel, transport or client; that the link is dead already is no news."""
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


def _watch(transport: paramiko.Transport) -> None:
    """Hang up when the far end of a link through jump hosts stops answering: our kernel sees the first hop only."""
    pause = threading.Event()
    while answers(transport):
        pause.wait(DEAD_AFTER_S / 3)
