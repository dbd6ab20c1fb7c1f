"""Files of Keras that are damaged, or made to do harm: each is refused in one sentence that names it, nothing of it is kept."""

from __future__ import annotations

import io
import shutil
import zipfile

import h5py
import numpy as np
import pytest

from orchestrator.domain.model import DatasetSpec, ModelSpec, Preprocess
from orchestrator.errors import ModelError
from orchestrator.models import hdf5_file, model_file
from orchestrator.models.artifacts import Artifacts, Build, Built, Failed
from orchestrator.models.base import make_model
from tests.lab import toys

pytestmark = [pytest.mark.tensorflow, pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")]

HOW = Preprocess(height=toys.SIZE, width=toys.SIZE, channels=1)
WEIGHTS = "model.weights.h5"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small model as ``m.keras``, ``m.h5`` and ``saved/``."""
    import keras

    folder = tmp_path_factory.mktemp("whole")
    keras.utils.set_random_seed(0)
    image = keras.Input((toys.SIZE, toys.SIZE, 1))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(image))
    model = keras.Model(image, keras.layers.Dense(1, activation="sigmoid")(pooled))
    for name in ("m.keras", "m.h5"):
        model.save(folder / name)
    model.export(folder / "saved", verbose=False)
    return folder


def spec(path):
    return ModelSpec(name=path.stem, kind="keras", options={"path": str(path)}, preprocess=HOW)


def loaded_or_refused(path):
    """Load a model, or return its refusal, which is one sentence that names the file; anything else is raised."""
    try:
        make_model(spec(path)).load()
    except ModelError as error:
        message = error.message
    else:
        return None
    assert str(path) in message
    assert "\n" not in message
    assert len(message) < 300 + len(str(path))
    return message


def damaged(whole, count, seed=0):
    """Yield ``whole`` cut off, then with a few other bytes, ``count`` times each."""
    random = np.random.default_rng(seed)
    for length in random.integers(0, len(whole), count):
        yield whole[:length]
    for _ in range(count):
        content = bytearray(whole)
        for place in random.integers(0, len(whole), random.integers(1, 8)):
            content[place] = random.integers(256)
        yield bytes(content)


@pytest.mark.parametrize(("name", "count"), [("m.keras", 30), ("m.h5", 30)])
def test_a_file_that_is_cut_off_or_damaged_anywhere_loads_or_is_refused(folder, tmp_path, name, count):
    path = tmp_path / name
    answers = []
    for content in damaged((folder / name).read_bytes(), count):
        path.write_bytes(content)
        answers.append(loaded_or_refused(path))

    assert all(answers[:count]), "no file that is cut off loads"
    assert sum("damaged" in answer for answer in answers if answer) > count


@pytest.mark.parametrize(
    ("part", "count"),
    [
        ("saved_model.pb", 20),
        ("variables/variables.index", 4),
        ("variables/variables.data-00000-of-00001", 4),
    ],
)
def test_a_saved_model_with_a_damaged_or_missing_part_loads_or_is_refused(folder, tmp_path, part, count):
    answers = []
    for number, content in enumerate(damaged((folder / "saved" / part).read_bytes(), count)):
        copy = shutil.copytree(folder / "saved", tmp_path / str(number))
        (copy / part).write_bytes(content)
        answers.append(loaded_or_refused(copy))
    (tmp_path / "0" / part).unlink()

    assert all(answers[:count])
    assert loaded_or_refused(tmp_path / "0") is not None


def rewritten(folder, path, change):
    """Write ``m.keras`` with other parts: ``change`` gets them by name. Their checksums are right."""
    with zipfile.ZipFile(folder / "m.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("part", ["config.json", "metadata.json", WEIGHTS])
def test_a_damaged_part_of_an_archive_whose_checksums_are_right_loads_or_is_refused(folder, tmp_path, part):
    whole = zipfile.ZipFile(folder / "m.keras").read(part)

    for content in damaged(whole, 10, seed=1):
        loaded_or_refused(rewritten(folder, tmp_path / "m.keras", lambda parts, new=content: parts.update({part: new})))


@pytest.mark.parametrize(
    "name", ["../../outside.txt", "assets/../../outside.txt", "/outside.txt", "a\\..\\..\\x", "C:\\x"]
)
def test_an_archive_that_would_be_unpacked_outside_of_its_folder_is_refused(folder, tmp_path, name):
    path = rewritten(folder, tmp_path / "m.keras", lambda parts: parts.update({name: b"x"}))

    assert "would be unpacked outside of its folder" in loaded_or_refused(path)


@pytest.mark.parametrize("part", ["config.json", WEIGHTS, "assets/x"])
def test_a_part_that_unpacks_to_far_more_than_it_is_packed_is_refused_unread(folder, tmp_path, monkeypatch, part):
    monkeypatch.setattr(model_file, "BOMB_BYTES", 1 << 20)
    path = rewritten(folder, tmp_path / "m.keras", lambda parts: parts.update({part: b"\0" * (2 << 20)}))
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("it was read"))

    assert f"its part '{part}' unpacks to 2,097,152 bytes from" in loaded_or_refused(path)


def test_an_archive_with_a_password_two_parts_of_one_name_or_nested_without_end_is_refused(folder, tmp_path):
    whole = (folder / "m.keras").read_bytes()
    locked = bytearray(whole)
    for start in _places(whole, b"PK\x01\x02"):
        locked[start + 8] |= 1
    (tmp_path / "locked.keras").write_bytes(locked)
    shutil.copy(folder / "m.keras", tmp_path / "twice.keras")
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(tmp_path / "twice.keras", "a") as archive:
        archive.writestr("config.json", "{}")
    for part in ("config.json", "metadata.json"):
        rewritten(
            folder, tmp_path / f"deep-{part[0]}.keras", lambda parts, one=part: parts.update({one: b"[" * 100_000})
        )

    assert "takes a password" in loaded_or_refused(tmp_path / "locked.keras")
    assert "two parts of one name" in loaded_or_refused(tmp_path / "twice.keras")
    assert loaded_or_refused(tmp_path / "deep-c.keras") is not None
    loaded_or_refused(tmp_path / "deep-m.keras")


def _places(whole, words):
    start = whole.find(words)
    while start >= 0:
        yield start
        start = whole.find(words, start + 1)


def _in_another_file(file, name, shape, secret):
    file.create_dataset(name, shape, "f4", external=[(str(secret), 0, int(np.prod(shape)) * 4)])


def _linked(file, name, shape, secret):
    file[name] = h5py.ExternalLink(str(secret), "/" + name)


def _virtual(file, name, shape, secret):
    layout = h5py.VirtualLayout(shape, "f4")
    layout[...] = h5py.VirtualSource(str(secret), name, shape)
    file.create_virtual_dataset(name, layout)


def _larger_than_memory(file, name, shape, secret):
    file.create_dataset(name, (300_000, 300_000), "f4", chunks=(1000, 1000), compression="gzip")


ELSEWHERE, TOO_LARGE = "is in another file", "takes 360,000,000,000 bytes of memory, the file has 0"


@pytest.mark.parametrize("form", ["m.keras", "m.h5"])
@pytest.mark.parametrize("make", [_in_another_file, _linked, _virtual, _larger_than_memory])
def test_numbers_that_are_elsewhere_or_larger_than_any_memory_are_refused_before_keras_reads_them(
    folder, tmp_path, monkeypatch, form, make
):
    import keras

    secret = shutil.copy(folder / "m.h5", tmp_path / "secret.h5")
    whole = (folder / "m.h5").read_bytes() if form == "m.h5" else zipfile.ZipFile(folder / "m.keras").read(WEIGHTS)
    content = io.BytesIO(whole)
    with h5py.File(content, "r+") as file:
        names = []
        file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        shape = file[names[0]].shape
        del file[names[0]]
        make(file, names[0], shape, secret)
    path = tmp_path / form
    if form == "m.h5":
        path.write_bytes(content.getvalue())
    else:
        rewritten(folder, path, lambda parts: parts.update({WEIGHTS: content.getvalue()}))
    monkeypatch.setattr(keras.models, "load_model", lambda *_, **__: pytest.fail("Keras read it"))

    assert (TOO_LARGE if make is _larger_than_memory else ELSEWHERE) in loaded_or_refused(path)


def test_weights_that_compress_well_are_no_bomb(tmp_path):
    with h5py.File(tmp_path / "zeros.h5", "w") as file:
        file.create_dataset("zeros", data=np.zeros((1000, 1000), "f4"), compression="gzip")

    hdf5_file.refuse_other_files(tmp_path / "zeros.h5")


def test_damaged_files_fail_alone_and_nothing_of_them_is_kept(folder, tmp_path):
    random = np.random.default_rng(2)
    bad = [shutil.copy(folder / name, tmp_path / f"cut-{name}") for name in ("m.keras", "m.h5")]
    for path in bad:
        path.write_bytes(path.read_bytes()[:-400])
    copy = shutil.copytree(folder / "saved", tmp_path / "cut-saved")
    (copy / "variables" / "variables.index").write_bytes(random.bytes(100))
    artifacts = Artifacts(tmp_path / "state")
    dataset = DatasetSpec(kind="folder", options={"root": str(toys.write(tmp_path / "images"))})
    builds = [Build(model=spec(path), scheme="float32", batch=1) for path in (*bad, copy, folder / "m.keras")]

    *failed, good = artifacts.ensure(builds, dataset)

    assert [type(one) for one in failed] == [Failed] * 3
    for one, path in zip(failed, (*bad, copy), strict=True):
        assert str(path) in one.error
        assert "damaged" in one.error
    assert isinstance(good, Built)
    assert all(build in builds[:3] for build in artifacts.missing(builds, dataset))
    kept = {path.name for path in artifacts.blobs.iterdir()}
    assert kept == {good.artifact.sha256, good.artifact.golden.pixels_sha256}
