"""The traffic with a program behind an SSH channel, moved by the thread that asks."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from orchestrator.transports.link import DEAD, hang_up
from orchestrator.transports.pipes import MOST_BYTES, PIECE_BYTES, Patience, Tail, pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import paramiko

#: How long to wait for room in the far end's window before looking at what the program prints meanwhile.
ROOM_S = 0.25
#: What paramiko keeps free in each packet; so many whole packets are read of a file at a time, for each costs Python the same.
PACKET_HEAD_BYTES, PACKETS = 64, 2


class _Bell(threading.Event):
    """Rung by either output of a channel; paramiko clears an event once *one* of them is empty, which would lose the other's."""

    def clear(self) -> None:
        """Keep what was rung: `wait_anew` forgets it."""

    def wait_anew(self, timeout_s: float | None) -> bool:
        """Wait for a ring since the last call that returned True."""
        rung = self.wait(timeout_s)
        if rung:
            super().clear()
        return rung


class _Sink:
    """Has ``take`` all that a program prints until it returns True; what comes behind that is no part of an answer."""

    def __init__(self, take: Callable[[bytes], bool]) -> None:
        self._take = take
        self.is_whole = False

    def add(self, chunk: bytes) -> None:
        self.is_whole = self.is_whole or self._take(chunk)


class Pump:
    """One channel, without a thread of its own: 200 devices are 200 channels.

    Of standard error the last ``keep_err`` bytes are kept.
    """

    def __init__(self, channel: paramiko.Channel, *, keep_err: int = MOST_BYTES) -> None:
        end = partial(hang_up, channel)
        self.out, self.err = Tail(end), Tail(end, keep=keep_err)
        self._answer: Tail | _Sink = self.out
        self._channel = channel
        self._sent = 0
        self._bell = _Bell()
        channel.in_buffer.set_event(self._bell)
        channel.in_stderr_buffer.set_event(self._bell)

    def run(self, stdin: bytes | BinaryIO, timeout_s: float, progress: Callable[[int], None] | None = None) -> bool:
        """Give the program ``stdin``, keep what it prints; return False where it was hung up on.

        That is after ``timeout_s`` in which it neither ended nor took `pipes.LEAST_PROGRESS_BYTES`.
        """
        clock = Patience(timeout_s, self._taken)
        if not self._give(stdin, clock, progress):
            return False
        with suppress(*DEAD):
            self._channel.settimeout(None)
            self._channel.shutdown_write()
        return self._listen(clock)

    def ask(self, stdin: bytes | BinaryIO, take: Callable[[bytes], bool], timeout_s: float) -> bool | None:
        """Give the program ``stdin``, and ``take`` what it prints; return whether that was whole before the program ended.

        ``None`` is that it was hung up on, as by `run`.
        """
        self._answer = _Sink(take)
        clock = Patience(timeout_s, self._taken)
        if not self._give(stdin, clock) or not self._listen(clock):
            return None
        return self._answer.is_whole

    def send(self, stdin: bytes) -> None:
        """Give the program some bytes, fewer than a channel's window; its standard input stays open."""
        if stdin:
            with suppress(*DEAD):  # it ended, or the link died: its status tells which
                self._channel.sendall(stdin)

    def chunks(self, tick_s: float | None) -> Iterator[bytes]:
        """Yield what the program prints, to its end; ``b""`` after each ``tick_s`` without output."""
        channel = self._channel
        while True:
            at_end = channel.eof_received or channel.closed  # asked first: what came before the end is read below
            while channel.recv_stderr_ready():
                self.err.add(channel.recv_stderr(PIECE_BYTES))
            if channel.recv_ready():
                yield channel.recv(PIECE_BYTES)
            elif at_end:
                return
            elif not self._bell.wait_anew(tick_s):
                yield b""

    def _give(self, stdin: bytes | BinaryIO, clock: Patience, progress: Callable[[int], None] | None = None) -> bool:
        """Send all of ``stdin``; return False where time is up, after hanging up."""
        with suppress(*DEAD):  # it ended without reading all of it, or the link died: its status tells which
            for piece in pieces(stdin, PACKETS * (self._channel.out_max_packet_size - PACKET_HEAD_BYTES)):
                if not self._send(piece, clock):
                    return False
                if progress is not None:
                    progress(self._sent)
        return True

    def _listen(self, clock: Patience) -> bool:
        """Read until the program ended, or its answer is whole; return False where time is up, after hanging up."""
        while not self._drain():
            self._bell.wait_anew(clock.look_s)
            if clock.is_over() and not self._drain():
                hang_up(self._channel)
                return False
        return True

    def _send(self, piece: bytes, clock: Patience) -> bool:
        """Send ``piece``; return False where time is up, after hanging up."""
        rest = memoryview(piece)
        self._channel.settimeout(ROOM_S)
        while rest:
            try:
                count = self._channel.send(rest)
            except TimeoutError:
                self._drain()
                if clock.is_over():
                    hang_up(self._channel)
                    return False
                continue
            if not count:
                raise EOFError
            self._sent += count
            rest = rest[count:]
        return True

    def _taken(self) -> int:
        """Return a count that grows with the bytes that the far end has taken: its window moves on with them."""
        return self._sent + int(self._channel.out_window_size)

    def _drain(self) -> bool:
        """Read all that has come; return whether nothing more can, or need, come."""
        channel = self._channel
        at_end = bool(channel.eof_received or channel.closed)  # asked first: what came before the end is read below
        try:
            while channel.recv_ready():
                self._answer.add(channel.recv(PIECE_BYTES))
            while channel.recv_stderr_ready():
                self.err.add(channel.recv_stderr(PIECE_BYTES))
        except DEAD:
            return True
        return at_end or (isinstance(self._answer, _Sink) and self._answer.is_whole)
