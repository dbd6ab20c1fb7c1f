"""DICOM files as a hospital's archive gives them: rescaled, windowed, inverted, deep, in colour, compressed, damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from orchestrator.datasets import decoding, dicom
from orchestrator.datasets.folder import Folder
from orchestrator.errors import DatasetError

RAMP = np.arange(4096, dtype=np.uint16).reshape(64, 64)


def write(path, values, *, bits=12, photometric="MONOCHROME2", **tags):
    """Write a file that holds ``values``, with other elements by keyword."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = "1.2.3"
    image = pydicom.Dataset()
    image.file_meta = meta
    image.SOPClassUID, image.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3"
    image.Rows, image.Columns = values.shape
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, photometric
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, bits, bits - 1
    image.PixelRepresentation = int(values.dtype.kind == "i")
    image.PixelData = values.tobytes()
    for name, value in tags.items():
        setattr(image, name, value)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save_as(path, enforce_file_format=True)
    return path


def pixels(path):
    return np.asarray(dicom.picture(path))


def test_without_a_window_all_values_of_the_stored_bits_are_shown(tmp_path):
    eight = pixels(write(tmp_path / "a.dcm", RAMP))

    np.testing.assert_array_equal(eight, np.rint(RAMP / 4095 * 255))


def test_monochrome1_is_inverted_so_that_air_is_black(tmp_path):
    one = pixels(write(tmp_path / "a.dcm", RAMP))
    other = pixels(write(tmp_path / "b.dcm", 4095 - RAMP, photometric="MONOCHROME1"))

    assert np.abs(one.astype(int) - other).max() <= 1


def test_a_window_shows_its_values_and_clips_the_others(tmp_path):
    eight = pixels(write(tmp_path / "a.dcm", RAMP, WindowCenter=1000, WindowWidth=201)).ravel()

    # PS3.3, C.11.2.1.2.1: black up to c - 0.5 - (w - 1) / 2, white above c - 0.5 + (w - 1) / 2
    assert (eight[899], eight[1100]) == (0, 255)
    assert abs(int(eight[1000]) - 128) <= 1
    assert eight[950] == pytest.approx(((950 - 999.5) / 200 + 0.5) * 255, abs=1)


def test_values_are_rescaled_before_the_window(tmp_path):
    eight = pixels(
        write(tmp_path / "a.dcm", RAMP, RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=1000, WindowWidth=402)
    ).ravel()

    assert (eight[899], eight[1101]) == (0, 255)
    assert abs(int(eight[1000]) - 128) <= 1


def test_signed_values_are_shown_from_their_smallest(tmp_path):
    eight = pixels(write(tmp_path / "a.dcm", RAMP.astype(np.int16) - 2048))

    np.testing.assert_array_equal(eight, np.rint(RAMP / 4095 * 255))


@pytest.mark.parametrize("name", ["SC_rgb_rle.dcm", "SC_rgb_rle_16bit.dcm", "SC_ybr_full_422_uncompressed.dcm"])
def test_colour_is_rgb(name):
    rgb = pixels(Path(get_testdata_file(name)))

    np.testing.assert_allclose(rgb[[5, 25, 75, 95], 50], [(255, 0, 0), (0, 255, 0), (64,) * 3, (255,) * 3], atol=5)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("SC_rgb_rle_2frame.dcm", "it has 2 frames"),
        ("MR_truncated.dcm", "its pixels can't be read"),
        ("rtplan.dcm", "its pixels can't be read"),
        ("no_meta.dcm", "can't be read as DICOM"),
    ],
)
def test_what_can_not_be_read_is_refused_with_the_name_of_the_file(name, words):
    path = Path(get_testdata_file(name))

    with pytest.raises(DatasetError) as caught:
        dicom.picture(path)

    assert str(caught.value).startswith(f"{path}: {words}")


@pytest.mark.parametrize("seed", range(20))
def test_a_damaged_file_is_refused_or_read(tmp_path, seed):
    rng = np.random.default_rng(seed)
    content = bytearray(write(tmp_path / "a.dcm", RAMP, WindowCenter=1000, WindowWidth=201).read_bytes())
    for place in rng.integers(132, 700, 6):
        content[place] = rng.integers(256)
    (tmp_path / "b.dcm").write_bytes(content[: rng.integers(len(content) // 2, len(content) + 1)])

    try:
        outcome = str(pixels(tmp_path / "b.dcm").dtype)
    except DatasetError as error:
        outcome = str(error)

    assert outcome.startswith(("uint8", f"{tmp_path / 'b.dcm'}: "))


def test_a_folder_of_dicom_files_knows_its_patients(tmp_path):
    for side, first in (("train", 0), ("test", 100)):
        for label, shift in (("NORMAL", 0), ("SICK", 50)):
            for number in range(first + shift, first + shift + 24):
                image = np.full((32, 32), 500 + 20 * shift, np.uint16)
                write(tmp_path / side / label / f"{number}.dcm", image, PatientID=f"P{number // 2}")

    folder = Folder(str(tmp_path))

    images = folder.load("evaluation", height=8, width=8)
    assert (len(images.pixels), len(set(images.patients)), images.patients[0]) == (48, 24, "P50")
    assert {int(value) for value in np.unique(images.pixels)} == {31, 93}
    assert folder.summary().unmatched == 0


def test_dicom_beside_the_pictures_made_of_it_is_left_out(tmp_path):
    from PIL import Image

    for side in ("train", "test"):
        for label in ("NORMAL", "SICK"):
            for number in range(30):
                write(tmp_path / side / label / f"person{number + 100 * len(side)}.dcm", RAMP)
                Image.new("L", (8, 8)).save(tmp_path / side / label / f"person{number + 100 * len(side)}.png")

    summary = Folder(str(tmp_path)).summary()

    assert sum(part.images for part in summary.parts) == 120
    assert summary.left_out == {".dcm": 120}


def test_without_pydicom_the_refusal_names_what_to_install(tmp_path, monkeypatch):
    path = write(tmp_path / "a.dcm", RAMP)
    monkeypatch.setitem(__import__("sys").modules, "pydicom", None)

    with pytest.raises(DatasetError, match="pip install pydicom"):
        decoding.decode(path, height=8, width=8, grey=True, bits=None)
