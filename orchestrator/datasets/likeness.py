"""A hash by which an image is recognised at another size."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Signs of the lowest frequencies of an image, but for its brightness: 16 × 16 of them (Zauner, Implementation and Benchmarking of
#: Perceptual Image Hash Functions, 2010, with 8 × 8).
BITS = 256
#: The most bits that differ between two sizes of one image. Of 400 radiographs at 28 to 160 pixels and at 224, the same image differed
#: in 13 at most, of 3 million pairs two different radiographs in 42 at least, two phantoms in 35.
NEAR = 20
#: Height and width that images are shrunk to.
SIDE = 32
#: A standard deviation, in grey levels, below which an image has no likeness: it is blank.
BLANK = 1.0
#: Height or width below which an image has none either.
SMALLEST = 24
#: Hashes that are compared at once.
BLOCK = 8192


def likenesses(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return uint8 [n, 32] for images uint8 [n, height, width, channels]; zeros for images that are blank or too small."""
    from PIL import Image

    hashes = np.zeros((len(pixels), BITS // 8), np.uint8)
    if min(pixels.shape[1:3]) < SMALLEST:
        return hashes
    waves = _waves()
    for place, image in enumerate(pixels):
        grey = image.mean(axis=-1, dtype=np.float32)
        small = np.asarray(Image.fromarray(grey).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
        if small.std() >= BLANK:
            frequencies = (waves @ small @ waves.T).ravel()[1 : BITS + 1]
            hashes[place] = np.packbits(frequencies > 0)
    return hashes


def recognised(hashes: NDArray[np.uint8], among: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return for each of ``hashes`` [n, 32] whether an image of ``among`` [m, 32] is the same one; a blank image never is."""
    nearest = np.full(len(hashes), BITS, np.float32)
    wanted = _signs(hashes)
    for start in range(0, len(among), BLOCK):
        block = among[start : start + BLOCK]
        block = block[block.any(axis=1)]
        if len(block):
            nearest = np.minimum(nearest, (BITS - (wanted @ _signs(block).T).max(axis=1)) / 2)
    same: NDArray[np.bool_] = (nearest <= NEAR) & hashes.any(axis=1)
    return same


def _signs(hashes: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return bits as -1 and 1, whose product counts those that are equal less those that differ."""
    return np.unpackbits(hashes, axis=1).astype(np.float32) * 2 - 1


@cache
def _waves() -> NDArray[np.float32]:
    """Return the cosines of the lowest frequencies [17, 32]."""
    places = (np.arange(SIDE) + 0.5) * np.pi / SIDE
    return np.cos(np.arange(17)[:, None] * places[None]).astype(np.float32)
