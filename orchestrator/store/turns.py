"""Runs that one process at a time collects."""

from __future__ import annotations

import fcntl
import os
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

from orchestrator.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

#: Any number, the same for every farm: the first half of a lock's name in PostgreSQL, the second is the run's hash.
ADVISORY_LOCK = 7_236_128


@contextmanager
def turn(engine: Engine, run: str) -> Iterator[bool]:
    """Yield whether ``run`` is this process's until the end, False where another one has it; whoever dies gives it back.

    PostgreSQL holds an advisory lock of a session; beside a file of SQLite's, a file is locked. Raises `StoreError` where that can't be.
    """
    if engine.dialect.name == "postgresql":
        with _session_lock(engine, run) as is_ours:
            yield is_ours
    elif engine.url.database:
        with _file_lock(Path(f"{engine.url.database}-collect"), run) as is_ours:
            yield is_ours
    else:
        yield True


@contextmanager
def _session_lock(engine: Engine, run: str) -> Iterator[bool]:
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        query = text("SELECT pg_try_advisory_lock(:farm, hashtext(:run))")
        yield bool(connection.execute(query, {"farm": ADVISORY_LOCK, "run": run}).scalar())
    finally:
        connection.invalidate()  # a session that ends lets go of its locks
        connection.close()


@contextmanager
def _file_lock(path: Path, run: str) -> Iterator[bool]:
    """Lock one byte of a file that stays empty, which byte by the run."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}", hint="farm collect locks a file beside the database") from error
    try:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, zlib.crc32(run.encode()))
        except (BlockingIOError, PermissionError):
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
