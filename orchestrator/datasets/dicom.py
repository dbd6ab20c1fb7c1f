"""A DICOM file as a picture of 8 bits, as a viewer shows it."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.datasets.file_names import shown
from orchestrator.datasets.regular_file import stat_file
from orchestrator.errors import DatasetError, brief

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

ENDINGS = frozenset({".dcm", ".dicom"})
INSTALL = "install the reader: pip install pydicom (or 'edge-farm[dicom]'), or save the images as PNG"
#: The transfer syntax whose whole content is packed (PS3.5, A.5), and what it may unpack to.
DEFLATED, LARGEST_BYTES = "1.2.840.10008.1.2.1.99", 256 << 20
#: Of a picture of any kind: the largest radiographs have 25 million, and eight are in memory at a time.
MOST_PIXELS = 50_000_000
#: ``PhotometricInterpretation`` that farm reads (PS3.3, C.7.6.3.1.2).
COLOUR = frozenset({"RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "PALETTE COLOR"})
GREY = frozenset({"MONOCHROME1", "MONOCHROME2"})


def is_dicom(path: Path) -> bool:
    """Check by its ending whether a file is DICOM."""
    return path.suffix.lower() in ENDINGS


def picture(path: Path) -> Image.Image:
    """Return the image of a file, mode ``L`` or ``RGB``; raises `DatasetError` naming what can't be read.

    Stored values are rescaled (``RescaleSlope``, ``RescaleIntercept`` or the modality's table), put through the first window or
    table of the file (PS3.3, C.11.2), without one over all values that ``BitsStored`` bits hold, and ``MONOCHROME1`` is
    inverted: air is black in all of them.
    """
    dataset = _read(path, pixels=True)
    try:
        return _picture(path, dataset)
    except DatasetError:
        raise
    except Exception as error:  # pydicom and its decoders raise what they like
        raise DatasetError(
            f"{shown(path)}: its pixels can't be read: {brief(error)}",
            hint="save it uncompressed or as PNG; for JPEG-LS and lossless JPEG: pip install pylibjpeg pylibjpeg-libjpeg",
        ) from error


def patient(path: Path) -> str | None:
    """Return ``PatientID`` from the head of a file, ``None`` where it is empty; raises `DatasetError`."""
    return str(_read(path, pixels=False).get("PatientID") or "").strip() or None


def _read(path: Path, *, pixels: bool) -> Any:
    try:
        import pydicom
    except ImportError:
        raise DatasetError(
            f"{shown(path)}: farm reads DICOM through pydicom, which is not installed", hint=INSTALL
        ) from None
    stat_file(path)
    try:
        _refuse_bomb(path)
        return pydicom.dcmread(path, stop_before_pixels=not pixels)
    except DatasetError:
        raise
    except Exception as error:  # pydicom raises what it likes
        raise DatasetError(
            f"{shown(path)}: can't be read as DICOM: {brief(error)}", hint="replace or remove the file"
        ) from error


def _refuse_bomb(path: Path) -> None:
    """Raise `DatasetError` for a deflated file that unpacks to more than memory should hold: pydicom unpacks it whole."""
    from pydicom.filereader import _read_file_meta_info as read_meta
    from pydicom.filereader import read_preamble

    with path.open("rb") as file:
        read_preamble(file, force=False)
        if str(read_meta(file).get("TransferSyntaxUID", "")) != DEFLATED:
            return
        unpacking, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
        while piece := unpacking.unconsumed_tail or file.read(1 << 20):
            size += len(unpacking.decompress(piece, 1 << 20))
            if size > LARGEST_BYTES:
                raise DatasetError(
                    f"{shown(path)}: it unpacks to more than {LARGEST_BYTES >> 20} MiB", hint="save it as PNG"
                )


def _picture(path: Path, dataset: Any) -> Image.Image:
    from PIL import Image

    photometric = str(dataset.get("PhotometricInterpretation", "MONOCHROME2"))
    expect_size(path, int(dataset.Columns), int(dataset.Rows))
    frames = int(dataset.get("NumberOfFrames") or 1)
    if frames > 1:
        raise DatasetError(f"{shown(path)}: it has {frames} frames", hint="save the one to classify as a file")
    if photometric in GREY:
        return Image.fromarray(_grey(dataset, inverted=photometric == "MONOCHROME1"))
    if photometric in COLOUR:
        return Image.fromarray(_colour(dataset, palette=photometric == "PALETTE COLOR"))
    raise DatasetError(
        f"{shown(path)}: its pixels are {photometric[:40]!r}, which farm does not read", hint="save it as PNG"
    )


def expect_size(path: Path, width: int, height: int) -> None:
    """Raise `DatasetError` for a picture that has more pixels than memory should hold."""
    if width * height > MOST_PIXELS:
        raise DatasetError(
            f"{shown(path)}: {width} × {height} pixels, farm reads at most {MOST_PIXELS:,}", hint="save it smaller"
        )


def _grey(dataset: Any, *, inverted: bool) -> Any:
    from pydicom.pixels import apply_modality_lut, apply_voi_lut

    rescaled = apply_modality_lut(dataset.pixel_array, dataset)
    if "WindowCenter" in dataset or "VOILUTSequence" in dataset:
        shown = np.asarray(apply_voi_lut(rescaled, dataset), np.float64)
        low, high = _window(dataset, shown)
    else:
        shown = np.asarray(rescaled, np.float64)
        ends = np.array([0, (1 << int(dataset.BitsStored)) - 1], np.int64)
        if int(dataset.get("PixelRepresentation", 0)):
            ends -= 1 << (int(dataset.BitsStored) - 1)
        low, high = np.sort(np.asarray(apply_modality_lut(ends, dataset), np.float64))
    if not (np.isfinite([low, high]).all() and np.isfinite(shown).all()):
        raise ValueError("its rescaling or window gives values that are no numbers")
    scaled = np.clip((shown - low) / max(high - low, 1e-9), 0.0, 1.0)
    return np.rint((1.0 - scaled if inverted else scaled) * 255).astype(np.uint8)


def _window(dataset: Any, shown: Any) -> tuple[float, float]:
    """Return the values that are black and white behind the window: the ends of the output range that pydicom maps onto."""
    if "VOILUTSequence" in dataset:
        table = dataset.VOILUTSequence[0]
        return 0.0, float((1 << int(table.LUTDescriptor[2])) - 1)
    from pydicom.pixels import apply_voi_lut

    centre, width = (
        float(value[0] if hasattr(value, "__len__") and not isinstance(value, str) else value)
        for value in (dataset.WindowCenter, dataset.WindowWidth)
    )
    ends = np.array([centre - 4 * width - 1, centre + 4 * width + 1], np.float64)
    low, high = np.asarray(apply_voi_lut(ends, dataset), np.float64)
    return (low, high) if high > low else (float(shown.min()), float(shown.max()))


def _colour(dataset: Any, *, palette: bool) -> Any:
    """Return RGB; pydicom makes it of YBR itself."""
    from pydicom.pixels import apply_color_lut

    values = apply_color_lut(dataset.pixel_array, dataset) if palette else dataset.pixel_array
    return (values >> 8 * (values.dtype.itemsize - 1)).astype(np.uint8)
