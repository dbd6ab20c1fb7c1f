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


def pieces(source: bytes | BinaryIO) -> Iterator[bytes]:
    """Yield ``source`` from where it stands, `PIECE_BYTES` at a time."""
    if isinstance(source, bytes):
        for start in range(0, len(source), PIECE_BYTES):
            yield source[start : start + PIECE_BYTES]
    else:
        while piece := source.read(PIECE_BYTES):
            yield piece


class Alarm:
    """Does ``action`` once when the time is up, unless the ``with`` block ends before; ``rang`` tells.

    The time begins anew whenever ``taken``, a count of bytes, grew by `LEAST_PROGRESS_BYTES`.
    """

    def __init__(self, timeout_s: float, action: Callable[[], None], *, taken: Callable[[], int] = lambda: 0) -> None:
        self.rang = False
        self._timeout_s, self._action, self._taken = timeout_s, action, taken
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="farm-alarm", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _watch(self) -> None:
        since, before = time.monotonic(), self._taken()
        while not self._over.wait(self._timeout_s / 4):
            now, taken = time.monotonic(), self._taken()
            if taken >= before + LEAST_PROGRESS_BYTES:
                since, before = now, taken
            elif now - since >= self._timeout_s:
                self.rang = True
                self._action()
                return


#: Kept of what a program prints: more than any answer of ours, which is its last line.
MOST_BYTES = 2 << 20
#: A program that prints more is ended.
ENDLESS_BYTES = 64 << 20


class Drain:
    """Reads one pipe to its end in a thread of its own, so that the other pipe can't fill up and block the program.

    Only the last ``keep`` bytes are kept; ``end`` is called once, after `ENDLESS_BYTES`.
    """

    def __init__(self, read: Callable[[int], bytes], end: Callable[[], None], *, keep: int = MOST_BYTES) -> None:
        self._read, self._end, self._keep = read, end, keep
        self._content = bytearray()
        self._thread = threading.Thread(target=self._work, name="farm-drain", daemon=True)
        self._thread.start()

    @property
    def content(self) -> bytes:
        """What came so far; the last ``keep`` bytes of it."""
        return bytes(self._content[-self._keep :])

    def wait(self, timeout_s: float | None = None) -> None:
        """Wait for the end of the pipe."""
        self._thread.join(timeout_s)

    def _work(self) -> None:
        count = 0
        while chunk := self._chunk():
            if count <= ENDLESS_BYTES < count + len(chunk):
                self._end()
            count += len(chunk)
            self._content += chunk
            if len(self._content) > 2 * self._keep:
                del self._content[: -self._keep]

    def _chunk(self) -> bytes:
        try:
            return self._read(PIECE_BYTES)
        except (OSError, EOFError, ValueError):  # closed under our hands, which is an end too
            return b""
