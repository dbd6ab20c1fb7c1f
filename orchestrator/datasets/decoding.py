"""One image file as uint8 pixels."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from orchestrator.datasets import dicom
from orchestrator.datasets.file_names import shown
from orchestrator.datasets.regular_file import stat_file
from orchestrator.errors import DatasetError, brief

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL import Image

Result = TypeVar("Result")
#: 16-bit files hold 8 to 16 used bits: radiographs mostly 10, 12 or 14.
BITS = range(8, 17)
#: Each holds an image of full size.
MOST_THREADS = 8
#: What Pillow may take a file for, whatever its name says: its other readers start programs (Ghostscript for PostScript), or were
#: written for trust.
FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "TIFF", "WEBP", "PPM", "JPEG2000")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a few images of a dataset have in common."""

    images: int
    modes: tuple[str, ...]
    #: Smallest and largest stored value.
    low: int
    high: int
    #: Largest value of the images with more than 8 bits, ``None`` where no such image is among them.
    deepest: int | None


def decode(path: Path, *, height: int, width: int, grey: bool, bits: int | None) -> NDArray[np.uint8]:
    """Return uint8 [height, width, 1 for grey, else 3], resized bilinearly (averaging where it shrinks).

    ``bits`` is how many bits the values of 16-bit images use; 8-bit images are taken as they are. Raises `DatasetError`
    naming the file.
    """
    from PIL import Image

    def small(image: Image.Image) -> NDArray[np.uint8]:
        if _is_reduced(image) and bits not in (None, BITS[-1]):
            raise DatasetError(
                f"{shown(path)}: 16-bit colour, of which only the upper 8 bits can be read",
                hint=f"save it as 16-bit grey, or with 8 bits (value >> {bits - BITS[0]})",
            )
        eight_bit = Image.fromarray(_eight_bits(path, image, bits)) if _is_deep(image) else image
        mode = "L" if grey else "RGB"
        resized = eight_bit.convert(mode).resize((width, height), Image.Resampling.BILINEAR)
        return np.asarray(resized, np.uint8).reshape(height, width, -1)

    return _read(path, small)


def decode_all(paths: Sequence[Path], *, height: int, width: int, grey: bool, bits: int | None) -> NDArray[np.uint8]:
    """Return what `decode` gives for each path, [n, height, width, channels], with all cores: Pillow lets go of Python's lock.

    Raises `DatasetError` naming the first file of ``paths`` that can't be read; those behind it are not waited for.
    """
    pixels = np.empty((len(paths), height, width, 1 if grey else 3), np.uint8)

    def fill(place: int) -> None:
        pixels[place] = decode(paths[place], height=height, width=width, grey=grey, bits=bits)

    with ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_THREADS)) as threads:
        try:
            for _ in threads.map(fill, range(len(paths))):
                pass
        except BaseException:
            threads.shutdown(wait=False, cancel_futures=True)
            raise
    return pixels


def sample(paths: Sequence[Path]) -> Sample:
    """Return modes and value range of the images at ``paths``; raises `DatasetError` naming a bad file."""

    def values(image: Image.Image) -> tuple[str, bool, int, int]:
        deep, reduced = _is_deep(image), _is_reduced(image)
        stored = np.asarray(image if deep or image.mode in ("L", "RGB") else image.convert("RGB"))
        low, high = int(stored.min()), int(stored.max())
        return (image.mode, True, low << 8, high << 8 | 255) if reduced else (image.mode, deep, low, high)

    rows = [_read(path, values) for path in paths]
    return Sample(
        images=len(rows),
        modes=tuple(sorted({mode for mode, _, _, _ in rows})),
        low=min(low for _, _, low, _ in rows),
        high=max(high for _, _, _, high in rows),
        deepest=max((high for _, deep, _, high in rows if deep), default=None),
    )


def dimensions(path: Path) -> tuple[int, int]:
    """Return (width, height) in pixels from the head of the file; raises `DatasetError` naming it."""
    return _read(path, lambda image: image.size)


def _is_deep(image: Image.Image) -> bool:
    """Return whether a grey image has more than 8 bits."""
    return image.mode.startswith(("I", "F"))


def _is_reduced(image: Image.Image) -> bool:
    """Return whether the file has 16 bits of which Pillow reads the upper 8, as it does with colour; before it is read."""
    return not _is_deep(image) and any(";16" in str(tile[-1]) for tile in getattr(image, "tile", ()))


def _eight_bits(path: Path, image: Image.Image, bits: int | None) -> NDArray[np.uint8]:
    """Return the upper 8 of the used bits; Pillow's own ``convert`` clips everything above 255 to white."""
    values = np.asarray(image)
    if values.dtype.kind == "f":
        raise DatasetError(f"{shown(path)}: its pixels are floating-point numbers", hint="save it with 8 or 16 bits")
    low, high = int(values.min()), int(values.max())
    if bits is None:
        raise DatasetError(
            f"{shown(path)}: a 16-bit image (largest value {high}) among images of 8 bits",
            hint="say how many bits such images use: `bits: 12` (or 16) in the dataset",
        )
    if low < 0 or high >= 1 << bits:
        raise DatasetError(
            f"{shown(path)}: its pixels are {low}..{high}, more than {bits} bits hold",
            hint=f"`bits:` of the dataset must be {max(high.bit_length(), 8)} or more, at most 16",
        )
    eight: NDArray[np.uint8] = (values >> (bits - 8)).astype(np.uint8)
    return eight


def _read(path: Path, use: Callable[[Image.Image], Result]) -> Result:
    from PIL import Image

    stat_file(path)
    try:
        with dicom.picture(path) if dicom.is_dicom(path) else Image.open(path, formats=FORMATS) as image:
            dicom.expect_size(path, *image.size)
            return use(image)
    except DatasetError:
        raise
    except Exception as error:  # Pillow's decoders raise what they like: SyntaxError, struct.error, IndexError …
        raise DatasetError(
            f"{shown(path)}: can't be read as an image: {brief(error)}", hint="replace or remove the file"
        ) from error
