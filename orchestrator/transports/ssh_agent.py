"""The keys of a running ssh-agent, whichever socket it listens on."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

import paramiko
from paramiko.agent import AgentSSH

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Self

#: How long an agent may take to list its keys; to sign, it may ask a person first.
TIMEOUT_S = 10.0


class SshAgent(AgentSSH):  # type: ignore[misc]  # paramiko is untyped
    """The agent at ``path``; ``problem`` says why it has no keys to give. It must stay open while its keys are used."""

    def __init__(self, path: Path | None) -> None:
        super().__init__()
        self.problem: str | None = None
        self._socket: socket.socket | None = None
        if path is None:
            return
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(TIMEOUT_S)
        try:
            self._socket.connect(str(path))
            self._connect(self._socket)
            self._socket.settimeout(None)
        except (OSError, ValueError, TypeError, struct.error, paramiko.SSHException) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self.problem = f"ssh-agent {path}: {reason}"
            self._keys: Sequence[paramiko.PKey] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._socket is not None:
            self._socket.close()
