"""A program that carries the connection to an SSH server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING

from orchestrator.config.child_environment import child_environment

if TYPE_CHECKING:
    from collections.abc import Sequence

#: How much of its last words a message repeats.
LAST_WORDS = 300


class ProxyCommand:
    """A running program and our end of its connection; started from words, without a shell."""

    def __init__(self, words: Sequence[str]) -> None:
        """Start it; raises `OSError` where there is no such program."""
        self.sock, theirs = socket.socketpair()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  open as long as the program
        try:  # a session of its own: Ctrl-C is for farm
            self._process = subprocess.Popen(
                list(words),
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=self._stderr,
                env=child_environment(),
                start_new_session=True,
            )
        except OSError:
            self.sock.close()
            self._stderr.close()
            raise
        finally:
            theirs.close()

    @property
    def last_words(self) -> str:
        """What it printed to standard error, the end of it."""
        if self._stderr.closed:
            return ""
        self._stderr.seek(0)
        return " ".join(self._stderr.read().decode(errors="replace").split())[-LAST_WORDS:]

    def close(self) -> None:
        """Close the connection and end the program with its children."""
        self.sock.close()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(1)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._stderr.close()
