"""Datasets that are damaged or hostile: read, or refused by the name of the file; nothing hangs, nothing is kept by half."""

from __future__ import annotations

import os
import re
import shutil
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from orchestrator.datasets.base import make_dataset
from orchestrator.datasets.leaks import refuse_contradictions, refuse_leaks
from orchestrator.domain.model import DatasetSpec, ModelSpec, Preprocess
from orchestrator.errors import DatasetError
from orchestrator.models.artifacts import Artifacts

TABLE = "Data_Entry_2017_v2020.csv"
RANDOM = np.random.default_rng(0)
SEEDED = settings(
    max_examples=40, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def image(path, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(number).integers(0, 255, (12, 12), np.uint8)
    if path.suffix != ".dcm":
        Image.fromarray(pixels).save(path)
        return
    pydicom = pytest.importorskip("pydicom")
    uid = pydicom.uid
    file = pydicom.Dataset()
    file.file_meta = pydicom.dataset.FileMetaDataset()
    file.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    file.file_meta.MediaStorageSOPClassUID, file.file_meta.MediaStorageSOPInstanceUID = (
        uid.SecondaryCaptureImageStorage,
        "1.2",
    )
    file.SOPClassUID, file.SOPInstanceUID = uid.SecondaryCaptureImageStorage, "1.2"
    file.Rows, file.Columns, file.BitsAllocated, file.BitsStored, file.HighBit = 12, 12, 8, 8, 7
    file.SamplesPerPixel, file.PixelRepresentation, file.PhotometricInterpretation = 1, 0, "MONOCHROME2"
    file.PatientID, file.WindowCenter, file.WindowWidth, file.PixelData = f"p{number}", 128, 256, pixels.tobytes()
    file.save_as(path, enforce_file_format=True)


def folder(root, ending=".png"):
    for side, count in (("train", 10), ("test", 3)):
        for label in ("ill", "well"):
            for number in range(count):
                place = len(list(root.rglob("*")))
                image(root / side / label / f"{side}{number}{label}{ending}", place)
    return DatasetSpec(kind="folder", options={"root": str(root)})


def dicom(root):
    return folder(root, ".dcm")


def csv(root):
    lines = ["image,what,who,side"]
    for number in range(24):
        image(root / f"{number}.png", number)
        lines.append(f"{number}.png,{'a|b' if number % 2 else 'b'},p{number},{'test' if number % 4 == 0 else 'train'}")
    (root / "table.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    options = {"path": str(root / "table.csv"), "labels": "what", "separator": "|", "patient": "who", "split": "side"}
    return DatasetSpec(kind="csv", options=options)


def chestxray14(root):
    lines = ["Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position"]
    lists = {"train_val_list.txt": [], "test_list.txt": []}
    for patient in range(1, 25):
        name = f"{patient:08d}_000.png"
        image(root / "images" / name, patient)
        lines.append(f"{name},{'Mass|Edema' if patient % 2 else 'No Finding'},0,{patient},60,M,PA")
        lists["test_list.txt" if patient % 4 == 0 else "train_val_list.txt"].append(name)
    (root / TABLE).write_text("\n".join(lines) + "\n", encoding="utf-8")
    for name, images in lists.items():
        (root / name).write_text("\n".join(images) + "\n", encoding="utf-8")
    return DatasetSpec(kind="chestxray14", options={"root": str(root)})


def medmnist(root):
    root.mkdir(exist_ok=True)
    arrays = {}
    for split, count in (("train", 8), ("val", 8), ("test", 6)):
        arrays[f"{split}_images"] = RANDOM.integers(0, 255, (count, 28, 28), np.uint8)
        arrays[f"{split}_labels"] = (np.arange(count)[:, None] % 3).astype(np.uint8)
    np.savez_compressed(root / "pathmnist.npz", **arrays)
    return DatasetSpec(kind="medmnist", options={"path": str(root / "pathmnist.npz")})


KINDS = {make.__name__: make for make in (folder, csv, chestxray14, medmnist, dicom)}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Each kind's whole dataset, to be copied."""
    roots = {name: tmp_path_factory.mktemp(name) for name in KINDS}
    return {name: (roots[name], KINDS[name](roots[name])) for name in KINDS}


def use(spec):
    """Do with a dataset what a run does."""
    dataset = make_dataset(spec)
    refuse_contradictions(dataset)
    refuse_leaks(dataset)
    dataset.summary()
    dataset.fingerprint()
    for part in ("calibration", "evaluation"):
        images = dataset.load(part, height=8, width=8, limit=20)
        assert images.pixels.shape[1:3] == (8, 8)
        assert images.labels.shape == (len(images.pixels), len(dataset.classes))
        assert images.labels.max(initial=0) <= 1


def refusal(spec):
    """Return how a dataset is refused, ``None`` where it is read; any other exception passes through."""
    try:
        use(spec)
    except DatasetError as error:
        return str(error)
    return None


def copied(whole, kind, into):
    """Return (root, spec) of a copy."""
    root, spec = whole[kind]
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(root, into, symlinks=True)
    moved = {
        key: value.replace(str(root), str(into)) if isinstance(value, str) else value
        for key, value in spec.options.items()
    }
    return into, DatasetSpec(kind=spec.kind, options=moved)


CELLS = st.sampled_from(
    ["", "nan", "-1", "1e999", "\x00", "\ufffd", "ä" * 3, '"', ",,,,,,,,", "|" * 40, "x" * 140_000, "../../etc/passwd"]
)
DAMAGE = st.one_of(
    st.tuples(st.just("cut"), st.floats(0, 1)),
    st.tuples(st.just("bytes"), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8)),
    st.tuples(st.just("whole"), st.binary(max_size=40)),
    st.tuples(st.just("insert"), st.tuples(st.floats(0, 1), CELLS)),
)


def damage(path, what):
    how, detail = what
    content = bytearray(path.read_bytes())
    if how == "cut":
        content = content[: int(len(content) * detail)]
    elif how == "bytes":
        for place, value in detail:
            content[min(int(len(content) * place), len(content) - 1)] = value
    elif how == "whole":
        content = bytearray(detail)
    else:
        place = int(len(content) * detail[0])
        content[place:place] = detail[1].encode()
    path.write_bytes(bytes(content))


@pytest.mark.filterwarnings("ignore")  # of Pillow, pydicom and numpy about what they read all the same
@pytest.mark.parametrize("kind", KINDS)
@given(st.integers(0, 10_000), DAMAGE)
@SEEDED
def test_any_damage_is_read_over_or_refused_by_the_name_of_a_file(whole, tmp_path, kind, which, what):
    root, spec = copied(whole, kind, tmp_path / kind)
    files = sorted(path for path in root.rglob("*") if path.is_file())
    tables = [path for path in files if path.suffix in (".csv", ".txt", ".npz")] or files
    # every other time a table: there are few of them
    path = (tables if which % 2 else files)[which // 2 % len(tables if which % 2 else files)]
    damage(path, what)

    words = refusal(spec)

    assert words is None or str(root) in words or spec.kind in words
    assert words is None or len(words) < 1500


def png(width, height, **changes):
    """Return a PNG of one colour whose header says so many pixels."""

    def chunk(name, body):
        return len(body).to_bytes(4, "big") + name + body + zlib.crc32(name + body).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 0, 0, 0, 0])
    body = zlib.compress(bytes(10_000))
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + changes.get("extra", b"")
        + chunk(b"IDAT", body)
        + chunk(b"IEND", b"")
    )


HOSTILE = {
    "a header of a million million pixels": lambda path: path.write_bytes(png(1_000_000, 1_000_000)),
    "no height": lambda path: path.write_bytes(png(10, 0)),
    "a loop of links": lambda path: (path.unlink(), path.symlink_to(path.name)),
    "a link to nowhere": lambda path: (path.unlink(), path.symlink_to("nowhere")),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "an empty file": lambda path: path.write_bytes(b""),
    "a web page": lambda path: path.write_text("<!doctype html><title>Sign in</title>", encoding="utf-8"),
    "a large-file pointer": lambda path: path.write_text(
        "version https://git-lfs.github.com/spec/v1\n", encoding="utf-8"
    ),
}


@pytest.mark.parametrize("kind", ["folder", "csv", "chestxray14", "dicom"])
@pytest.mark.parametrize("how", HOSTILE)
def test_hostile_images_are_refused_by_their_name(whole, tmp_path, kind, how):
    root, spec = copied(whole, kind, tmp_path / kind)
    path = min(root.rglob("test0ill.*" if spec.kind == "folder" else "*4*.png"))
    HOSTILE[how](path)

    words = refusal(spec)

    assert words is not None
    assert path.name in words


@pytest.mark.parametrize("kind", ["csv", "chestxray14"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\xef\xbb\xbf%(header)s\n\xe4,a,p,train\n", r":2: can't be read: not UTF-8 at byte"),
        (b'%(header)s\n\n\n"never closed\n', r"table\.csv|Data_Entry"),
        (b"", r":1: no column called"),
        (b"%(header)s\n", r"no row below the header|none of the 0 images"),
        (b"\x00" * 100, r"table\.csv|Data_Entry"),
        (b"," * 100_000, r":1: no column called"),
        (b"%(header)s," + b"x," * 50_000 + b"\n" + b"," * 60_000, r":2: |no row has a label"),
        (b"%(header)s\n" + b"x" * 200_000, r":2: can't be read: field larger than"),
    ],
    ids=range(8),
)
def test_tables_that_are_none_are_refused_with_file_and_line(whole, tmp_path, kind, content, words):
    root, spec = copied(whole, kind, tmp_path / kind)
    table = root / ("table.csv" if kind == "csv" else TABLE)
    table.write_bytes(content.replace(b"%(header)s", table.read_bytes().splitlines()[0]))

    refused = refusal(spec)

    assert refused is not None
    assert re.search(words, refused), refused
    assert len(refused) < 1500


@pytest.mark.parametrize("name", [TABLE, "test_list.txt"])
def test_a_pipe_in_place_of_a_table_is_not_waited_for(whole, tmp_path, name):
    root, spec = copied(whole, "chestxray14", tmp_path / "nih")
    (root / name).unlink()
    os.mkfifo(root / name)

    assert f"{name}: it is no file" in refusal(spec)


def test_a_column_of_free_text_is_no_column_of_classes(whole, tmp_path):
    root, spec = copied(whole, "csv", tmp_path / "csv")
    lines = ["image,what,who,side", *(f"{n % 24}.png,report {n},p{n % 24},train" for n in range(3000))]
    table = root / "table.csv"
    for number in range(24, 3000):
        os.link(root / f"{number % 24}.png", root / f"{number}.png")
    table.write_text(
        "\n".join(lines[:1] + [line.replace(f"{n % 24}.png", f"{n}.png", 1) for n, line in enumerate(lines[1:])]),
        encoding="utf-8",
    )

    assert re.search(r"table.csv: 3,000 different labels, such as 'report 0'", refusal(spec))


def test_labels_of_a_thousand_million_classes_are_refused_before_they_are_named(whole, tmp_path):
    root, spec = copied(whole, "medmnist", tmp_path / "medmnist")
    with np.load(root / "pathmnist.npz") as arrays:
        changed = dict(arrays) | {"val_labels": np.full((8, 1), 999_999_999, np.int64)}
    np.savez(root / "pathmnist.npz", **changed)

    assert "labels of 1,000,000,000 classes" in refusal(spec)


def test_a_class_that_only_training_images_have_is_a_class_of_its_own(whole, tmp_path):
    root, _ = copied(whole, "medmnist", tmp_path / "medmnist")
    with np.load(root / "pathmnist.npz") as arrays:
        changed = dict(arrays) | {"train_labels": np.full((8, 1), 4, np.uint8)}
    np.savez(root / "set.npz", **changed)

    assert make_dataset(DatasetSpec(kind="medmnist", options={"path": str(root / "set.npz")})).classes == tuple("01234")


def write_dicom(path, **changes):
    pydicom = pytest.importorskip("pydicom")
    image(path, 1)
    file = pydicom.dcmread(path)
    for name, value in changes.items():
        setattr(file, name, value)
    file.save_as(path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "changes",
    [
        {"Rows": 65535, "Columns": 65535},
        {"RescaleSlope": "1e400", "RescaleIntercept": "0"},
        {"BitsStored": 0},
        {"PhotometricInterpretation": "HSV"},
        {"NumberOfFrames": "5"},
        {"PixelData": b"\0" * 10},
    ],
    ids=str,
)
def test_headers_of_dicom_that_can_not_be_are_refused_by_the_files_name(whole, tmp_path, changes):
    root, spec = copied(whole, "dicom", tmp_path / "dicom")
    write_dicom(root / "test" / "ill" / "test0ill.dcm", **changes)

    assert "test0ill.dcm" in (refusal(spec) or "")


def test_a_deflated_dicom_file_that_unpacks_to_more_than_memory_is_not_unpacked(whole, tmp_path, monkeypatch):
    pydicom = pytest.importorskip("pydicom")
    monkeypatch.setattr("orchestrator.datasets.dicom.LARGEST_BYTES", 100_000)
    root, spec = copied(whole, "dicom", tmp_path / "dicom")
    path = root / "test" / "ill" / "test0ill.dcm"
    file = pydicom.dcmread(path)
    file.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    file.save_as(path, enforce_file_format=True)
    assert refusal(spec) is None
    file.ImageComments = " " * 10
    file.add_new(0x00091010, "UN", b"\0" * 3_000_000)
    file.save_as(path, enforce_file_format=True)

    assert "test0ill.dcm: it unpacks to more than" in refusal(spec)


def test_an_image_that_can_not_be_read_leaves_nothing_behind_among_the_artifacts(whole, tmp_path):
    root, spec = copied(whole, "folder", tmp_path / "images")
    for path in (root / "test" / "well").iterdir():
        path.write_bytes(path.read_bytes()[:60])
    artifacts = Artifacts(tmp_path / "state")
    model = ModelSpec(
        name="mine",
        kind="zoo",
        options={"architecture": "tiny-cxr", "outputs": 1, "untrained": True},
        preprocess=Preprocess(height=8, width=8, channels=1),
    )

    with pytest.raises(DatasetError, match=r"test\dwell.png: can't be read as an image"):
        artifacts.image_set(model, spec)

    assert [path for path in Path(tmp_path / "state").rglob("*") if path.is_file() and path.stat().st_size] == []
