"""An SQLite file that may only be read, whatever state its last writer left it in."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from pathlib import Path


def is_read_only(path: Path) -> bool:
    """Check whether we may not write to the file, or not beside it, where SQLite keeps what is not in it yet."""
    real_ids = os.access not in os.supports_effective_ids
    return not all(os.access(each, os.W_OK, effective_ids=not real_ids) for each in (path, path.parent))


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection that reads; raises `sqlite3.Error`.

    A file in write-ahead mode has two more beside it while it is used. SQLite makes do without writing where both are there. It
    does not where none is, but then the file is whole and does not change; nor where a log is left of a writer that was
    killed, and its index is not: that log is put into a copy.
    """
    try:
        return _opened(f"{path.as_uri()}?mode=ro")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}:
            raise
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        return _copied(path, log)
    return _opened(f"{path.as_uri()}?mode=ro&immutable=1")


def _opened(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, check_same_thread=False)
    try:
        connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _copied(path: Path, log: Path) -> sqlite3.Connection:
    """Return a connection to a copy with its log, which has no name any more."""
    with tempfile.TemporaryDirectory(prefix="farm-") as folder:
        copy = Path(folder, "farm.db")
        shutil.copyfile(path, copy)
        shutil.copyfile(log, copy.with_name(f"{copy.name}-wal"))
        connection = sqlite3.connect(copy, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=DELETE").fetchone()  # the log is put into the file
        return connection
