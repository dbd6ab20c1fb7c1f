"""Run stages in parallel, one thread each."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from orchestrator.devices.fleet import HEARD_WITHIN_S
from orchestrator.runs.executors.arenas import share_arenas
from orchestrator.runs.executors.open_files import allow_files

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Sequence

T = TypeVar("T")
R = TypeVar("R")


#: So many at most are taken together.
MOST = 256


class StageThreads(Generic[T]):
    """Stages that run in a thread each; what they yield is taken in one place, where stages may be added meanwhile.

    The threads are daemons: whoever stops early must make the stages end by other means.
    """

    def __init__(self) -> None:
        self._arrived: queue.SimpleQueue[tuple[T] | BaseException | None] = queue.SimpleQueue()
        self._running = 0
        self._error: BaseException | None = None

    @property
    def is_running(self) -> bool:
        """Whether a stage has not ended, or its error was not raised."""
        return self._running > 0 or self._error is not None

    def add(self, stages: Sequence[Callable[[], Iterable[T]]]) -> None:
        """Start ``stages``."""
        share_arenas()
        self._running += len(stages)
        allow_files(self._running)
        for stage in stages:
            threading.Thread(target=self._drive, args=(stage,), daemon=True).start()

    def take(self, timeout_s: float | None = None) -> tuple[T, ...]:
        """Wait until something was yielded or has ended, for ``timeout_s`` or `HEARD_WITHIN_S` at most; return what waits, `MOST` at most.

        Raises what a stage raised, once what came before it is taken.
        """
        items: list[T] = []
        wait_s = HEARD_WITHIN_S if timeout_s is None else min(timeout_s, HEARD_WITHIN_S)
        with suppress(queue.Empty):
            while self._error is None and len(items) < MOST:
                arrived = self._arrived.get(timeout=wait_s)
                wait_s = 0.0
                if arrived is None:
                    self._running -= 1
                elif isinstance(arrived, BaseException):
                    self._error = arrived
                else:
                    items.append(arrived[0])
        if self._error is not None and not items:
            error, self._error = self._error, None
            raise error
        return tuple(items)

    def _drive(self, stage: Callable[[], Iterable[T]]) -> None:
        try:
            for item in stage():
                self._arrived.put((item,))
        except BaseException as error:  # noqa: BLE001  it is raised again in the thread that takes
            self._arrived.put(error)
        finally:
            self._arrived.put(None)


def run_parallel(
    stages: Sequence[Callable[[], Generator[T, None, R]]],
) -> Generator[tuple[T, ...], None, tuple[R, ...]]:
    """Yield what all ``stages`` yield, as it comes: what waits at the same moment together.

    Returns what they return, in order. An exception in one is raised here, after what came before it.
    """
    returned: dict[int, R] = {}

    def items(index: int, stage: Callable[[], Generator[T, None, R]]) -> Generator[T, None, None]:
        returned[index] = yield from stage()

    threads: StageThreads[T] = StageThreads()
    threads.add([partial(items, index, stage) for index, stage in enumerate(stages)])
    while threads.is_running:
        arrived = threads.take()
        if arrived:
            yield arrived
    return tuple(returned[index] for index in range(len(stages)))
