"""A database engine that behaves the same on SQLite as on PostgreSQL."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy
from sqlalchemy.exc import ArgumentError, DBAPIError

from orchestrator.errors import StoreError, StoreUnavailable
from orchestrator.store import damage, exceptions, read_only

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL, ExceptionContext
    from sqlalchemy.pool import ConnectionPoolEntry

#: How long a PostgreSQL server may take to answer a new connection; psycopg alone would wait for more than two minutes.
CONNECT_TIMEOUT_S = 10
EXAMPLES = "sqlite:///farm.db or postgresql+psycopg://user@machine/farm (the password in PGPASSWORD or ~/.pgpass)"
#: The one driver of each kind that farm brings along, whichever a URL names.
DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
#: Under which a connection keeps what its file was when it was opened.
INODE = "farm_inode"


def connect(text: str, *, create: bool = True) -> Engine:
    """Return an engine that has reached its database.

    Without ``create``, a file of SQLite's that does not exist is not made: the engine is of an empty database in memory;
    one that may only be read is read.
    Raises `StoreError`, as everything does that the engine is asked later; no message shows a password.
    """
    url = parse_url(text)
    try:
        engine = _sqlite(url, create=create) if url.get_backend_name() == "sqlite" else _postgresql(url)
        sqlalchemy.event.listen(engine, "handle_error", _translate)
    except (ArgumentError, TypeError, ValueError) as error:  # of an option that SQLAlchemy reads itself
        raise exceptions.translate(url, error) from None
    try:
        with engine.connect():
            pass
    except StoreError as error:
        engine.dispose()
        raise StoreError(error.message, hint=error.hint or f"--db {EXAMPLES}") from None
    except (TypeError, ValueError) as error:  # an option that the driver does not know
        engine.dispose()
        raise exceptions.translate(url, error) from None
    return engine


def refuse_writes(engine: Engine) -> None:
    """Have the database itself refuse whatever writes from here on, where a page is served from it."""
    statement = "PRAGMA query_only=ON" if engine.dialect.name == "sqlite" else "SET TRANSACTION READ ONLY"

    @sqlalchemy.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(statement)


def parse_url(text: str) -> URL:
    """Return the URL of a database that farm can use; raises `StoreError`, whose message shows no part of a wrong one."""
    system = text.partition("://")[0].partition("+")[0]
    if system not in DRIVERS or "://" not in text:
        what = f"{system} is not a database that farm can use" if "://" in text else _no_url(text)
        raise StoreError(what, hint=f"--db {EXAMPLES}")
    try:
        url = sqlalchemy.make_url(text).set(drivername=DRIVERS[system])
    except (ArgumentError, ValueError):  # their words show the password
        raise StoreError(
            f"the {system} URL can't be read: its port must be a number, and in a password @ is written %40",
            hint=f"--db {EXAMPLES}",
        ) from None
    if url.get_backend_name() != "sqlite" and "@" in f"{url.host}{url.database}":
        raise StoreError(
            f"the {system} URL has an unescaped @: write it as %40 in a user name or a password",
            hint="better, leave the password to PGPASSWORD or ~/.pgpass",
        )
    return url


def name_of(url: URL) -> str:
    """Return what names a database whoever asks, from wherever: no user, no password, the whole path of a file."""
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{Path(url.database).resolve()}" if url.database else "sqlite://"
    place = {key: value for key, value in url.query.items() if key in {"host", "port", "service"}}
    return sqlalchemy.URL.create(url.drivername, None, None, url.host, url.port, url.database, place).render_as_string()


def _no_url(text: str) -> str:
    """Return a sentence; what may hold a password is not in it."""
    return "a database is named by its URL" + ("" if set("@:=") & set(text) else f", not {text!r}")


def _translate(context: ExceptionContext) -> None:
    """Raise a driver's error as ours, whatever was asked; its cause is the driver's error."""
    error = context.sqlalchemy_exception
    if isinstance(error, DBAPIError) and context.engine is not None and not context.is_pre_ping:
        raise exceptions.translate(context.engine.url, error) from error.orig


def _postgresql(url: URL) -> Engine:
    return sqlalchemy.create_engine(url, pool_pre_ping=True, connect_args=_arguments(url), json_deserializer=_json)


def _arguments(url: URL) -> dict[str, Any]:
    """Return how long to wait for a server and in which encoding to speak to it, unless the URL or the environment says it.

    From a database without an encoding (SQL_ASCII, which initdb makes in the locale C) psycopg would read bytes for text.
    """
    arguments: dict[str, Any] = {}
    if "client_encoding" not in url.query:
        arguments["client_encoding"] = "utf8"
    if "connect_timeout" not in url.query and "PGCONNECT_TIMEOUT" not in os.environ:
        arguments["connect_timeout"] = CONNECT_TIMEOUT_S
    return arguments


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        message = f"the database is damaged: it holds text that is not JSON ({error})"
        raise StoreError(message, hint="restore a copy of it") from None


def _sqlite(url: URL, *, create: bool) -> Engine:
    path = path_of(url)
    if path is not None and not create and not path.exists():
        url, path = sqlalchemy.URL.create("sqlite"), None
    only_read = path if path is not None and not create and read_only.is_read_only(path) else None
    options = {} if only_read is None else {"creator": lambda: read_only.connect(only_read)}
    engine = sqlalchemy.create_engine(url, **options)
    if path is not None:
        damage.guard(engine, path, _tables)

    @sqlalchemy.event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, below
        try:
            for pragma in (f"busy_timeout={exceptions.BUSY_TIMEOUT_MS}", "foreign_keys=ON", "synchronous=FULL"):
                connection.execute(f"PRAGMA {pragma}")
            if only_read is None:
                _write_ahead(connection)
        except sqlite3.Error as error:  # SQLAlchemy translates no error of a listener's
            raise exceptions.translate(url, error) from error
        record.info[INODE] = _inode(path)  # now there is a file

    @sqlalchemy.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer that begins by reading could not be made to wait for another writer.
        immediate = connection.get_execution_options().get("writes", False)
        if immediate and connection.info.get(INODE) != _inode(path):  # SQLite would write into a file without a name
            raise StoreUnavailable(
                f"{exceptions.shown(url)}: the file was moved or deleted since it was opened", hint="put it back"
            )
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def _tables() -> tuple[sqlalchemy.Table, ...]:
    from orchestrator.store import schema

    return tuple(schema.Base.metadata.tables.values())


def _inode(path: Path | None) -> int | None:
    """Return what tells a file from another one of its name, ``None`` where there is none."""
    try:
        return None if path is None else path.stat().st_ino
    except OSError:
        return None


def path_of(url: URL) -> Path | None:
    """Return the file of a SQLite database, ``None`` for one in memory; raises `StoreError` where no file can be."""
    if not url.database or url.database.startswith((":", "file:")):
        return None
    path = Path(url.database).absolute()
    try:
        if not path.parent.is_dir():
            raise StoreError(f"{path}: there is no folder {path.parent}")
        if path.is_dir():
            raise StoreError(f"{path}: is a folder, not a database")
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}") from None
    return path


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Switch the file to write-ahead logging, once in its life.

    SQLite answers a switch at the same moment as another's with "locked" at once, whatever ``busy_timeout`` says:
    each of the two would wait for the other to read no more (https://www.sqlite.org/c3ref/busy_handler.html).
    """
    deadline = time.monotonic() + exceptions.BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
