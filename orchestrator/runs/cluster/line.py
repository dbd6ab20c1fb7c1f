"""Messages of one task to a worker, or from it, over queues of the scheduler."""

from __future__ import annotations

import json
import queue
import threading
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any
from uuid import uuid4

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Client

#: Of a file on its way to a worker: a message, and how many of them wait in the scheduler at most.
PIECE_BYTES = 1 << 20
MOST_WAITING = 8
#: The last message to a worker.
END = "{}"
#: How long a message may wait for its place in a queue.
SEND_S = 60.0


def queue_of(client: Client, name: str, *, maxsize: int = 0) -> Any:
    """Return the queue of the scheduler called ``name``, made where there is none."""
    from distributed import Queue

    return Queue(name, client=client, maxsize=maxsize)


def queue_back(client: Client, name: str) -> Any:
    """Return the queue for files from the worker whose queue is called ``name``."""
    return queue_of(client, f"{name}-back", maxsize=MOST_WAITING)


class WorkerLine:
    """A worker's end, for one try at one task: JSON goes out with the mark of the try, JSON and pieces of files come in."""

    def __init__(self, client: Client, name: str, task: str) -> None:
        self._task, self._try = task, uuid4().hex
        self._out = queue_of(client, name)
        self._in = queue_of(client, f"{name}-{self._try}", maxsize=MOST_WAITING)
        self._files = queue_back(client, f"{name}-{self._try}")
        self._arrived: queue.Queue[Any] = queue.Queue(maxsize=MOST_WAITING)
        threading.Thread(target=self._take, daemon=True).start()

    def send(self, kind: str, **fields: Any) -> None:
        """Send a message; raises `OSError` where the scheduler is gone, or the controller."""
        text = json.dumps({"kind": kind, "task": self._task, "try": self._try, **fields})
        try:
            self._out.put(text, timeout=SEND_S)
        except KeyError:  # the controller let the scheduler forget its queue
            raise ConnectionResetError("the controller is gone") from None

    def send_file(self, path: Path) -> None:
        """Send a file piece by piece, for as long as the controller takes them; raises `OSError` where it does not."""
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                self._files.put(piece, timeout=SEND_S)

    def receive(self, timeout_s: float) -> Any:
        """Return the next message, or piece of a file; `END` is the last. Raises `TimeoutError`."""
        try:
            return self._arrived.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError from None

    def end(self) -> None:
        """Let whoever receives have `END`."""
        self._in.put(END, timeout=SEND_S)

    def close(self) -> None:
        """Let the scheduler forget the queues."""
        self._in.close()
        self._files.close()

    def _take(self) -> None:
        # without a time limit: the scheduler logs each one that passes as an error
        message = None
        while message != END:
            try:
                message = self._in.get()
            except (Exception, CancelledError):  # noqa: BLE001  of a scheduler that is gone, whatever Dask makes of it
                message = END
            self._arrived.put(message)
