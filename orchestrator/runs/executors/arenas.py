"""Memory that many threads share."""

from __future__ import annotations

import ctypes
from contextlib import suppress

#: ``M_ARENA_MAX`` of mallopt(3).
ARENA_MAX = -8
#: glibc gives each new thread an arena of its own, up to 8 a core, and an arena keeps what its thread freed: 50 devices that print
#: without end were seen to take 388 MB so, and 180 MB with two arenas.
ARENAS = 2


def share_arenas() -> None:
    """Let threads that start from now on share `ARENAS` arenas of glibc's; elsewhere nothing changes."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(ARENA_MAX, ARENAS)
