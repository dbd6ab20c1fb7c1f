"""A copy of a database as one file."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import StoreError
from orchestrator.store import copying
from orchestrator.store import engine as engines

if TYPE_CHECKING:
    from sqlalchemy import Engine


def backup(source: Engine, path: Path) -> None:
    """Write all of ``source`` to the new SQLite file ``path``, while others may go on to write to it.

    The file appears whole or not at all, readable by this user alone, and replaces none. Raises `StoreError`.
    """
    if path.exists():
        raise StoreError(f"{path}: there is a file already, and a backup replaces none", hint="name another file")
    part = path.with_name(path.name + ".part")
    try:
        part.unlink(missing_ok=True)  # of a backup that was killed
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        if source.dialect.name == "sqlite":
            _copy_file(source, part)
        else:
            _copy_rows(source, part)
        os.link(part, path)  # fails where another process made that file meanwhile
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}", hint="name another file") from error
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}", hint="name a file on a disk with room for it") from error
    finally:
        for name in (part.name, f"{part.name}-wal", f"{part.name}-shm"):
            part.with_name(name).unlink(missing_ok=True)


def before_upgrade(source: Engine, revision: str) -> Path | None:
    """Back a SQLite file up beside itself; return the new file, ``None`` where the database is no file."""
    if source.dialect.name != "sqlite" or not source.url.database:
        return None
    file = Path(source.url.database).absolute()
    number, path = 1, file.with_name(f"{file.stem}-schema-{revision}{file.suffix}")
    while path.exists():
        number += 1
        path = file.with_name(f"{file.stem}-schema-{revision}-{number}{file.suffix}")
    backup(source, path)
    return path


def _copy_file(source: Engine, path: Path) -> None:
    connection = source.raw_connection()
    try:
        driver: Any = connection.driver_connection
        with closing(sqlite3.connect(path)) as target:
            driver.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    finally:
        connection.close()


def _copy_rows(source: Engine, path: Path) -> None:
    target = engines.connect(f"sqlite:///{path}")
    try:
        copying.copy(source, target)
    finally:
        target.dispose()
