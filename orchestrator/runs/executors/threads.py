"""Run lanes in parallel, one thread each."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    T = TypeVar("T")


def run_parallel(runners: Sequence[Callable[[], Iterator[T]]]) -> Iterator[T]:
    """Yield what all ``runners`` yield, as it comes; an exception in one is raised here, at once.

    The threads are daemons: whoever stops early must make the runners end by other means.
    """
    arrived: queue.SimpleQueue[tuple[T] | BaseException | None] = queue.SimpleQueue()

    def drive(runner: Callable[[], Iterator[T]]) -> None:
        try:
            for item in runner():
                arrived.put((item,))
        except BaseException as error:  # noqa: BLE001  it is raised again in the thread that asked
            arrived.put(error)
        finally:
            arrived.put(None)

    for runner in runners:
        threading.Thread(target=drive, args=(runner,), daemon=True).start()
    running = len(runners)
    while running:
        found = arrived.get()
        if found is None:
            running -= 1
        elif isinstance(found, BaseException):
            raise found
        else:
            yield found[0]
