"""What an error of a database driver means to a user."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.errors import StoreError, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.engine import URL

#: How long a writer waits for another one, in milliseconds.
BUSY_TIMEOUT_MS = 30_000


@dataclass(frozen=True, slots=True)
class Meaning:
    """What happened, and what to do next."""

    what: str
    hint: str | None
    #: Whether the same statement may succeed later, when nothing but the machine, the disk or another process changed.
    passes: bool = False


_LOCKED = Meaning(
    f"another process keeps it locked, for more than {BUSY_TIMEOUT_MS / 1000:.0f} s now",
    "end the process that uses the database (a farm run, a backup, sqlite3), then repeat the command",
    passes=True,
)
_DAMAGED = Meaning("the file is damaged", "restore a copy of it, or save what can be read: sqlite3 FILE .recover")
_READ_ONLY = Meaning(
    "the file may only be read", "let this user write to the file and to its folder, or name another: --db", passes=True
)
_FULL = Meaning("the disk is full", "free some space, then repeat the command", passes=True)
_NOT_OURS = Meaning("it lacks a table or a column of farm's", "farm db check shows its schema; another database: --db")
_UNREACHABLE = Meaning(
    "there is no connection to the server", "check that it runs, and its address and port: --db", passes=True
)
_TAKEN = Meaning("another program's table has a name of farm's", "name another database: --db")
_REFUSED = Meaning("the server refuses the user or the password", "set PGPASSWORD, or write it to ~/.pgpass (mode 600)")
_MISSING = Meaning("the server has no such database or user", "createdb --owner USER --encoding UTF8 NAME makes one")
_NO_CONNECTION = Meaning(
    "the server has no connection left", "end other programs that use it, then repeat the command", passes=True
)
_ENCODING = Meaning(
    "the encoding of the database lacks a character", "createdb --encoding UTF8 makes one that has them all"
)
_OPTIONS = Meaning("its address or options can't be used", "correct the URL: --db")
_STOPPED = Meaning("the server is starting or stopping", "wait for it, then repeat the command", passes=True)

#: Primary result codes of SQLite (https://www.sqlite.org/rescode.html).
SQLITE: Mapping[int, Meaning] = {
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: Meaning("it is not an SQLite database", "name another file: --db sqlite:///farm.db"),
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_AUTH: _READ_ONLY,
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_CANTOPEN: Meaning(
        "the file can't be opened", "let this user read and write the file and its folder", passes=True
    ),
    sqlite3.SQLITE_IOERR: Meaning(
        "the disk reports an error, or the file is gone", "check the disk, then repeat the command", passes=True
    ),
}
#: SQLite has one code for all that is wrong with a statement: a part of its words -> what they mean.
SQLITE_WORDS: Mapping[str, Meaning] = {"no such": _NOT_OURS, "already exists": _TAKEN, "Could not decode": _DAMAGED}
#: Classes and codes of PostgreSQL (Appendix A of its manual); of several that fit, the longest counts.
POSTGRESQL: Mapping[str, Meaning] = {
    "08": _UNREACHABLE,
    "22P05": _ENCODING,
    "25006": Meaning("the server may only be read", "name the primary server: --db", passes=True),
    "28": _REFUSED,
    "3D000": _MISSING,
    "40": Meaning("another process wrote the same rows", "repeat the command", passes=True),
    "42501": Meaning("this user may not do that", "let the owner of the database grant it, or name another user: --db"),
    "42703": _NOT_OURS,
    "42P01": _NOT_OURS,
    "42P07": _TAKEN,
    "53100": _FULL,
    "53300": _NO_CONNECTION,
    "55P03": Meaning("another process keeps it locked", _LOCKED.hint, passes=True),
    "57P": _STOPPED,
}
#: While it connects, libpq has words only: a part of its English ones -> what they mean. The first that fits counts.
CONNECTING: Mapping[str, Meaning] = {
    "password authentication failed": _REFUSED,
    "no password supplied": _REFUSED,
    "no pg_hba.conf entry": _REFUSED,
    '" does not exist': _MISSING,
    "too many clients": _NO_CONNECTION,
    "starting up": _STOPPED,
    "shutting down": _STOPPED,
    ": invalid ": _OPTIONS,
    "invalid connection option": _OPTIONS,
    "invalid URI query parameter": _OPTIONS,
    "bad value for ": _OPTIONS,
}


def translate(url: URL, error: BaseException) -> StoreError:
    """Return a driver's error as one sentence that shows no password, with the next command."""
    driver_error = getattr(error, "orig", None) or error
    meaning = meaning_of(driver_error)
    words = _first_line(url, driver_error)
    if meaning is None:
        return StoreError(f"{shown(url)}: {words}")
    kind = StoreUnavailable if meaning.passes else StoreError
    return kind(f"{shown(url)}: {meaning.what} ({words})", hint=meaning.hint)


def meaning_of(error: BaseException) -> Meaning | None:
    """Return what a driver's error means, ``None`` for one that only a bug of ours can bring about."""
    if not hasattr(error, "sqlstate"):
        code = getattr(error, "sqlite_errorcode", None)
        if code is None:
            return _by_words(SQLITE_WORDS, error) if isinstance(error, sqlite3.Error) else _OPTIONS
        return SQLITE.get(code & 0xFF) or _by_words(SQLITE_WORDS, error)
    code = getattr(error, "sqlstate", None)
    if code is None:
        return _by_words(CONNECTING, error) or _UNREACHABLE
    fitting = [prefix for prefix in POSTGRESQL if code.startswith(prefix)]
    return POSTGRESQL[max(fitting, key=len)] if fitting else None


def _by_words(table: Mapping[str, Meaning], error: BaseException) -> Meaning | None:
    words = str(error)
    return next((meaning for part, meaning in table.items() if part in words), None)


def shown(url: URL) -> str:
    """Return the URL for people, without its passwords."""
    return url.difference_update_query(["password", "sslpassword"]).render_as_string(hide_password=True)


def _first_line(url: URL, error: BaseException) -> str:
    """Return the first line of what the driver says, without the password."""
    words = str(error).strip().partition("\n")[0] or type(error).__name__
    for secret in (url.password, url.query.get("password"), url.query.get("sslpassword")):
        words = words.replace(str(secret), "***") if secret else words
    return words
