"""The digest of a table: the same on every database, whatever the order of its rows."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

#: Rows that are in memory at once; one of scores may have megabytes.
ROWS = 200
_SPACE = 1 << 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """What a table holds."""

    rows: int
    #: The sum of the rows' sha256, modulo 2^256, in hex.
    sha256: str


def digest_of(connection: Connection, table: Table) -> Digest:
    """Return the digest of a table; raises `StoreError` where a value can't be read."""
    rows, total = 0, 0
    for row in connection.execute(select(table), execution_options={"yield_per": ROWS}):
        content = hashlib.sha256()
        for value in row:
            content.update(_bytes(value))
        rows, total = rows + 1, (total + int.from_bytes(content.digest(), "big")) % _SPACE
    return Digest(rows=rows, sha256=f"{total:064x}")


def _bytes(value: Any) -> bytes:
    """Return a value as bytes that begin with its length, so that no two rows look alike."""
    if isinstance(value, bytes | memoryview):
        content, kind = bytes(value), b"b"
    elif isinstance(value, datetime):
        content, kind = value.astimezone(UTC).isoformat().encode(), b"t"
    elif isinstance(value, dict | list):
        content, kind = json.dumps(value, sort_keys=True).encode(), b"j"
    else:
        content, kind = repr(value).encode(errors="surrogatepass"), b"v"
    return kind + len(content).to_bytes(8, "big") + content
