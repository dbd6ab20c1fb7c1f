"""What signals do: the first Ctrl-C ends a command in order, the second one leaves at once."""

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
#: Ctrl-C, and what `kill`, systemd, Docker and a job of continuous integration send to what shall end.
IN_ORDER = (signal.SIGINT, signal.SIGTERM)
#: What a terminal that is closed, or whose connection broke, sends: no person waits for an orderly end.
AT_ONCE = (signal.SIGHUP,)


class Interrupted(KeyboardInterrupt):
    """A signal asked this command to end in order."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def status_of(error: BaseException | None) -> int:
    """Return the exit status that a shell expects after the signal that led to ``error``."""
    while error is not None and not isinstance(error, Interrupted):
        error = error.__cause__ or error.__context__
    return STATUS if error is None else 128 + error.number


class Interrupts:
    """While it is entered, the first Ctrl-C or SIGTERM raises `Interrupted`; the next one, or SIGHUP, ends the process.

    ``farewell`` returns what the person reads then. Once a first one came, it stays in charge to the end of the process: no
    third one meets Python while that cleans up.
    """

    def __init__(self, farewell: Callable[[], str] = lambda: "") -> None:
        self._farewell = farewell
        self._pressed = 0
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (*IN_ORDER, *AT_ONCE):
                if signal.getsignal(number) is not signal.SIG_IGN:  # as of `nohup` and of `farm … &` in a script
                    self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        if not self._pressed:
            for number, before in self._before.items():
                signal.signal(number, before)  # type: ignore[arg-type]  # what `signal` returned

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  as `signal` calls it
        self._pressed += 1
        if self._pressed == 1 and number in IN_ORDER:
            raise Interrupted(number)
        for each in self._before:
            signal.signal(each, signal.SIG_IGN)
        # The terminal's own line of ^C is left; nothing that may hold a lock is called.
        with contextlib.suppress(OSError, ValueError):
            os.write(sys.stderr.fileno(), f"\n{self._farewell()}".encode(errors="replace"))
        os._exit(128 + number)  # every event that was shown is stored: a killed farm loses nothing
