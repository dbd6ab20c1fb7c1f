"""Processes that build artifacts side by side, within limits."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING, Any

from orchestrator.config.child_environment import child_environment
from orchestrator.domain.units import format_bytes, format_seconds
from orchestrator.errors import brief
from orchestrator.models import free_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

#: What a build takes of memory before its model is known: TensorFlow itself; then the model several times over.
TENSORFLOW_BYTES, TIMES_THE_MODEL = 1_000_000_000, 12
#: The share of the free memory that builds take at most, all together.
SHARE_OF_FREE = 0.8
#: A model whose present build has taken so long gets another process where there is room: loading it twice pays then.
SPLIT_AFTER_S = 60.0
#: How long a builder without orders may take to end.
END_WITHIN_S = 20.0
#: How often memory and time are looked at.
LOOK_EVERY_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildLimits:
    """What builds may take of this machine."""

    #: Of one build.
    timeout_s: float = 1800.0
    #: Of all builds that run at once; ``None`` for `SHARE_OF_FREE` of what is free when they begin.
    memory_bytes: int | None = None
    #: Builds side by side; ``None`` for as many as this process has cores.
    at_once: int | None = None

    def filled(self) -> BuildLimits:
        """Return the limits of this moment; memory stays ``None`` where the system does not tell."""
        free = free_memory.free_bytes()
        share = None if free is None else int(free * SHARE_OF_FREE)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        memory = share if self.memory_bytes is None else self.memory_bytes
        return replace(self, memory_bytes=memory, at_once=self.at_once or cores or 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One build, as `orchestrator.models.builder` is asked for it."""

    #: What its answer is known by.
    number: int
    #: Orders of one group have a model in common, which one process loads once.
    group: str
    #: What it takes, roughly: `memory_of`.
    memory_bytes: int
    plain: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of an order."""

    number: int
    seconds: float
    #: The builder's answer: of an artifact, or its ``error``.
    plain: Mapping[str, Any]


def memory_of(model_bytes: int) -> int:
    """Return roughly what building an artifact takes of memory, where the model's files have ``model_bytes``."""
    return TENSORFLOW_BYTES + TIMES_THE_MODEL * model_bytes


class _Process:
    """One builder, which does one order at a time."""

    def __init__(self, number: int, order: Order, folder: Path, log: Path, module: str) -> None:
        self._log_file = folder / f"builder-{number}.log"
        with self._log_file.open("wb") as errors:
            self.child = subprocess.Popen(
                [sys.executable, "-P", "-m", module],  # -P: no module of the folder that farm is called in
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=child_environment(
                    TF_CPP_MIN_LOG_LEVEL="2",
                    CUDA_VISIBLE_DEVICES="-1",
                    TMPDIR=str(folder.absolute()),  # what it leaves when it is killed goes with the folder
                ),
                process_group=0,  # it may start processes of its own, which end with it
            )
        self.group = order.group
        self._folder, self._log = folder, log
        self._unread = b""
        #: Orders that it has answered.
        self.answered = 0
        self._ended_because: str | None = None
        self._status: int | None = None
        self.give(order)

    @property
    def output(self) -> IO[bytes]:
        assert self.child.stdout is not None  # noqa: S101  it is a pipe
        return self.child.stdout

    @property
    def seconds(self) -> float:
        """How long the present order has taken."""
        return time.monotonic() - self._began

    def taken_bytes(self) -> int:
        return free_memory.taken_bytes(self.child.pid)

    def give(self, order: Order) -> None:
        self.order: Order | None = order
        self._began = time.monotonic()
        self._write({**order.plain, "folder": str(self._folder)})

    def answer(self) -> Answer | None:
        """Return the answer that is there, ``None`` for a piece of one; raises `EOFError` where there will be none."""
        piece = os.read(self.output.fileno(), 1 << 20)
        if not piece:
            raise EOFError
        self._unread += piece
        if not self._unread.endswith(b"\n") or self.order is None:
            return None
        number, self.order, line, self._unread = self.order.number, None, self._unread, b""
        self.answered += 1
        return Answer(number=number, seconds=self.seconds, plain=json.loads(line))

    def end(self, because: str | None = None) -> int:
        """End the builder (kill it where there is a reason), keep what it printed, and return its exit status."""
        if self._status is not None:
            return self._status
        if because is not None:
            self._ended_because = because
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.child.pid, signal.SIGKILL)
        else:
            self._write(None)
        for pipe in (self.child.stdin, self.child.stdout):
            assert pipe is not None  # noqa: S101  both are pipes
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
        try:
            self._status = self.child.wait(END_WITHIN_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.child.pid, signal.SIGKILL)
            self._status = self.child.wait()
        with self._log.open("ab") as log:
            log.write(self._log_file.read_bytes())
        return self._status

    def _write(self, order: Mapping[str, Any] | None) -> None:
        assert self.child.stdin is not None  # noqa: S101  it is a pipe
        with contextlib.suppress(BrokenPipeError):  # it is dead: its status tells
            self.child.stdin.write(json.dumps(order).encode() + b"\n")
            self.child.stdin.flush()

    def why(self, status: int) -> str:
        """Return in a sentence why the present order has no answer."""
        if self._ended_because is not None:
            return self._ended_because
        lines = self._log_file.read_text(errors="replace").strip().splitlines()
        words = f"{brief(Exception(lines[-1])) if lines else 'no output'} ({self._log})"
        if status == -signal.SIGKILL:
            return f"its build was killed (SIGKILL), which the kernel does where memory runs out: {words}"
        if status < 0:
            return f"its build crashed ({_signal_name(-status)}): {words}"
        return f"the builder ended with status {status}: {words}"


class BuildProcesses:
    """Builders of one `run_all`; each order ends in an answer, whatever happens to its process."""

    def __init__(  # noqa: PLR0917  what builders share
        self,
        orders: Sequence[Order],
        limits: BuildLimits,
        folder: Path,
        log: Path,
        module: str,
        is_wanted: Callable[[], bool],
    ) -> None:
        self._waiting = list(orders)
        self._is_wanted = is_wanted
        self._limits = limits.filled()
        self._folder, self._log, self._module = folder, log, module
        self._running: list[_Process] = []
        #: Numbers of orders that took too much memory beside or after others: they are done once more, alone.
        self._alone: set[int] = set()
        self._started = 0

    def answers(self) -> Iterator[Answer]:
        """Yield each answer as it is there; whoever stops listening, or wants no more, ends the builders."""
        try:
            while (self._waiting or self._running) and self._is_wanted():
                self._start()
                yield from self._read()
                yield from self._enforce()
        finally:
            for process in self._running:
                process.end("its build was cancelled")

    def _start(self) -> None:
        while (order := self._next()) is not None:
            self._waiting.remove(order)
            self._started += 1
            self._running.append(_Process(self._started, order, self._folder, self._log, self._module))

    def _next(self) -> Order | None:
        """Return an order that another process can be started for now."""
        if not self._running:
            beside_others = (order for order in self._waiting if order.number not in self._alone)
            return next(beside_others, self._waiting[0] if self._waiting else None)
        present = [process.order.number for process in self._running if process.order is not None]
        if len(self._running) >= (self._limits.at_once or 1) or self._alone.intersection(present):
            return None
        for order in self._waiting:
            peers = [process for process in self._running if process.group == order.group]
            if order.number not in self._alone and all(peer.seconds > SPLIT_AFTER_S for peer in peers):
                return order if self._has_room(order) else None
        return None

    def _has_room(self, order: Order) -> bool:
        if self._limits.memory_bytes is None:
            return True
        planned = [
            max(process.taken_bytes(), process.order.memory_bytes if process.order else 0) for process in self._running
        ]
        return sum(planned) + order.memory_bytes <= self._limits.memory_bytes

    def _read(self) -> Iterator[Answer]:
        with selectors.DefaultSelector() as selector:
            for process in self._running:
                selector.register(process.output, selectors.EVENT_READ, process)
            ready = [key.data for key, _ in selector.select(LOOK_EVERY_S)]
        for process in ready:
            try:
                answer = process.answer()
            except EOFError:
                yield from self._lost(process)
                continue
            if answer is not None:
                self._go_on(process)
                yield answer

    def _go_on(self, process: _Process) -> None:
        """Give a process that is done the next order of its model, or end it."""
        same = (order for order in self._waiting if order.group == process.group and order.number not in self._alone)
        following = next(same, None)
        if following is not None:
            self._waiting.remove(following)
            process.give(following)
        else:
            self._running.remove(process)
            process.end()

    def _lost(self, process: _Process) -> Iterator[Answer]:
        """Answer what a dead process leaves: its order; where it ended by itself, all that the next one would not do either."""
        self._running.remove(process)
        status, order, seconds = process.end(), process.order, process.seconds
        if order is None or order in self._waiting:
            return
        left = [order]
        if status >= 0:
            left += [each for each in self._waiting if each.group == order.group]
            self._waiting = [each for each in self._waiting if each not in left]
        for each in left:
            yield Answer(number=each.number, seconds=seconds, plain={"error": process.why(status)})

    def _enforce(self) -> Iterator[Answer]:
        for process in list(self._running):
            if process.order is not None and process.seconds > self._limits.timeout_s:
                limit = format_seconds(self._limits.timeout_s)
                process.end(f"its build took longer than {limit}; give it more: --build-timeout")
                yield from self._lost(process)
        taken = {process: process.taken_bytes() for process in self._running}
        if self._limits.memory_bytes is None or sum(taken.values()) <= self._limits.memory_bytes:
            return
        largest = max(taken, key=lambda process: taken[process])
        limit = format_bytes(self._limits.memory_bytes)
        largest.end(f"its build took more than {limit} of memory; give it more: --build-memory")
        if largest.order is not None and (len(taken) > 1 or largest.answered):
            self._alone.add(largest.order.number)
            self._waiting.append(largest.order)
        yield from self._lost(largest)


def run_all(
    orders: Sequence[Order],
    limits: BuildLimits,
    folder: Path,
    log: Path,
    *,
    module: str = "orchestrator.models.builder",
    is_wanted: Callable[[], bool] = lambda: True,
) -> Iterator[Answer]:
    """Yield the answer to each of the ``orders`` as it is there, for as long as it ``is_wanted``; ``module`` is the program that builds.

    Files are in ``folder``, which builders remove where this process is killed; what they print is kept in ``log``.
    """
    yield from BuildProcesses(orders, limits, folder, log, module, is_wanted).answers()


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
