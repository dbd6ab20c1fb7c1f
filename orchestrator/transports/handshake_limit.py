"""At most so many handshakes at once with one SSH server: it resets those above its ``MaxStartups``."""

from __future__ import annotations

import random
import threading
import time
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: OpenSSH begins to reset at 10 (``MaxStartups 10:30:100``, sshd_config(5)); others knock there, too.
AT_ONCE = 8
#: Those who waited do not all knock at the same moment, in seconds.
JITTER_S = 0.05


@contextmanager
def door(address: str, port: int) -> Iterator[None]:
    """Hold a place among the handshakes of this process with one server."""
    places = _places(address, port)
    if not places.acquire(blocking=False):
        places.acquire()
        time.sleep(random.uniform(0, JITTER_S))  # noqa: S311  spreads, guards nothing
    try:
        yield
    finally:
        places.release()


@cache
def _places(address: str, port: int) -> threading.BoundedSemaphore:  # noqa: ARG001  they are the key of the cache
    return threading.BoundedSemaphore(AT_ONCE)
