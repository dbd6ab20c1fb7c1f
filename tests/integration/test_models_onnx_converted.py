"""ONNX files as ``.tflite``: converted by onnx2tf, which has an environment of its own."""

from __future__ import annotations

import json
import os
import sys

import numpy as np
import pytest

from agent import scoring
from orchestrator.datasets.base import make_dataset
from orchestrator.datasets.phantom_drawing import FINDINGS
from orchestrator.domain.model import DatasetSpec, ModelSpec, Preprocess
from orchestrator.errors import BuildError
from orchestrator.models import onnx_converter
from orchestrator.models.artifacts import Build, recipe_of
from orchestrator.models.builder import ModelBuilder
from orchestrator.models.kernels import BY_FORMAT
from orchestrator.models.onnx_file import OnnxFile
from tests.lab import networks

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
pytestmark = pytest.mark.tensorflow

HOW = Preprocess(height=16, width=16, channels=3)
PHANTOM = DatasetSpec(kind="phantom", options={"patients": 12})
#: In place of onnx2tf's Python: it runs the script that it is given with a package beside it that has the same function.
PYTHON = """#!{python}
import runpy, sys
sys.path.insert(0, {packages!r})
assert sys.argv[1] == "-I"
runpy.run_path(sys.argv[2], run_name="__main__")
"""
CONVERT = """
import json, sys
import numpy as np, onnx, tensorflow as tf

def convert(*, input_onnx_file_path, output_folder_path, output_signaturedefs, keep_shape_absolutely_input_names, non_verbose):
    graph = onnx.load(input_onnx_file_path).graph
    shape = [side.dim_value for side in graph.input[0].type.tensor_type.shape.dim]
    samples = np.load("calibration_image_sample_data_20x128x128x3_float32.npy")
    print(json.dumps({{"shape": shape, "keep": keep_shape_absolutely_input_names, "samples": samples.shape,
                      "output": [side.dim_value for side in graph.output[0].type.tensor_type.shape.dim]}}), file=sys.stderr)
    open(input_onnx_file_path, "wb").write(b"rewritten")  # as onnxsim does
    {before}
    values = {{each.name: onnx.numpy_helper.to_array(each) for each in graph.initializer}}
    columns = [int(value[0]) for name, value in values.items() if name.endswith("_column")] or list(range(14))
    sides = shape if keep_shape_absolutely_input_names else [shape[0], *shape[2:], shape[1]]

    @tf.function(input_signature=[tf.TensorSpec(sides, tf.float32, name="image")])
    def serve(image):
        scores = tf.sigmoid(tf.reduce_mean(image, axis=[1, 2]) @ values["weights"] + values["bias"])
        return {{"output_0": tf.gather(scores, columns, axis=1)}}

    tf.saved_model.save(tf.Module(), output_folder_path, signatures=serve)
    tf.lite.TFLiteConverter.from_keras_model(None)
    raise SystemExit("farm needs no .tflite of onnx2tf's")
"""


@pytest.fixture
def images():
    return make_dataset(PHANTOM)


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """Return what makes an environment with a package in place of onnx2tf, which runs ``before`` first and fails by it."""

    def make(before="pass"):
        folder = tmp_path / "environment"
        packages = folder / "lib" / "python3" / "site-packages"
        (packages / "onnx2tf-9.9.dist-info").mkdir(parents=True)
        (packages / "onnx2tf.py").write_text(CONVERT.format(before=before))
        if before != "pass":  # what fails needs no TensorFlow
            (packages / "tensorflow.py").write_text("class lite:\n    class TFLiteConverter: pass\n")
        (folder / "bin").mkdir()
        python = folder / "bin" / "python"
        python.write_text(PYTHON.format(python=sys.executable, packages=str(packages)))
        python.chmod(0o755)
        monkeypatch.setattr(onnx_converter, "FOLDER", folder)

    return make


def written(folder, model):
    path = folder / "mine.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_a_converted_file_scores_as_the_file_does_with_channels_last(tmp_path, environment, images, capfd):
    environment()
    names = {name: column for column, name in reversed(tuple(enumerate(images.classes)))}
    path = written(tmp_path, networks.heads(names))
    content = path.read_bytes()

    answer = ModelBuilder(OnnxFile(str(path), preprocess=HOW), images).build("float32", 2, tmp_path / "made")

    assert answer["checks"]["max_abs_difference"] < 1e-5
    assert answer["checks"]["outputs"] == list(names)
    assert "reads" not in answer["checks"], "the converter is given all outputs as one"
    pixels = networks.images()
    loaded = BY_FORMAT["tflite"].usual(str(tmp_path / "made"))
    assert loaded.input.shape == (2, 16, 16, 3)
    scores = scoring.scores(loaded, pixels, HOW, batch=2, classes=14)
    expected = networks.sigmoid(networks.logits(pixels))[:, list(names.values())]
    np.testing.assert_allclose(scores, expected, atol=1e-5)
    [order] = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith('{"shape"')]
    assert order == {"shape": [2, 3, 16, 16], "keep": None, "samples": [20, 128, 128, 3], "output": [2, 14]}
    assert path.read_bytes() == content, "onnx2tf rewrites the file that it is given"


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ("raise ValueError('Depth of input (56) is no multiple')", "ValueError: Depth of input"),
        ("sys.exit(1)", "it ended with status 1"),
        ("import os; os.abort()", "it ended with status -6"),
    ],
    ids=["raises", "exits", "crashes"],
)
def test_what_onnx2tf_cannot_convert_is_one_sentence_with_what_to_do(tmp_path, environment, before, words):
    environment(before)
    source = OnnxFile(str(written(tmp_path, networks.network())), preprocess=HOW).load()

    with pytest.raises(BuildError, match="onnx2tf can't convert it: ") as caught:
        source.write("saved_model", 1, tmp_path / "saved")

    assert words in caught.value.message
    assert "\n" not in caught.value.message
    assert "as-is" in caught.value.hint


def test_without_onnx2tf_the_command_that_installs_it_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx_converter, "FOLDER", tmp_path / "not there")
    source = OnnxFile(str(written(tmp_path, networks.network())), preprocess=HOW).load()

    with pytest.raises(BuildError, match="onnx2tf, which is missing") as caught:
        source.write("saved_model", 1, tmp_path / "saved")

    assert caught.value.hint == (
        f"{sys.executable} -m venv '{tmp_path}/not there' && '{tmp_path}/not there'/bin/pip install 'onnx2tf>=1.29.24,<3'"
    )


def test_whole_numbers_are_not_quantized_again(tmp_path, environment):
    environment()
    source = OnnxFile(str(written(tmp_path, networks.integers())), preprocess=HOW).load()

    with pytest.raises(BuildError, match="whole numbers already"):
        source.write("saved_model", 1, tmp_path / "saved")


def test_the_recipe_of_a_converted_file_names_the_converter(tmp_path, environment):
    environment()
    model = ModelSpec(
        name="m", kind="onnx", options={"path": str(written(tmp_path, networks.network()))}, preprocess=HOW
    )

    recipes = {
        scheme: recipe_of(Build(model=model, scheme=scheme, batch=1), PHANTOM) for scheme in ("float32", "as-is")
    }

    assert recipes["float32"]["onnx2tf"] == "9.9"
    assert "onnx2tf" not in recipes["as-is"]


@pytest.mark.skipif(
    onnx_converter.version() is None or not os.environ.get("FARM_TEST_SLOW"),
    reason="onnx2tf is not installed beside farm, or FARM_TEST_SLOW is not set",
)
@pytest.mark.parametrize(
    "network",
    [
        *(networks.network(shape) for shape in (networks.FIRST, networks.LAST, ("n", 3, "h", "w"))),
        networks.heads({name: column for column, name in enumerate(FINDINGS)}),
    ],
    ids=["first", "last", "free", "heads"],
)
def test_onnx2tf_itself_converts_files_of_either_order_and_of_several_outputs(tmp_path, images, network):
    model = OnnxFile(str(written(tmp_path, network)), preprocess=HOW)

    answer = ModelBuilder(model, images).build("float32", 1, tmp_path / "made")

    assert answer["checks"]["max_abs_difference"] < 1e-5
