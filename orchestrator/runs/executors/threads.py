"""Run stages in parallel, one thread each."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    T = TypeVar("T")
    R = TypeVar("R")


def run_parallel(stages: Sequence[Callable[[], Generator[T, None, R]]]) -> Generator[T, None, tuple[R, ...]]:
    """Yield what all ``stages`` yield, as it comes; return what they return, in order.

    An exception in one is raised here, at once. The threads are daemons: whoever stops early must make the stages
    end by other means.
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

    for index, stage in enumerate(stages):
        threading.Thread(target=drive, args=(index, stage), daemon=True).start()
    running = len(stages)
    while running:
        item = arrived.get()
        if item is None:
            running -= 1
        elif isinstance(item, BaseException):
            raise item
        else:
            yield item[0]
    return tuple(returned[index] for index in range(len(stages)))
