"""Ready ``.tflite`` files: measured as they are, or refused in one sentence."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest

from agent import scoring
from orchestrator.analysis import auc as metrics
from orchestrator.config import suite as suites
from orchestrator.datasets.folder import Folder
from orchestrator.domain.model import DatasetSpec, ModelSpec, Preprocess
from orchestrator.errors import BuildError, ModelError, SuiteError
from orchestrator.models import tflite_graph
from orchestrator.models.artifacts import Artifacts, Build, Built, Failed, recipe_of
from orchestrator.models.base import make_model
from orchestrator.models.builder import ModelBuilder
from orchestrator.models.kernels import BY_FORMAT
from orchestrator.models.schemes.float32 import Float32
from orchestrator.models.schemes.int8 import Int8
from tests.lab import crashing, ready, toys
from tests.lab.project import Project

pytestmark = pytest.mark.tensorflow

HOW = Preprocess(height=toys.SIZE, width=toys.SIZE, channels=1)
AUCS = {
    "float": pytest.approx(toys.AUC, abs=0.002),
    "no-signature": pytest.approx(toys.AUC, abs=0.002),
    "int8": pytest.approx(toys.AUC, abs=0.02),  # scores of 1/256 make ties
    "uint8": pytest.approx(toys.AUC, abs=0.02),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return ready.write(tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return toys.write(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def images(root):
    return Folder(str(root))


def spec(path, how=HOW):
    return ModelSpec(name=path.stem, kind="tflite", options={"path": str(path)}, preprocess=how)


def load(path, how=HOW):
    return make_model(spec(path, how)).load()


def refusal(call):
    with pytest.raises((ModelError, BuildError)) as caught:
        call()
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 300
    return caught.value.message


@pytest.mark.parametrize("name", AUCS)
def test_a_file_is_the_artifact_byte_for_byte_and_scores_as_its_model_does(files, images, tmp_path, name):
    builder = ModelBuilder(make_model(spec(files[name])), images)

    answer = builder.build("as-is", 1, tmp_path / "made")

    assert (tmp_path / "made").read_bytes() == files[name].read_bytes()
    assert answer["checks"]["max_abs_difference"] == 0
    assert "doubt" not in answer["checks"]
    part = images.load("evaluation", height=toys.SIZE, width=toys.SIZE)
    loaded = BY_FORMAT["tflite"].usual(str(tmp_path / "made"))
    scores = scoring.scores(loaded, part.pixels, HOW, batch=1, classes=1)
    assert metrics.mean_auc(metrics.auc_per_class(part.labels, scores)) == AUCS[name]


@pytest.mark.parametrize("name", AUCS)
def test_a_larger_batch_is_the_same_file_with_other_shapes_and_the_same_scores(files, images, tmp_path, name):
    builder = ModelBuilder(make_model(spec(files[name])), images)

    builder.build("as-is", 4, tmp_path / "made")

    assert (tmp_path / "made").stat().st_size == files[name].stat().st_size
    loaded = BY_FORMAT["tflite"].usual(str(tmp_path / "made"))
    assert loaded.input.shape == (4, toys.SIZE, toys.SIZE, 1)
    pixels = images.load("evaluation", height=toys.SIZE, width=toys.SIZE, limit=10).pixels
    alone = scoring.scores(BY_FORMAT["tflite"].usual(str(files[name])), pixels, HOW, batch=1, classes=1)
    together = scoring.scores(loaded, pixels, HOW, batch=4, classes=1)
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_a_graph_that_takes_one_image_alone_refuses_other_batches(files, images, tmp_path):
    builder = ModelBuilder(make_model(spec(files["one-image"])), images)

    builder.build("as-is", 1, tmp_path / "one")

    words = refusal(lambda: builder.build("as-is", 4, tmp_path / "four"))
    assert words.endswith("it takes 1 images at once and can't be resized to batches of 4")


def test_a_bound_on_devices_follows_from_what_the_tensors_are(files, images, tmp_path):
    bounds = {
        name: ModelBuilder(make_model(spec(files[name])), images).build("as-is", 1, tmp_path / name)["golden"]["mean"]
        for name in ("float", "uint8")
    }

    assert bounds["float"] == pytest.approx(Float32.tolerance.mean)
    assert bounds["uint8"] >= Int8.tolerance.mean


def _custom(model):
    from ai_edge_litert import schema_py_generated as schema

    code = model.operatorCodes[-1]
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = b"Sharpen"


def _flex(model):
    _custom(model)
    model.operatorCodes[-1].customCode = b"FlexErf"


def _too_new(model):
    model.operatorCodes[0].version = 99


def _zero_point_of_a_bias(model):
    from ai_edge_litert import schema_py_generated as schema

    biases = [tensor for tensor in model.subgraphs[0].tensors if tensor.type == schema.TensorType.INT32]
    for bias in biases:
        if bias.quantization is not None and bias.quantization.zeroPoint is not None:
            bias.quantization.zeroPoint = [1] * len(bias.quantization.zeroPoint)


def _two_outputs(model):
    graph = model.subgraphs[0]
    graph.outputs = [*graph.outputs, graph.inputs[0] + 6]


def _class_numbers(model):
    from ai_edge_litert import schema_py_generated as schema

    graph = model.subgraphs[0]
    graph.tensors[graph.outputs[0]].type = schema.TensorType.INT64


def _input(**changes):
    def change(model):
        graph = model.subgraphs[0]
        vars(graph.tensors[graph.inputs[0]]).update(changes)

    return change


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("float", _custom, "kernels lack its operator Sharpen"),
        ("float", _flex, r"needs TensorFlow's own operators \(Flex\)"),
        ("float", _too_new, "kernels lack its operator CONV_2D"),
        ("float", _two_outputs, r"it has 2 outputs: .* \(\?, 1\), .* \(\?, 64, 64, 8\)"),
        ("float", _class_numbers, "output is int64, class numbers instead of scores"),
        ("uint8", _input(quantization=None), "uint8 input has no scale"),
        ("float", _input(shape=[1, 1, 64, 64]), r"takes \(1, 64, 64\), channels first \(NCHW\)"),
        ("float", _input(shapeSignature=[-1, -1, -1, 1]), "no fixed height, width and channels"),
        ("float", _input(shape=[1, 64]), "farm feeds one batch of images"),
        ("float", _input(type=5), "its input is string"),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else None,
)
def test_a_file_that_cannot_be_measured_is_refused_in_one_sentence(files, tmp_path, name, change, words):
    path = tmp_path / "mine.tflite"
    path.write_bytes(ready.edited(files[name], change))

    with pytest.raises(ModelError, match=words) as caught:
        load(path)

    assert "\n" not in caught.value.message
    assert str(path) in caught.value.message


def test_a_file_that_the_default_delegate_refuses_is_built_for_the_runtimes_without_it(files, images, tmp_path):
    path = tmp_path / "mine.tflite"
    path.write_bytes(ready.edited(files["int8"], _zero_point_of_a_bias))

    answer = ModelBuilder(make_model(spec(path)), images).build("as-is", 1, tmp_path / "made.tflite")

    assert "the default kernels refuse it" in answer["checks"]["refusal"]
    assert len(answer["golden"]["scores"]) == 4
    with pytest.raises(RuntimeError):
        BY_FORMAT["tflite"].usual(str(tmp_path / "made.tflite"))
    BY_FORMAT["tflite"].other(str(tmp_path / "made.tflite")).invoke()


def test_a_runtime_whose_delegate_refuses_a_file_fails_its_own_case_alone(files, root, tmp_path):
    project = Project(folder=tmp_path)
    (tmp_path / "home").mkdir()
    (tmp_path / "mine.tflite").write_bytes(ready.edited(files["int8"], _zero_point_of_a_bias))
    suite = suite_of(tmp_path, f"{{path: mine.tflite, preprocess: {{scale: {1 / 255}}}}}", dataset=f"{{root: {root}}}")

    done = project.process("run", str(suite), "--runtimes", "litert,litert-builtin")

    rows = {row["runtime"]: row for row in json.loads(project.farm("results", "list", "--json").stdout)}
    assert done.returncode == 1, done.stdout + done.stderr
    assert rows["litert-builtin"]["auc_mean"] == AUCS["int8"]
    assert rows["litert-builtin"]["verdict"] == "WARN"
    assert rows["litert"]["verdict"] == "INVALID"
    messages = [reason["message"] for reason in rows["litert"]["reasons"]]
    assert any("litert can't load the artifact" in words and "XNNPACK" in words for words in messages)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"Scores of the model, see below.\n" * 9, "it is a text file, not a model"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"<!DOCTYPE html><html>", "a web page"),
    ],
    ids=["empty", "text", "pointer", "page"],
)
def test_a_file_that_is_something_else_is_named(tmp_path, content, words):
    path = tmp_path / "mine.tflite"
    path.write_bytes(content)

    assert words in refusal(lambda: load(path))


def test_a_file_that_is_cut_off_anywhere_or_damaged_is_refused(files, tmp_path):
    whole, path = files["uint8"].read_bytes(), tmp_path / "mine.tflite"

    for length in range(8, len(whole) - 8, 97):
        path.write_bytes(whole[:length])
        assert "damaged or cut off" in refusal(lambda: load(path))
    random = np.random.default_rng(3)
    for _ in range(400):
        damaged = bytearray(whole)
        for place in random.integers(8, len(whole), 3):
            damaged[place] = random.integers(256)
        path.write_bytes(damaged)
        try:
            tflite_graph.read(path)
        except ModelError as error:
            assert "damaged" in error.message  # noqa: PT017  it may as well be read


def test_constant_scores_are_doubtful_as_those_of_a_keras_model_are(files, images, tmp_path):
    def silence(model):
        for buffer in model.buffers:
            if buffer.data is not None and len(buffer.data) == 8 * 4:  # eight weights, eight biases
                buffer.data = [0] * len(buffer.data)

    path = tmp_path / "mine.tflite"
    path.write_bytes(ready.edited(files["float"], silence))

    answer = ModelBuilder(make_model(spec(path)), images).build("as-is", 1, tmp_path / "made")

    assert "are the same for 16 images" in answer["checks"]["doubt"]


def test_a_file_with_other_outputs_than_the_dataset_has_classes_is_refused(files):
    from orchestrator.datasets.base import make_dataset

    phantom = make_dataset(DatasetSpec(kind="phantom", options={"patients": 6}))

    assert "gives 1 score for an image, the dataset phantom has 14 classes" in refusal(
        lambda: ModelBuilder(make_model(spec(files["float"])), phantom)
    )


def test_one_file_fails_and_nothing_of_it_is_kept_while_the_others_are_built(files, root, tmp_path):
    cut = tmp_path / "cut.tflite"
    cut.write_bytes(files["float"].read_bytes()[:-40])
    artifacts = Artifacts(tmp_path / "state")
    dataset = DatasetSpec(kind="folder", options={"root": str(root)})
    builds = [Build(model=spec(path), scheme="as-is", batch=1) for path in (files["int8"], cut, files["float"])]

    first, second, third = sorted(artifacts.ensure(builds, dataset), key=lambda one: builds.index(one.build))

    assert isinstance(first, Built)
    assert isinstance(second, Failed)
    assert "damaged or cut off" in second.error
    assert isinstance(third, Built)
    for built, name in ((first, "int8"), (third, "float")):
        assert built.artifact.sha256 == hashlib.sha256(files[name].read_bytes()).hexdigest()
    assert artifacts.missing(builds, dataset) == (builds[1],)
    assert {path.name for path in artifacts.blobs.iterdir()} == {
        sha256 for one in (first, third) for sha256 in (one.artifact.sha256, one.artifact.golden.pixels_sha256)
    }


def test_a_file_that_crashes_the_interpreter_fails_alone(files, root, tmp_path, monkeypatch):
    crashing.on_open(tmp_path, monkeypatch, "orchestrator.models.builder")
    bad = tmp_path / "crash.tflite"
    bad.write_bytes(files["float"].read_bytes())
    artifacts = Artifacts(tmp_path / "state")
    dataset = DatasetSpec(kind="folder", options={"root": str(root)})
    builds = [Build(model=spec(path), scheme="as-is", batch=1) for path in (bad, files["float"])]

    first, second = sorted(artifacts.ensure(builds, dataset), key=lambda one: builds.index(one.build))

    assert isinstance(first, Failed)
    assert "its build crashed (SIGSEGV)" in first.error
    assert isinstance(second, Built)


def test_the_recipe_of_a_ready_file_depends_on_no_converter(files, root):
    dataset = DatasetSpec(kind="folder", options={"root": str(root)})

    recipe = recipe_of(Build(model=spec(files["float"]), scheme="as-is", batch=1), dataset)

    assert recipe["model_sha256"] == hashlib.sha256(files["float"].read_bytes()).hexdigest()
    assert not {"tensorflow", "keras"} & set(recipe)


def test_the_checks_of_a_file_are_those_of_the_dataset_at_hand(files, root, tmp_path):
    artifacts, build = Artifacts(tmp_path / "state"), Build(model=spec(files["float"]), scheme="as-is", batch=1)
    [first] = artifacts.ensure([build], DatasetSpec(kind="folder", options={"root": str(root)}))

    [second] = artifacts.ensure([build], DatasetSpec(kind="phantom", options={"patients": 6}))

    assert isinstance(first, Built)
    assert isinstance(second, Failed)
    assert "1 score for an image, the dataset phantom has 14 classes" in second.error


def suite_of(folder, *models, dataset="phantom"):
    path = folder / "suite.yaml"
    path.write_text(f"dataset: {dataset}\neffort: smoke\nmodels:\n" + "".join(f"  - {model}\n" for model in models))
    return path


def test_a_suite_takes_size_and_channels_from_the_file(files, tmp_path):
    suite = suites.load(suite_of(tmp_path, f"{{path: {files['float']}, preprocess: {{scale: 0.5, mean: 1}}}}"))

    assert suite.models == (spec(files["float"], replace(HOW, scale=0.5, mean=(1.0,))),)


@pytest.mark.parametrize(
    ("preprocess", "words"),
    [
        ("size: 32", r"takes \(64, 64, 1\), `preprocess:` gives \(32, 32, 1\)"),
        ("size: 64, channels: 3", r"takes \(64, 64, 1\), `preprocess:` gives \(64, 64, 3\)"),
        ("mean: [1, 2, 3]", "mean has 3 values for 1 channels"),
    ],
)
def test_a_suite_that_contradicts_the_file_is_refused_with_its_line(files, tmp_path, preprocess, words):
    suite = suite_of(tmp_path, f"{{path: {files['float']}, preprocess: {{{preprocess}}}}}")

    with pytest.raises(SuiteError, match=rf"suite\.yaml:4: .*{words}"):
        suites.load(suite)


def test_a_damaged_file_is_refused_with_the_line_of_the_suite(files, tmp_path):
    (tmp_path / "cut.tflite").write_bytes(files["float"].read_bytes()[:900])
    suite = suite_of(tmp_path, "{path: cut.tflite, preprocess: {scale: 1}}")

    with pytest.raises(SuiteError, match=r"suite\.yaml:4: .*cut\.tflite: it is damaged or cut off"):
        suites.load(suite)


def test_files_are_measured_listed_and_compared_also_one_with_two_preprocessings(files, root, tmp_path):
    project = Project(folder=tmp_path)
    (tmp_path / "home").mkdir()
    models = [f"{{path: {files[name]}, preprocess: {{scale: {1 / 255}}}}}" for name in ("float", "uint8")]
    models.append(f"{{name: darker, path: {files['float']}, preprocess: {{scale: {1 / 300}}}}}")
    suite = suite_of(project.folder, *models, dataset=f"{{kind: folder, root: {root}}}")

    done = project.process("run", str(suite))

    assert done.returncode == 0, done.stdout + done.stderr
    listed = json.loads(project.farm("results", "list", "--json").stdout)
    auc = {row["model"]: row["auc_mean"] for row in listed}
    found = {row["case"]: (row["auc_mean"], row["artifact"]) for row in listed}
    assert found == {
        f"local/{model}/as-is/litert/t1/b1": (AUCS[name], hashlib.sha256(files[name].read_bytes()).hexdigest())
        for model, name in (("float", "float"), ("uint8", "uint8"), ("darker", "float"))
    }
    assert not [row["reasons"] for row in listed if {each["code"] for each in row["reasons"]} != {"smoke"}]
    [compared] = [
        each
        for each in json.loads(
            project.farm("results", "compare", "--by", "model", "--baseline", "float", "--json").stdout
        )
        if "/uint8/" in each["b"]
    ]
    sizes = [files[name].stat().st_size for name in ("float", "uint8")]
    assert compared["size_ratio"] == pytest.approx(sizes[0] / sizes[1])
    assert compared["auc_change"] == pytest.approx(auc["uint8"] - auc["float"])
