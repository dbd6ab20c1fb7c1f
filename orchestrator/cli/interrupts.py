"""What Ctrl-C does: the first one ends a command in order, the second one leaves at once."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

#: What a shell expects of a program that Ctrl-C ended.
STATUS = 128 + signal.SIGINT


class Interrupts:
    """While it is entered, the first Ctrl-C raises `KeyboardInterrupt`; the next one ends the process.

    ``farewell`` returns what the person reads then. Once a first one came, it stays in charge to the end of the process: no
    third one meets Python while that cleans up.
    """

    def __init__(self, farewell: Callable[[], str] = lambda: "") -> None:
        self._farewell = farewell
        self._pressed = 0
        self._before: object = None

    def __enter__(self) -> Self:
        is_ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN  # as of `nohup` and of `farm … &` in a script
        if threading.current_thread() is threading.main_thread() and not is_ignored:
            self._before = signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None and not self._pressed:
            signal.signal(signal.SIGINT, self._before)  # type: ignore[arg-type]  # what `signal` returned

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  as `signal` calls it
        self._pressed += 1
        if self._pressed == 1:
            raise KeyboardInterrupt
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        # The terminal's own line of ^C is left; nothing that may hold a lock is called.
        with contextlib.suppress(OSError, ValueError):
            os.write(sys.stderr.fileno(), f"\n{self._farewell()}".encode(errors="replace"))
        os._exit(STATUS)  # every event that was shown is stored: a killed farm loses nothing
