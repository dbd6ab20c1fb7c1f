"""Numbers as text for JSON: base64 of zlib of little-endian bytes."""

from __future__ import annotations

import base64
import sys
import zlib
from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def pack_ints(values: Iterable[int]) -> str:
    """Return integers as base64 of zlib of int64 little-endian."""
    packed = array("q", values)
    if sys.byteorder == "big":
        packed.byteswap()
    return pack_bytes(packed.tobytes())


def pack_bytes(data: bytes) -> str:
    """Return bytes as base64 of zlib."""
    return base64.b64encode(zlib.compress(data, 1)).decode() if data else ""


def unpack_bytes(text: str) -> bytes:
    """Undo `pack_bytes` for what this device packed itself."""
    return zlib.decompress(base64.b64decode(text)) if text else b""
