"""Bytes to or from a running program, in big pieces."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, BinaryIO, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Big enough that Python's cost per piece vanishes, small enough to show progress on a slow link.
PIECE_BYTES = 1 << 16
#: Fewer bytes than these within the time limit are no progress: a line of 64 kbit/s carries them in 4 s.
LEAST_PROGRESS_BYTES = 1 << 15


def pieces(source: bytes | BinaryIO, size: int = PIECE_BYTES) -> Iterator[bytes]:
    """Yield ``source`` from where it stands, ``size`` bytes at a time."""
    if isinstance(source, bytes):
        for start in range(0, len(source), size):
            yield source[start : start + size]
    else:
        while piece := source.read(size):
            yield piece


class Alarm:
    """Does ``action`` once when the time is up, unless the ``with`` block ends before; ``rang`` tells.

    The time begins anew whenever ``taken``, a count of bytes, grew by `LEAST_PROGRESS_BYTES`. Time that this process slept through
    (a closed lid, SIGSTOP) does not count: an answer may have come meanwhile. ``clock`` is in seconds.
    """

    def __init__(
        self,
        timeout_s: float,
        action: Callable[[], None],
        *,
        taken: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rang = False
        self._clock = clock
        self._timeout_s, self._action, self._taken = timeout_s, action, taken
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="farm-alarm", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _watch(self) -> None:
        silent_s, looked_at, before = 0.0, self._clock(), self._taken()
        while not self._over.wait(self._timeout_s / 4):
            now, taken = self._clock(), self._taken()
            silent_s += min(now - looked_at, self._timeout_s / 2)
            looked_at = now
            if taken >= before + LEAST_PROGRESS_BYTES:
                silent_s, before = 0.0, taken
            elif silent_s >= self._timeout_s:
                self.rang = True
                self._action()
                return


class Patience:
    """A time limit that begins anew whenever ``taken``, a count of bytes, grew by `LEAST_PROGRESS_BYTES`.

    Time that this process slept through does not count, as in `Alarm`: an answer may have come meanwhile. ``clock`` is in seconds.
    """

    def __init__(
        self, timeout_s: float, taken: Callable[[], int], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._timeout_s, self._taken, self._clock = timeout_s, taken, clock
        self._silent_s, self._looked_at, self._before = 0.0, clock(), taken()
        #: After so many seconds at most `is_over` is to be asked again.
        self.look_s = timeout_s / 4

    def is_over(self) -> bool:
        """Look at the count, then return whether the time is up."""
        now, taken = self._clock(), self._taken()
        self._silent_s += min(now - self._looked_at, self._timeout_s / 2)
        self._looked_at = now
        if taken >= self._before + LEAST_PROGRESS_BYTES:
            self._silent_s, self._before = 0.0, taken
        return self._silent_s >= self._timeout_s


#: Kept of what a program prints: more than any answer of ours, which is its last line.
MOST_BYTES = 2 << 20
#: A program that prints more is ended.
ENDLESS_BYTES = 64 << 20


class Tail:
    """The last ``keep`` bytes of what a program prints; ``end`` is called once, after `ENDLESS_BYTES`."""

    def __init__(self, end: Callable[[], None], *, keep: int = MOST_BYTES) -> None:
        self._end, self._keep = end, keep
        self._content = bytearray()
        self._count = 0

    @property
    def content(self) -> bytes:
        """What came so far; the last ``keep`` bytes of it."""
        return bytes(self._content[-self._keep :])

    def add(self, chunk: bytes) -> None:
        """Take what came next."""
        if self._count <= ENDLESS_BYTES < self._count + len(chunk):
            self._end()
        self._count += len(chunk)
        self._content += chunk
        if len(self._content) > 2 * self._keep:
            del self._content[: -self._keep]


class Drain:
    """Reads one pipe to its end in a thread of its own, so that the other pipe can't fill up and block the program.

    Only the last ``keep`` bytes are kept; ``end`` is called once, after `ENDLESS_BYTES`.
    """

    def __init__(self, read: Callable[[int], bytes], end: Callable[[], None], *, keep: int = MOST_BYTES) -> None:
        self._read = read
        self._tail = Tail(end, keep=keep)
        self._thread = threading.Thread(target=self._work, name="farm-drain", daemon=True)
        self._thread.start()

    @property
    def content(self) -> bytes:
        """What came so far; the last ``keep`` bytes of it."""
        return self._tail.content

    def wait(self, timeout_s: float | None = None) -> None:
        """Wait for the end of the pipe."""
        self._thread.join(timeout_s)

    def _work(self) -> None:
        while chunk := self._chunk():
            self._tail.add(chunk)

    def _chunk(self) -> bytes:
        try:
            return self._read(PIECE_BYTES)
        except (OSError, EOFError, ValueError):  # closed under our hands, which is an end too
            return b""
