"""Messages of one task to a worker, or from it, over queues of the scheduler."""

from __future__ import annotations

import hashlib
import json
import queue
import threading
from concurrent.futures import CancelledError
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

from orchestrator import errors
from orchestrator.errors import FarmError, TransferBroken
from orchestrator.store.event_text import from_line

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from distributed import Client

    from orchestrator.domain.event import Event
    from orchestrator.models.blob_folder import BlobFolder

#: Of a file on its way to a worker: a message, and how many of them wait in the scheduler at most.
PIECE_BYTES = 1 << 20
MOST_WAITING = 8
#: The last message to a worker.
END = "{}"
#: How long a message may wait for its place in a queue.
SEND_S = 60.0
#: How long a controller may take to send an order or a piece of a file.
ANSWER_S = 60.0


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

    def receive_file(self, sha256: str, blobs: BlobFolder) -> None:
        """Get one file into ``blobs``; raises `TransferBroken` where it arrives with another hash, `TimeoutError` where it stops."""
        self.send("want", sha256=sha256)
        size_bytes = json.loads(self.receive(ANSWER_S))["size_bytes"]
        with blobs.unfinished() as file:
            if write_pieces(file, size_bytes, lambda: self.receive(ANSWER_S)) != sha256:
                raise TransferBroken(f"a file arrived on the worker with another hash: {sha256[:12]}…")
        blobs.keep_file(Path(file.name))

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


def write_pieces(file: IO[bytes], size_bytes: int, take: Callable[[], bytes]) -> str | None:
    """Write the pieces of a file that arrives and return its sha256, ``None`` where it is longer than it was to be."""
    digest, left = hashlib.sha256(), size_bytes
    while left > 0:
        piece = take()
        left -= len(piece)
        file.write(piece)
        digest.update(piece)
    return None if left else digest.hexdigest()


def error_to_json(error: FarmError | None) -> dict[str, Any] | None:
    """Return an error by its class, with its message."""
    if error is None:
        return None
    return {"class": type(error).__name__, "message": error.message, "hint": error.hint}


def error_from_json(plain: Mapping[str, Any] | None) -> FarmError | None:
    """Undo `error_to_json`; an error of a class that this farm does not know is a `FarmError`."""
    if plain is None:
        return None
    kind = getattr(errors, str(plain["class"]), FarmError)
    if not (isinstance(kind, type) and issubclass(kind, FarmError)) or kind is errors.UnknownName:
        kind = FarmError
    hint = plain["hint"]
    return kind(str(plain["message"]), hint=None if hint is None else str(hint))


def event_of(text: str, run: str, device: str, worker: str) -> Event:
    """Return the event that ``worker`` sends as ``text``; raises `FarmError` for what is no event of ``device`` in ``run``."""
    try:
        event = from_line(text)
    except ValueError as error:
        raise FarmError(f"{device}: worker {worker} sends what is no event: {error}") from error
    if event.run != run or event.device != device:
        raise FarmError(f"{device}: worker {worker} sends an event of another lane")
    return event
