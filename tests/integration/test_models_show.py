"""`farm models show`: what a file holds, from a real interpreter."""

from __future__ import annotations

import json

import pytest

from orchestrator.datasets.folder import Folder
from orchestrator.domain.model import Preprocess
from orchestrator.errors import ModelError
from orchestrator.models.builder import ModelBuilder
from orchestrator.models.inspection_process import inspect
from orchestrator.models.keras_file import KerasFile
from orchestrator.models.kernels import BY_FORMAT
from tests.lab import crashing, ready, toys
from tests.lab.project import Project

pytestmark = pytest.mark.tensorflow

#: Of `toys.model`: 3 × 3 weights and a bias for each of 8 filters, 8 weights and a bias.
PARAMETERS = 8 * (9 + 1) + 8 + 1


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    model = toys.model()
    model.save(folder / "mine.keras")
    model.export(folder / "saved", verbose=False)
    return ready.write(folder) | {"keras": folder / "mine.keras", "saved": folder / "saved"}


@pytest.fixture
def project(tmp_path):
    (tmp_path / "home").mkdir()
    return Project(folder=tmp_path)


def operators(artifact):
    return {one["name"]: (one["nodes"], one["delegated"]) for one in artifact["operators"]}


def test_a_ready_file_shows_its_numbers_and_which_nodes_the_delegate_leaves(files, project):
    done = project.farm("models", "show", str(files["uint8"]), "--json")

    shown = json.loads(done.stdout)
    [artifact] = shown["artifacts"]
    [image], [scores] = shown["inputs"], shown["outputs"]
    assert (image["shape"], image["dtype"]) == ([None, toys.SIZE, toys.SIZE, 1], "uint8")
    assert image["scale"] == BY_FORMAT["tflite"].usual(str(files["uint8"])).input.scale
    assert (scores["dtype"], scores["scale"], scores["zero_point"]) == ("uint8", 1 / 256, 0)
    assert shown["parameters"] == PARAMETERS
    assert artifact["size_bytes"] == files["uint8"].stat().st_size
    assert (artifact["nodes"], artifact["delegated"]) == (6, 4)
    assert operators(artifact) == {
        "CONV_2D": (1, 1),
        "FULLY_CONNECTED": (1, 1),
        "LOGISTIC": (1, 1),
        "MEAN": (1, 1),
        "QUANTIZE": (2, 0),
    }
    assert artifact["macs"] == toys.SIZE**2 * 8 * 9 + 8
    by_runtime = {each["runtime"]: each for each in artifact["runtimes"]}
    assert (by_runtime["litert"]["delegate"], by_runtime["litert"]["delegated"]) == ("XNNPACK", 4)
    assert (by_runtime["litert-builtin"]["delegate"], by_runtime["litert-builtin"]["delegated"]) == (None, 0)
    assert {one["name"]: one["taken"]["litert"] for one in artifact["operators"]} == {
        one["name"]: one["delegated"] for one in artifact["operators"]
    }


@pytest.mark.parametrize("name", ["keras", "saved"])
def test_a_keras_model_shows_the_artifact_of_each_scheme_and_why_one_is_not_made(files, project, name):
    done = project.farm("models", "show", str(files[name]), "--schemes", "float32,float16,int8-io,keras", "--json")

    shown = json.loads(done.stdout)
    single, half, whole, none = shown["artifacts"]
    assert shown["inputs"][0]["shape"] == [None, toys.SIZE, toys.SIZE, 1]
    assert shown["parameters"] == (PARAMETERS if name == "keras" else shown["parameters"])
    assert operators(single) == operators(whole)
    assert single["delegated"] == single["nodes"] == 4
    assert "DEQUANTIZE" in operators(half)
    assert (single["inputs"][0]["dtype"], whole["inputs"][0]["dtype"]) == ("float32", "int8")
    assert "LiteRT's interpreter doesn't take" in none["error"]


def test_people_see_a_table(files, project):
    done = project.farm("models", "show", str(files["uint8"]))

    assert done.returncode == 0, done.stderr
    assert f"{PARAMETERS} parameters" in done.stdout
    assert "free × 64 × 64 × 1  uint8, scale 0.00" in done.stdout
    assert "QUANTIZE 2 (0 taken)" in " ".join(done.stdout.split())


def test_a_model_that_rescales_pixels_is_shown_to_and_a_suite_that_does_it_again_is_doubtful(project, tmp_path):
    import keras

    image = keras.Input((toys.SIZE, toys.SIZE, 1))
    keras.Model(image, toys.brightness(keras.layers.Rescaling(1 / 255)(image))).save(tmp_path / "m.keras")
    images = Folder(str(toys.write(tmp_path / "images")))

    shown = project.farm("models", "show", str(tmp_path / "m.keras"), "--schemes", "float32")
    again, once = (
        ModelBuilder(KerasFile(str(tmp_path / "m.keras"), preprocess=how), images)
        .build("float32", 1, tmp_path / "m.tflite")["checks"]
        .get("doubt", "")
        for how in (Preprocess(height=toys.SIZE, width=toys.SIZE, channels=1, scale=scale) for scale in (1 / 255, 1.0))
    )

    assert "holds   Rescaling: x × 0.003922 + 0" in shown.stdout
    assert "`preprocess: {scale: 1}` in a suite, not a second time" in shown.stdout
    assert "MACs" in shown.stdout
    assert "scaled twice" in again
    assert "scaled twice" not in once


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (["none.tflite"], "none.tflite: no such file"),
        (["suite.txt"], "neither .keras, .h5, .hdf5, .tflite, .onnx nor a SavedModel folder"),
        (["suite.txt", "--schemes", "int9"], "did you mean 'int8'"),
        (["text.tflite"], "text.tflite: it is a text file, not a model is it the right file? it begins with: text"),
    ],
)
def test_what_cannot_be_shown_is_refused_as_wrong_use(project, words, refusal):
    (project.folder / "suite.txt").write_text("text")
    (project.folder / "text.tflite").write_text("text")

    done = project.farm("models", "show", *words)

    assert done.returncode == 2
    assert refusal in " ".join(done.stderr.split())
    assert "farm models show" not in done.stderr


def test_a_file_that_crashes_its_process_is_refused_in_one_sentence(files, tmp_path, monkeypatch):
    crashing.on_open(tmp_path, monkeypatch, "orchestrator.models.inspection_process")
    path = tmp_path / "crash.tflite"
    path.write_bytes(files["float"].read_bytes())

    with pytest.raises(ModelError, match=r"crash\.tflite: it crashes the process that looks into it \(signal 11\)"):
        inspect(path, schemes=(), size=1, output=None)
