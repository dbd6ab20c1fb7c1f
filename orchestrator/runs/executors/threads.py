"""Run stages in parallel, one thread each."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, TypeVar

from orchestrator.runs.executors.arenas import share_arenas

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    T = TypeVar("T")
    R = TypeVar("R")


#: So many at most are yielded together.
MOST = 256


def run_parallel(
    stages: Sequence[Callable[[], Generator[T, None, R]]],
) -> Generator[tuple[T, ...], None, tuple[R, ...]]:
    """Yield what all ``stages`` yield, as it comes: what waits at the same moment together.

    Returns what they return, in order. An exception in one is raised here, after what came before it. The threads are
    daemons: whoever stops early must make the stages end by other means.
    """
    arrived: queue.SimpleQueue[tuple[T] | BaseException | None] = queue.SimpleQueue()
    returned: dict[int, R] = {}

    def drive(index: int, stage: Callable[[], Generator[T, None, R]]) -> None:
        def items() -> Generator[T, None, None]:
            returned[index] = yield from stage()

        try:
            for item in items():
                arrived.put((item,))
        except BaseException as error:  # noqa: BLE001  it is raised again in the thread that asked
            arrived.put(error)
        finally:
            arrived.put(None)

    share_arenas()
    for index, stage in enumerate(stages):
        threading.Thread(target=drive, args=(index, stage), daemon=True).start()
    running = len(stages)
    while running:
        waiting = [arrived.get()]
        while len(waiting) < MOST and not arrived.empty():  # we alone take from it
            waiting.append(arrived.get())
        error = next((item for item in waiting if isinstance(item, BaseException)), None)
        items = tuple(item[0] for item in waiting[: waiting.index(error) if error else None] if isinstance(item, tuple))
        running -= waiting.count(None)
        if items:
            yield items
        if error is not None:
            raise error
    return tuple(returned[index] for index in range(len(stages)))
