from __future__ import annotations

import subprocess
import sys
import zipfile

import numpy as np
import pytest

from orchestrator.domain.model import ModelSpec, Preprocess
from orchestrator.errors import ModelError
from orchestrator.models.base import make_model
from orchestrator.models.shipped import TinyCxr

SMALL = Preprocess(height=8, width=8, channels=1)


def spec(path, preprocess=SMALL):
    return ModelSpec(name="mine", kind="keras", options={"path": str(path)}, preprocess=preprocess)


@pytest.fixture(scope="module")
def small():
    import keras

    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(inputs))
    return keras.Model(inputs, keras.layers.Dense(2, activation="sigmoid")(x))


def test_the_shipped_weights_are_small_and_hashed_without_tensorflow():
    code = (
        "import sys; from orchestrator.models.base import make_model; from orchestrator.domain.model import ModelSpec\n"
        "print(make_model(ModelSpec(name='tiny-cxr', kind='tiny-cxr')).sha256(), 'tensorflow' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    sha256, loaded = done.stdout.split()
    assert TinyCxr.weights.stat().st_size <= 1_000_000
    assert len(sha256) == 64
    assert loaded == "False"


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["m.keras", "m.h5", "saved"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_a_model_of_ones_own_loads_from_every_form(small, tmp_path, name):
    path = tmp_path / name
    if "." in name:
        small.save(path)
    else:
        small.export(path, verbose=False)
    x = np.random.default_rng(0).random((3, 8, 8, 1), np.float32)

    loaded = make_model(spec(path)).load()

    assert np.allclose(loaded.scores(x), np.asarray(small(x)), atol=1e-6)
    assert make_model(spec(path)).sha256() == make_model(spec(path)).sha256()


def test_files_that_can_be_no_model_are_refused_before_tensorflow_is_needed(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"x")
    for name, content in (
        ("m.keras", b"\1x"),
        ("text.keras", b"the model is elsewhere"),
        ("empty.keras", b""),
        ("pointer.h5", b"version https://git-lfs.github.com/spec/v1"),
        ("login.h5", b"\n<!DOCTYPE html>"),
        ("pickle.h5", b"\x80\x04\x95"),
        ("old.keras", b"\x89HDF\r\n\x1a\n"),
        ("new.h5", b"PK\x03\x04"),
    ):
        (tmp_path / name).write_bytes(content)
    for name, member in (("zip.keras", "a/saved_model.pb"), ("weights.keras", "model.weights.h5")):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr(member, "")

    for path, preprocess, word in (
        (tmp_path / "none.keras", SMALL, "no such file"),
        (tmp_path / "model.onnx", SMALL, "neither"),
        (tmp_path, SMALL, "saved_model.pb"),
        (tmp_path / "m.keras", None, "preprocess"),
        (tmp_path / "m.keras", SMALL, r"first bytes are not those of a Keras model\n.*model\.save"),
        (tmp_path / "text.keras", SMALL, r"text\.keras: it is a text file, not a model\n.*begins with: ."),
        (tmp_path / "empty.keras", SMALL, "it is empty"),
        (tmp_path / "pointer.h5", SMALL, "Git LFS pointer.*\n.*git lfs pull"),
        (tmp_path / "login.h5", SMALL, "web page"),
        (tmp_path / "pickle.h5", SMALL, "pickle"),
        (tmp_path / "old.keras", SMALL, r"HDF5 file.*\n.*\.h5"),
        (tmp_path / "new.h5", SMALL, r"\.keras file by its content\n.*rename"),
        (tmp_path / "zip.keras", SMALL, "archive of a SavedModel\n.*unpack"),
        (tmp_path / "weights.keras", SMALL, r"without Keras's config\.json"),
    ):
        with pytest.raises(ModelError, match=word):
            make_model(spec(path, preprocess))
    with pytest.raises(ModelError, match="pth"):
        make_model(ModelSpec(name="mine", kind="keras", options={"pth": "x"}))


@pytest.mark.tensorflow
def test_a_damaged_file_and_a_wrong_size_are_said_in_words(small, tmp_path):
    (tmp_path / "damaged.keras").write_bytes(b"PK\x03\x04 nothing")
    small.save(tmp_path / "m.keras")

    with pytest.raises(ModelError, match=r"damaged\.keras: it is damaged"):
        make_model(spec(tmp_path / "damaged.keras")).load()
    with pytest.raises(ModelError, match="correct size and channels"):
        make_model(spec(tmp_path / "m.keras", Preprocess(height=9, width=8, channels=1))).load()


def odd(how, path):
    import keras

    class Own(keras.layers.Layer):
        def call(self, x):
            return x

    inputs = keras.Input((8, 8, 1))
    flat = keras.layers.Flatten()(inputs)
    dense = keras.layers.Dense
    if how == "unbuilt":
        keras.Sequential([dense(2)]).save(path)
        return
    outputs = {
        "own layer": lambda: dense(2)(Own()(flat)),
        "two outputs": lambda: [dense(2)(flat), dense(3)(flat)],
        "a map": lambda: keras.layers.Conv2D(2, 3)(inputs),
    }[how]()
    keras.Model(inputs, outputs).save(path)


@pytest.mark.tensorflow
@pytest.mark.filterwarnings("ignore:You are saving")
@pytest.mark.parametrize(
    ("how", "name", "words"),
    [
        ("own layer", "m.keras", "'Own'.*\n.*export"),
        ("own layer", "m.h5", "'Own'.*\n.*export"),
        ("unbuilt", "m.keras", "before it was built"),
        ("two outputs", "m.keras", r"2 outputs: dense\w* \(2,\), dense\w* \(3,\)\n.*`output: dense"),
        ("a map", "m.keras", r"its output is \w+ \(6, 6, 2\)"),
    ],
)
def test_models_that_are_no_classifier_of_one_image_are_refused_with_what_they_are(how, name, words, tmp_path):
    odd(how, tmp_path / name)

    with pytest.raises(ModelError, match=words):
        make_model(spec(tmp_path / name)).load()


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_code_in_a_model_is_never_executed(tmp_path, name):
    import keras

    mark = tmp_path / "executed"
    inputs = keras.Input((8, 8, 1))
    planted = keras.layers.Lambda(lambda x, at=str(mark): (open(at, "w").close(), x)[1])  # noqa: PTH123
    keras.Model(inputs, keras.layers.Flatten()(planted(inputs))).save(tmp_path / name)
    mark.unlink(missing_ok=True)

    with pytest.raises(ModelError, match=r"Lambda layer, which carries Python code.*\n.*export"):
        make_model(spec(tmp_path / name)).load()

    assert not mark.exists()
