"""A terminal that a test looks at: what a program draws is on its screen as a person sees it."""

from __future__ import annotations

import errno
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pyte

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path


class Terminal:
    """What was drawn, rendered; ``text`` is all that came, as it came."""

    def __init__(self, columns: int = 120, lines: int = 30) -> None:
        self._screen = pyte.HistoryScreen(columns, lines, history=1000)
        self._screen.set_mode(pyte.modes.LNM)
        self._stream = pyte.Stream(self._screen)
        self.text = ""

    def feed(self, text: str) -> None:
        """Draw ``text``."""
        self.text += text
        self._stream.feed(text)

    @property
    def shown(self) -> list[str]:
        """The lines on the screen, without what is blank at their ends."""
        return [line.rstrip() for line in self._screen.display if line.strip()]

    def resized(self, columns: int, lines: int) -> Terminal:
        """Return a terminal of another size that shows the same."""
        other = Terminal(columns, lines)
        other.feed("\r\n".join(line.rstrip() for line in self._screen.display[: self._screen.cursor.y + 1]))
        other.text = self.text
        return other

    @property
    def has_cursor(self) -> bool:
        """Whether the cursor is shown."""
        return not self._screen.cursor.hidden


class Program:
    """A program whose terminal is a test's."""

    def __init__(self, process: subprocess.Popen[bytes], master: int, terminal: Terminal) -> None:
        self.process, self._master, self.terminal = process, master, terminal

    def type(self, keys: str) -> None:
        """Press keys: ``\\x03`` is Ctrl-C."""
        os.write(self._master, keys.encode())

    def close(self) -> None:
        """Close the terminal: its programs get a SIGHUP."""
        if self._master >= 0:
            os.close(self._master)
        self._master = -1

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size, of which the program gets a SIGWINCH; lines that are too wide are broken, as most do."""
        self.terminal = self.terminal.resized(columns, lines)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def read_until(self, condition: Callable[[Terminal], object], *, seconds: float = 300) -> None:
        """Draw what comes until ``condition`` holds; raises `AssertionError` where it never does."""
        end = time.monotonic() + seconds
        while not condition(self.terminal):
            ready, _, _ = select.select([self._master], [], [], max(0.0, end - time.monotonic()))
            assert ready, self.terminal.text
            if not self._read():
                assert condition(self.terminal), self.terminal.text
                return

    def read_to_end(self) -> int:
        """Draw what comes until the program ends; return its exit status."""
        while self._read():
            pass
        return self.process.wait(timeout=300)

    def _read(self) -> bool:
        try:
            data = os.read(self._master, 65536)
        except OSError as error:
            if error.errno == errno.EIO:  # Linux: no one has the other end open any more
                return False
            raise
        self.terminal.feed(data.decode(errors="replace"))
        return bool(data)


@contextmanager
def opened(
    argv: Sequence[str | Path],
    *,
    folder: Path,
    environment: Mapping[str, str],
    columns: int = 120,
    lines: int = 30,
    term: str = "xterm-256color",
) -> Iterator[Program]:
    """Start a program in a terminal of its own; it is killed at the end where it still runs."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    kept = {key: value for key, value in environment.items() if key not in ("COLUMNS", "LINES", "CI", "FARM_PLAIN")}
    process = subprocess.Popen(
        list(argv),
        cwd=folder,
        env={**kept, "TERM": term},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  Ctrl-C goes to the terminal's owner
    )
    os.close(slave)
    program = Program(process, master, Terminal(columns, lines))
    try:
        yield program
    finally:
        process.kill()
        process.wait()
        program.close()
