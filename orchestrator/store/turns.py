"""Runs that one process at a time stores."""

from __future__ import annotations

import fcntl
import os
import time
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import text

from orchestrator.errors import StoreError
from orchestrator.store.engine import path_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

#: The server notices within a minute that a controller lost its power, and keeps a session that waits long; 14 has the last of them.
PATIENCE = """SELECT set_config(known.name, wanted.value, false) FROM pg_settings AS known JOIN (VALUES
    ('tcp_keepalives_idle', '30'), ('tcp_keepalives_interval', '10'), ('tcp_keepalives_count', '3'), ('idle_session_timeout', '0')
) AS wanted (name, value) ON known.name = wanted.name"""
#: Between two looks at a lock that another process has.
LOOK_S = 0.2
#: Any number, the same for every farm: the first half of a lock's name in PostgreSQL, the second is the run's hash.
ADVISORY_LOCK = 7_236_128


@contextmanager
def turn(engine: Engine, run: str, wait_s: float = 0.0) -> Iterator[bool]:
    """Yield whether ``run`` is this process's until the end, False where another one has it for ``wait_s``; whoever dies gives it back.

    PostgreSQL holds an advisory lock of a session, which ends where the server does; beside a file of SQLite's, a file is locked, by
    processes: their threads do not exclude each other. Raises `StoreError` where that can't be.
    """
    if engine.dialect.name == "postgresql":
        with _session_lock(engine, run, wait_s) as is_ours:
            yield is_ours
    elif (database := path_of(engine.url)) is not None:
        with _file_lock(database.resolve(), run, wait_s) as is_ours:
            yield is_ours
    else:
        yield True


@contextmanager
def _session_lock(engine: Engine, run: str, wait_s: float) -> Iterator[bool]:
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        connection.execute(text(PATIENCE))
        query, names = text("SELECT pg_try_advisory_lock(:farm, hashtext(:run))"), {"farm": ADVISORY_LOCK, "run": run}
        yield _tried(lambda: bool(connection.execute(query, names).scalar()), wait_s)
        # After an error nothing waits for the server; one that is gone lets go by itself.
        with suppress(StoreError):
            connection.execute(text("SELECT pg_advisory_unlock_all()"))
    finally:
        connection.invalidate()
        connection.close()


@contextmanager
def _file_lock(database: Path, run: str, wait_s: float) -> Iterator[bool]:
    """Lock one byte of a file that stays empty, which byte by the run; who may write ``database`` may lock it."""
    path = Path(f"{database}-lock")
    try:
        descriptor = _opened(path, database)
    except OSError as error:
        raise _unlockable(path, error) from error
    try:
        yield _tried(lambda: _is_locked(descriptor, path, run), wait_s)
    finally:
        os.close(descriptor)


def _opened(path: Path, database: Path) -> int:
    """Open the file, made for whoever may write ``database``; one that was there keeps its mode, and a link is not followed."""
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(path, flags)
    like = database.stat()
    os.fchmod(descriptor, like.st_mode & 0o666)
    with suppress(PermissionError):  # only root may give a file to another user
        os.fchown(descriptor, like.st_uid, like.st_gid)
    return descriptor


def _tried(take: Callable[[], bool], wait_s: float) -> bool:
    """Return whether ``take`` succeeds within ``wait_s``."""
    end = time.monotonic() + wait_s
    while not (is_ours := take()) and time.monotonic() < end:
        time.sleep(LOOK_S)
    return is_ours


def _is_locked(descriptor: int, path: Path, run: str) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, zlib.crc32(run.encode()))
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        raise _unlockable(path, error) from error
    return True


def _unlockable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path}: {error.strerror}", hint="a run locks a file beside the database")
