"""Events that wait in a file while the results database is out of reach."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from orchestrator.config.private_folder import make_private
from orchestrator.errors import StoreError, StoreUnavailable
from orchestrator.store.event_text import from_line, to_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import Self

    from orchestrator.domain.event import Event
    from orchestrator.store.store import Store

#: The form of the file; another number is of another farm.
FORM = 1
#: Events of one transaction when they are stored at last.
TOGETHER = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """A file in which events of a run wait for a database."""

    path: Path
    run: str
    #: As `orchestrator.store.engine.name_of` names it.
    database: str

    def replay(self, store: Store) -> int | None:
        """Store what waits here, remove the file, and return how many events were not stored yet; raises as `Spool.drain`.

        ``None`` where a running command uses the file: it stores them itself.
        """
        try:
            spool = Spool.reopen(self.path)
        except BlockingIOError:
            return None
        try:
            return spool.drain(store)
        finally:
            spool.close()


class Spool:
    """The file of one run, open and locked; each write is on the disk when it returns."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self.path = path
        self._file = file

    @classmethod
    def open(cls, folder: Path, run: str, database: str) -> Self:
        """Open the file of a run in ``folder``, readable by this user alone, and go on where it ends; raises `StoreError`."""
        path = folder / f"{run}.jsonl"
        try:
            make_private(folder)
            spool = cls(path, _locked(path, os.O_RDWR | os.O_CREAT))
        except BlockingIOError:
            raise StoreUnavailable(f"{path}: another farm command uses it", hint="wait until that one ends") from None
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}") from error
        spool._go_to_the_end()
        if not spool._file.tell():
            spool._append([json.dumps({"farm_spool": FORM, "run": run, "database": database})])
        return spool

    @classmethod
    def reopen(cls, path: Path) -> Self:
        """Open a file that a run left behind; raises `StoreError`, or `BlockingIOError` where another process has it."""
        try:
            return cls(path, _locked(path, os.O_RDWR))
        except BlockingIOError:
            raise
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}") from error

    def write(self, events: Sequence[Event]) -> None:
        """Append ``events``. Raises `StoreError` where the disk refuses, `TypeError` for an event that has no text."""
        self._append([to_line(event) for event in events])

    def drain(self, store: Store) -> int:
        """Store what waits here and is not stored yet, remove the file, and return how many events these were.

        Each event is stored exactly once, however often this is interrupted. Raises `StoreError`, and `StoreUnavailable`
        where the database is still out of reach; the file stays then.
        """
        try:
            count = sum(store.record_missing(*events) for events in self._batches())
            self.path.unlink()
        except BaseException:
            self._go_to_the_end()
            raise
        self.close()
        return count

    def close(self) -> None:
        """Let others at the file."""
        self._file.close()

    def _batches(self) -> Iterator[list[Event]]:
        self._file.seek(0)
        events: list[Event] = []
        for number, line in enumerate(self._file, 1):
            if number == 1 or not line.endswith(b"\n"):
                continue  # what is about the file, or what a killed process left half: it was never shown
            try:
                events.append(from_line(line.decode()))
            except ValueError as error:
                message = f"{self.path}, line {number}: {error}"
                raise StoreError(message, hint="correct or remove that line, then: farm db replay") from None
            if len(events) == TOGETHER:
                yield events
                events = []
        if events:
            yield events

    def _go_to_the_end(self) -> None:
        self._file.seek(0)
        end = sum(len(line) for line in self._file if line.endswith(b"\n"))
        self._file.truncate(end)  # a line that a killed process left half
        self._file.seek(end)

    def _append(self, lines: Sequence[str]) -> None:
        try:
            self._file.write("".join(f"{line}\n" for line in lines).encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise StoreError(f"{self.path}: {error.strerror}") from error


def _locked(path: Path, flags: int) -> IO[bytes]:
    file = os.fdopen(os.open(path, flags, 0o600), "r+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise
    return file


def waiting(folder: Path) -> tuple[Spooled, ...]:
    """Return the files in ``folder`` in which events wait, oldest run first; raises `StoreError` for one that is damaged."""
    found = []
    for path in sorted(folder.glob("*.jsonl")):
        with path.open(encoding="utf-8", errors="replace") as file:
            first = file.readline()
        if not first.endswith("\n"):
            continue  # killed before it held anything
        try:
            head = json.loads(first)
            form, run, database = (head[key] for key in ("farm_spool", "run", "database"))
        except (ValueError, KeyError, TypeError):
            raise StoreError(f"{path}: its first line is damaged", hint="correct or remove the file") from None
        if form != FORM:
            raise StoreError(f"{path}: another version of farm wrote it", hint="use that one: farm db replay")
        found.append(Spooled(path=path, run=run, database=database))
    return tuple(found)
