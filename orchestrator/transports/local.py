"""The machine farm runs on, through the same programs as any other device."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from orchestrator.config.child_environment import child_environment
from orchestrator.errors import AgentFailed, NoAnswer
from orchestrator.transports.base import Completed
from orchestrator.transports.pipes import PIECE_BYTES, Alarm, Drain, Patience, pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from io import BufferedReader, BufferedWriter

    from orchestrator.domain.device import Device
    from orchestrator.transports.connector import Connector

#: What a shell answers where there is no such program, or one that can't be run.
NOT_FOUND, NOT_EXECUTABLE = 127, 126
#: How long a program may take to end once its standard input is closed.
PATIENCE_S = 2


class LocalTransport:
    """This machine, to the protocol of `orchestrator.transports.base.Transport`; no shell is involved.

    As over SSH, programs start in the home directory and outside our terminal's process group, so that Ctrl-C reaches
    farm alone.
    """

    def __init__(self, device: Device, connector: Connector | None = None) -> None:
        self._device = device
        self._connector = connector  # every transport is made of the same two things

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes | BinaryIO = b"",
        timeout_s: float = 60.0,
        progress: Callable[[int], None] | None = None,
    ) -> Completed:
        """Run ``argv`` to its end; `NoAnswer` after ``timeout_s`` in which it took nothing of ``stdin``."""
        with _started(argv) as program:
            if isinstance(program, Completed):
                return program
            out, err = Drain(program.out.read1, program.kill), Drain(program.err.read1, program.kill)
            feed = _Feed(program)
            with Alarm(timeout_s, program.kill, taken=lambda: feed.sent) as alarm:
                feed.send(stdin, progress)
                out.wait()
                err.wait()
            if alarm.rang:
                raise NoAnswer(f"{self._device.name}: {argv[0]} gave no answer within {timeout_s:g} s")
            return Completed(status=program.status(), out=out.content, err=err.content)

    def stream(self, argv: Sequence[str], *, stdin: bytes = b"", tick_s: float | None = None) -> Iterator[bytes]:
        """Yield what ``argv`` prints, holding its standard input open behind ``stdin`` until the generator is closed.

        After each ``tick_s`` without output, ``b""`` is yielded.
        """
        with _started(argv) as program:
            if isinstance(program, Completed):
                raise self._failed(argv, program.status, program.err)
            err = Drain(program.err.read1, program.kill, keep=1 << 16)
            with suppress(BrokenPipeError):
                program.stdin.write(stdin)
                program.stdin.flush()
            waiting = select.poll()
            waiting.register(program.out, select.POLLIN)
            while True:
                if tick_s is not None and not waiting.poll(tick_s * 1000):
                    yield b""
                elif chunk := os.read(program.out.fileno(), 1 << 16):
                    yield chunk
                else:
                    break
            err.wait()
            status = program.status()
            if status:
                raise self._failed(argv, status, err.content)

    def dialogue(self, argv: Sequence[str]) -> _Dialogue:
        """Start ``argv`` and return what asks it; close that after use."""
        exits = ExitStack()
        return _Dialogue(f"{self._device.name}: {argv[0]}", exits, exits.enter_context(_started(argv)))

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def _failed(self, argv: Sequence[str], status: int, err: bytes) -> AgentFailed:
        words = err.decode(errors="replace").strip()
        return AgentFailed(
            f"{self._device.name}: {argv[0]} ended with status {status}: {words[-500:]}", status=status, stderr=err
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Program:
    """A child process in a process group of its own, with its pipes."""

    process: subprocess.Popen[bytes]
    stdin: BufferedWriter
    out: BufferedReader
    err: BufferedReader

    def status(self) -> int:
        """Wait for the end and return what a shell would report: 128 + N for a program that signal N ended."""
        status = self.process.wait()
        return status if status >= 0 else 128 - status

    def kill(self) -> None:
        """End the program and its children."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def dismiss(self) -> None:
        """Close the program's standard input, give it a moment to end by itself, then end it."""
        with suppress(BrokenPipeError):
            self.stdin.close()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            self.process.wait()
        self.out.close()
        self.err.close()


@contextmanager
def _started(argv: Sequence[str]) -> Iterator[_Program | Completed]:
    """Start ``argv``, or give what a shell would answer where that can't be done."""
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=Path.home(),
            env=child_environment(),
            start_new_session=True,
        )
    except OSError as error:
        status = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
        yield Completed(status=status, out=b"", err=f"{argv[0]}: {error.strerror}\n".encode())
        return
    program = _Program(
        process=process,
        stdin=cast("BufferedWriter", process.stdin),
        out=cast("BufferedReader", process.stdout),
        err=cast("BufferedReader", process.stderr),
    )
    try:
        yield program
    finally:
        program.dismiss()


class _Dialogue:
    """A child process, to the protocol of `orchestrator.transports.base.Dialogue`; ``exits`` end it."""

    def __init__(self, who: str, exits: ExitStack, program: _Program | Completed) -> None:
        self._who, self._exits, self._program = who, exits, program
        self._sent = 0
        if isinstance(program, _Program):
            os.set_blocking(program.stdin.fileno(), False)
            self._err = Drain(program.err.read1, program.kill, keep=1 << 16)

    def ask(
        self, stdin: bytes | BinaryIO, take: Callable[[bytes], bool], *, timeout_s: float = 60.0
    ) -> Completed | None:
        """Send ``stdin`` and return ``None`` once ``take`` returned True; how the program ended if it did before."""
        with self._exits.pop_all() as exits:
            if isinstance(self._program, Completed):
                return self._program
            if not self._is_answered(self._program, stdin, take, timeout_s):
                self._err.wait()
                return Completed(status=self._program.status(), out=b"", err=self._err.content)
            self._exits = exits.pop_all()
        return None

    def _is_answered(
        self, program: _Program, stdin: bytes | BinaryIO, take: Callable[[bytes], bool], timeout_s: float
    ) -> bool:
        """Move bytes both ways; return False where the program closed its output before ``take`` had all."""
        clock = Patience(timeout_s, lambda: self._sent)
        left, unsent = pieces(stdin), b""
        out, into = program.out.fileno(), program.stdin.fileno()
        while True:
            unsent = unsent or next(left, b"")
            waiting = select.poll()  # unlike `select.select`, whatever the number of a descriptor
            waiting.register(out, select.POLLIN)
            if unsent:
                waiting.register(into, select.POLLOUT)
            ready = dict(waiting.poll(clock.look_s * 1000))
            if into in ready:
                try:
                    count = os.write(into, unsent)
                except BrokenPipeError:  # it ended without reading all of it: its status says why
                    left, count = iter(()), len(unsent)
                self._sent += count
                unsent = unsent[count:]
            if out in ready:
                chunk = os.read(out, PIECE_BYTES)
                if not chunk or take(chunk):
                    return bool(chunk)
            if clock.is_over():
                program.kill()
                raise NoAnswer(f"{self._who} gave no answer within {timeout_s:g} s")

    def close(self) -> None:
        """Close the program's standard input, which ends it; one that is waited for is left to its thread."""
        self._exits.close()


class _Feed:
    """What a program gets on standard input; ``sent`` counts its bytes."""

    def __init__(self, program: _Program) -> None:
        self.sent = 0
        self._program = program

    def send(self, stdin: bytes | BinaryIO, progress: Callable[[int], None] | None) -> None:
        """Send all of it, then close standard input."""
        for piece in pieces(stdin):
            try:
                self._program.stdin.write(piece)
            except BrokenPipeError:
                return  # it ended without reading all of it: its status says why
            self.sent += len(piece)
            if progress is not None:
                progress(self.sent)
        with suppress(BrokenPipeError):
            self._program.stdin.close()
