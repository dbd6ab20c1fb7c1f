"""A limit on the share of the time that drawing takes."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Two hundred devices report thirty times a second; a full terminal takes 0.1 s to draw.
SHARE = 0.1


class Pace:
    """Calls ``draw`` at once while it has taken ``share`` of the time at most; else once, as soon as that is so again.

    ``lock`` is held while it draws; who asks holds it already. ``clock`` is in seconds.
    """

    def __init__(
        self,
        draw: Callable[[], None],
        lock: threading.RLock,
        *,
        share: float = SHARE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._draw, self._lock, self._share, self._clock = draw, lock, share, clock
        self._next_at = 0.0
        self._later: threading.Timer | None = None

    def ask(self) -> None:
        """Draw now, or later with all that is asked for until then."""
        if self._later is not None:
            return
        wait_s = self._next_at - self._clock()
        if wait_s <= 0:
            self._now()
            return
        self._later = threading.Timer(wait_s, self._late)
        self._later.daemon = True
        self._later.start()

    def stop(self) -> None:
        """Draw nothing more."""
        with self._lock:
            if self._later is not None:
                self._later.cancel()
                self._later = None

    def _late(self) -> None:
        with self._lock:
            if self._later is not None:
                self._later = None
                self._now()

    def _now(self) -> None:
        began = self._clock()
        self._draw()
        ended = self._clock()
        self._next_at = ended + (ended - began) / self._share
