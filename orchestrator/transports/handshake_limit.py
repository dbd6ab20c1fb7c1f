"""At most so many handshakes at once with one SSH server: it resets those above its ``MaxStartups``."""

from __future__ import annotations

import random
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: OpenSSH begins to reset at 10 (``MaxStartups 10:30:100``, sshd_config(5)); other clients connect there, too.
AT_ONCE = 8
#: Those who waited do not all start at the same moment, in seconds.
JITTER_S = 0.05


class HandshakeLimit:
    """`AT_ONCE` places for each server, shared by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places: dict[tuple[str, int], threading.BoundedSemaphore] = {}

    @contextmanager
    def place(self, address: str, port: int) -> Iterator[None]:
        """Hold a place among the handshakes with one server; waits for one."""
        with self._lock:
            places = self._places.setdefault((address, port), threading.BoundedSemaphore(AT_ONCE))
        if not places.acquire(blocking=False):
            places.acquire()
            time.sleep(random.uniform(0, JITTER_S))  # noqa: S311  spreads, guards nothing
        try:
            yield
        finally:
            places.release()
