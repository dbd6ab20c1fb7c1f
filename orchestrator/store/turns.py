"""Runs that one process at a time stores."""

from __future__ import annotations

import fcntl
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from sqlalchemy import text

from orchestrator.errors import StoreError
from orchestrator.store.engine import path_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

#: The server notices within a minute that a controller lost its power, and keeps a session that waits long; 14 has the last of them.
PATIENCE = """SELECT set_config(known.name, wanted.value, false) FROM pg_settings AS known JOIN (VALUES
    ('tcp_keepalives_idle', '30'), ('tcp_keepalives_interval', '10'), ('tcp_keepalives_count', '3'), ('idle_session_timeout', '0')
) AS wanted (name, value) ON known.name = wanted.name"""
#: Any number, the same for every farm: the first half of a lock's name in PostgreSQL, the second is the run's hash.
ADVISORY_LOCK = 7_236_128


@contextmanager
def turn(engine: Engine, run: str) -> Iterator[bool]:
    """Yield whether ``run`` is this process's until the end, False where another one has it; whoever dies gives it back.

    PostgreSQL holds an advisory lock of a session, which ends where the server does; beside a file of SQLite's, a file is locked, by
    processes: their threads do not exclude each other. Raises `StoreError` where that can't be.
    """
    if engine.dialect.name == "postgresql":
        with _session_lock(engine, run) as is_ours:
            yield is_ours
    elif (database := path_of(engine.url)) is not None:
        with _file_lock(Path(f"{database.resolve()}-lock"), run) as is_ours:
            yield is_ours
    else:
        yield True


@contextmanager
def _session_lock(engine: Engine, run: str) -> Iterator[bool]:
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    try:
        connection.execute(text(PATIENCE))
        query = text("SELECT pg_try_advisory_lock(:farm, hashtext(:run))")
        yield bool(connection.execute(query, {"farm": ADVISORY_LOCK, "run": run}).scalar())
        with suppress(
            StoreError
        ):  # of a server that is gone, which lets go by itself; after an error nothing waits for one
            connection.execute(text("SELECT pg_advisory_unlock_all()"))
    finally:
        connection.invalidate()
        connection.close()


@contextmanager
def _file_lock(path: Path, run: str) -> Iterator[bool]:
    """Lock one byte of a file that stays empty, which byte by the run."""
    try:
        file = path.open("ab", buffering=0)
    except OSError as error:
        raise _unlockable(path, error) from error
    with file:
        yield _is_locked(file, path, run)


def _is_locked(file: IO[bytes], path: Path, run: str) -> bool:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, zlib.crc32(run.encode()))
    except (BlockingIOError, PermissionError):
        return False
    except OSError as error:
        raise _unlockable(path, error) from error
    return True


def _unlockable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path}: {error.strerror}", hint="a run locks a file beside the database")
