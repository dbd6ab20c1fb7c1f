"""Numbers as text for JSON: base64 of zlib of little-endian bytes."""

from __future__ import annotations

import base64
import sys
import zlib
from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Of unpacked samples or scores: 2²⁰ samples are 8 MB, scores of 14 classes for a million images 56 MB.
MOST_BYTES = 1 << 28


def pack_ints(values: Iterable[int]) -> str:
    """Return integers as base64 of zlib of int64 little-endian."""
    packed = array("q", values)
    if sys.byteorder == "big":
        packed.byteswap()
    return pack_bytes(packed.tobytes())


def unpack_ints(text: str) -> tuple[int, ...]:
    """Undo `pack_ints`."""
    packed = array("q")
    packed.frombytes(unpack_bytes(text))
    if sys.byteorder == "big":
        packed.byteswap()
    return tuple(packed)


def pack_bytes(data: bytes) -> str:
    """Return bytes as base64 of zlib."""
    return base64.b64encode(zlib.compress(data, 1)).decode() if data else ""


def unpack_bytes(text: str) -> bytes:
    """Undo `pack_bytes`; raises `ValueError` or `zlib.error` for what is no such text, or more than `MOST_BYTES`."""
    if not text:
        return b""
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(base64.b64decode(text), MOST_BYTES)
    if not unpacker.eof:
        raise ValueError("it is cut off, or more than %d bytes" % MOST_BYTES)
    return data
