"""Images in packed files of bounded size, each read into memory by itself.

A shard is one line of JSON, ``{"shape": [images, height, width, channels]}``, and a zlib stream of as many uint8: each pixel less
its neighbours to the left and above, ``p[y, x] - p[y, x-1] - p[y-1, x] + p[y-1, x-1]`` modulo 256, with Huffman codes alone
(no matches are looked for, in which radiographs are poor). docs/methods.md has the figures.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Optional

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Of what is read or unpacked at a time.
CHUNK = 1 << 20
#: Of the first line.
_LINE_BYTES = 200


class DamagedShard(Exception):  # noqa: N818  a fact about a file
    """A file that is no shard, or not a whole one."""


def pack(pixels: NDArray[np.uint8]) -> bytes:
    """Return uint8 images [n, height, width, channels] as a shard; ``pixels`` stay as they are."""
    packer = zlib.compressobj(6, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_HUFFMAN_ONLY)
    parts = [json.dumps({"shape": pixels.shape}).encode() + b"\n"]
    for image in pixels:
        across = image.copy()
        across[:, 1:] -= image[:, :-1]
        differences = across.copy()
        differences[1:] -= across[:-1]
        parts.append(packer.compress(differences.tobytes()))
    parts.append(packer.flush())
    return b"".join(parts)


def unpack(path: str, *, most: Optional[int] = None) -> NDArray[np.uint8]:
    """Return the images of a shard, the first ``most`` of them, uint8 [n, height, width, channels].

    Takes their own memory and a few `CHUNK`. Raises `DamagedShard`, and `OSError` where the file can't be read.
    """
    with open(path, "rb") as file:
        images, height, width, channels = _shape(file.readline(_LINE_BYTES))
        images = images if most is None else min(images, most)
        pixels = np.empty((images, height, width, channels), np.uint8)
        flat, filled = pixels.reshape(-1), 0
        unpacker, packed = zlib.decompressobj(), b""
        try:
            while filled < flat.size and not unpacker.eof:
                packed = unpacker.unconsumed_tail or file.read(CHUNK)
                chunk = unpacker.decompress(packed, min(CHUNK, flat.size - filled))
                if not packed and not chunk:
                    break
                flat[filled : filled + len(chunk)] = np.frombuffer(chunk, np.uint8)
                filled += len(chunk)
        except zlib.error as error:
            raise DamagedShard("a shard can't be unpacked: %s" % error) from error
    if filled < flat.size:
        raise DamagedShard("a shard ends after %d of %d bytes" % (filled, flat.size))
    for image in pixels:
        np.add.accumulate(image, axis=0, dtype=np.uint8, out=image)
        np.add.accumulate(image, axis=1, dtype=np.uint8, out=image)
    return pixels


def _shape(line: bytes) -> tuple[int, ...]:
    try:
        shape = tuple(json.loads(line)["shape"])
    except (ValueError, TypeError, KeyError) as error:
        raise DamagedShard("a file is no shard: it begins with %r" % line[:40]) from error
    if len(shape) != 4 or not all(type(side) is int and side >= 0 for side in shape):
        raise DamagedShard("a shard can't have the shape %r" % (shape,))
    return shape
