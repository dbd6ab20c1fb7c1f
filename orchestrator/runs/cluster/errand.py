"""A task that a worker does for the controller, seen from there."""

from __future__ import annotations

import json
import queue
import time
from contextlib import suppress
from importlib.metadata import version
from itertools import chain
from typing import TYPE_CHECKING, Any

from orchestrator.errors import FarmError, TransferBroken, brief
from orchestrator.runs.cluster.line import PIECE_BYTES, SEND_S, write_pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from distributed import Future

    from orchestrator.runs.cluster.cluster import Cluster, Worker
    from orchestrator.runs.cluster.worker import Kind

#: How long a worker may take until its turn begins.
WORKER_S = 30.0
TICK_S = 0.5
#: How long a piece of a file may wait before the worker is looked for.
PIECE_S = 5.0


class Errand:
    """One task on one ``worker``; ``what`` begins each message about it, ``site`` is the one that it is near."""

    def __init__(self, cluster: Cluster, what: str, worker: Worker, kind: Kind, *, site: str | None = None) -> None:
        self.worker = worker
        self._cluster, self._what, self._kind, self._site = cluster, what, kind, site
        self._line: Any = None
        self._files: Any = None
        self._mark = ""
        self._is_cancelled = False

    def messages(self, order: Callable[[], str], *, silence_s: float | None = None) -> Generator[dict[str, Any]]:
        """Yield what the worker sends once it has its order: ``begun``, then what its task says; end where the worker is lost.

        Whoever has heard the last message closes this. Raises `FarmError` for what is wrong with the scheduler, or with farm on the
        worker, and for a worker that sends nothing for ``silence_s``.
        """
        future, inbox = self._cluster.begin(self._kind, self.worker, self._site)
        began = heard = time.monotonic()
        try:
            while not self._is_cancelled:
                try:
                    message = inbox.get(timeout=TICK_S)
                except queue.Empty:
                    self.refuse_lost()
                    if self._is_lost:
                        return
                    if future.done():
                        if not inbox.empty():
                            continue
                        self._refuse_failed(future)
                        return
                    if self._line is None and time.monotonic() >= began + WORKER_S:
                        words = f"worker {self.worker.name} has no thread free for it within {WORKER_S:g} s"
                        raise FarmError(f"{self._what}: {words}") from None
                    if silence_s is not None and time.monotonic() >= heard + silence_s:
                        words = f"worker {self.worker.name} sent nothing for {silence_s:g} s"
                        raise FarmError(f"{self._what}: {words}") from None
                    continue
                heard = time.monotonic()
                if message["kind"] == "begun":
                    self._begin(message, order)
                    yield message
                elif message["try"] == self._mark:
                    yield message
        finally:
            self._forget()
            self._cluster.end(self.worker, future)

    def put(self, item: str, timeout_s: float = SEND_S) -> None:
        """Send a message to the worker; raises `queue.Empty` where none has begun, `OSError` where none takes it."""
        line = self._line
        if line is None:
            raise queue.Empty
        line.put(item, timeout=timeout_s)

    def send(self, path: Path) -> None:
        """Send a file, piece by piece, for as long as the worker is there."""
        with path.open("rb") as file:
            pieces = iter(lambda: file.read(PIECE_BYTES), b"")
            for piece in chain([json.dumps({"size_bytes": path.stat().st_size})], pieces):
                while True:
                    try:
                        self._line.put(piece, timeout=PIECE_S)
                        break
                    except TimeoutError:
                        if self._is_gone:
                            return

    def receive(self, path: Path, size_bytes: int, sha256: str) -> None:
        """Write a file that the worker sends; raises `TransferBroken` where it stops, or arrives as another one."""

        def take() -> bytes:
            while True:
                try:
                    return self._files.get(timeout=PIECE_S)  # type: ignore[no-any-return]
                except TimeoutError:
                    if self._is_gone:
                        raise TransferBroken(f"{self._what}: worker {self.worker.name} is lost") from None

        with path.open("wb") as file:
            arrived = write_pieces(file, size_bytes, take)
        if arrived != sha256:
            raise TransferBroken(
                f"{self._what}: a file of worker {self.worker.name} arrived with another hash: {sha256[:12]}…"
            )

    def cancel(self) -> None:
        """Let `messages` end."""
        self._is_cancelled = True

    def refuse_lost(self) -> None:
        """Raise `FarmError` where the scheduler is lost."""
        if self._cluster.lost is not None:
            raise FarmError(
                f"{self._what}: the Dask scheduler at {self._cluster.address} is lost: {self._cluster.lost}"
            )

    @property
    def _is_lost(self) -> bool:
        return self.worker.address not in self._cluster.workers

    @property
    def _is_gone(self) -> bool:
        """Whether nothing more comes, or goes."""
        return self._is_cancelled or self._is_lost or self._cluster.lost is not None

    def _refuse_failed(self, future: Future[None]) -> None:
        """Raise where a task failed; one that ended without a word, as where its worker waited in vain, is none of those."""
        if future.status == "error":
            reason = brief(future.exception() or RuntimeError("no reason"))
            hint = "pip install 'edge-farm[dask]' of this version there"
            raise FarmError(f"{self._what}: worker {self.worker.name} fails: {reason}", hint=hint)

    def _begin(self, message: dict[str, Any], order: Callable[[], str]) -> None:
        ours = version("edge-farm")
        if message["version"] != ours:
            words = f"{self._what}: worker {self.worker.name} has farm {message['version']}, this is {ours}"
            raise FarmError(words, hint="install the same version there, and start the worker again")
        self._mark = message["try"]
        self._line, self._files = self._cluster.line_to(self._mark), self._cluster.line_from(self._mark)
        self._line.put(order(), timeout=SEND_S)

    def _forget(self) -> None:
        """Let the scheduler forget our queues, with the share that a lost worker had in them."""
        lines, self._line, self._files = (self._line, self._files), None, None
        for line in lines:
            if line is not None:
                with suppress(Exception):  # the scheduler may be gone
                    line.close()
                    if self._is_lost:
                        line.close()
