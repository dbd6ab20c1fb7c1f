"""``.onnx`` files: measured as they are, or refused in one sentence."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace

import numpy as np
import pytest

from agent import scoring
from orchestrator.config import suite as suites
from orchestrator.domain.model import DatasetSpec, ModelSpec, Preprocess
from orchestrator.errors import BuildError, ModelError, SuiteError
from orchestrator.models import onnx_graph
from orchestrator.models.artifacts import Artifacts, Build, Built, Failed
from orchestrator.models.base import make_model
from orchestrator.models.builder import ModelBuilder
from orchestrator.models.kernels import BY_FORMAT
from orchestrator.models.schemes.float32 import Float32
from orchestrator.models.schemes.int8 import Int8
from tests.lab import networks
from tests.lab.networks import helper, numpy_helper, onnx
from tests.lab.project import Project

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

HOW = Preprocess(height=16, width=16, channels=3)
PHANTOM = DatasetSpec(kind="phantom", options={"patients": 12})
PIXELS = networks.images()
EXPECTED = networks.sigmoid(networks.logits(PIXELS))


@pytest.fixture(scope="module")
def images():
    from orchestrator.datasets.base import make_dataset

    return make_dataset(PHANTOM)


def written(folder, model, name="mine"):
    path = folder / f"{name}.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    return path


def spec(path, how=HOW):
    return ModelSpec(name=path.stem, kind="onnx", options={"path": str(path)}, preprocess=how)


def load(path, how=HOW):
    return make_model(spec(path, how)).load()


def refusal(path, how=HOW):
    with pytest.raises((ModelError, BuildError)) as caught:
        load(path, how)
    assert "\n" not in str(caught.value.message)
    assert str(path) in caught.value.message
    assert len(caught.value.message) < 400
    return caught.value


def scored(path, how=HOW, batch=1):
    return scoring.scores(BY_FORMAT["onnx"].usual(str(path)), PIXELS, how, batch=batch, classes=14)


FORMS = {
    "first": (networks.network(), HOW, 1e-5),
    "last": (networks.network(networks.LAST), HOW, 1e-5),
    "fixed": (networks.network((1, 3, 16, 16), columns=(1, 14)), HOW, 1e-5),
    "free": (networks.network(("n", 3, "h", "w"), columns=("unk__1", None)), HOW, 1e-5),
    "half": (networks.network(dtype="float16"), HOW, 0.02),
    "pixels": (networks.network(dtype="uint8"), replace(HOW, scale=1.0), 1e-5),
    "int8": (networks.integers(), HOW, 0.05),
}


@pytest.mark.parametrize("name", FORMS)
def test_a_file_is_the_artifact_and_scores_as_numpy_does(name, images, tmp_path):
    model, how, near = FORMS[name]
    path = written(tmp_path, model)

    source = load(path, how)
    answer = ModelBuilder(make_model(spec(path, how)), images).build("as-is", 1, tmp_path / "made")

    content = (tmp_path / "made").read_bytes()
    assert content.startswith(path.read_bytes())
    assert (content == path.read_bytes()) is (name != "int8"), "ONNX Runtime does not tell the scale of an int8 input"
    assert answer["checks"]["max_abs_difference"] < 1e-6
    np.testing.assert_allclose(source.scores(scoring.preprocess(PIXELS, how)), EXPECTED, atol=near)
    np.testing.assert_allclose(scored(tmp_path / "made", how), EXPECTED, atol=near)
    assert source.columns == 14


@pytest.mark.parametrize(
    ("columns", "stated"), [(("n", 14), 14), ((1, 14), 14), (("n", None), None), (None, None)], ids=range(4)
)
def test_how_many_scores_an_image_gets_is_stated_before_anything_is_built(tmp_path, columns, stated):
    model = make_model(spec(written(tmp_path, networks.network(columns=columns))))

    assert model.check_ends() == stated


def test_logits_are_scores_too(images, tmp_path):
    path = written(tmp_path, networks.network(end=""))

    answer = ModelBuilder(make_model(spec(path)), images).build("as-is", 1, tmp_path / "made")

    np.testing.assert_allclose(scored(tmp_path / "made"), networks.logits(PIXELS), atol=1e-4)
    assert answer["checks"]["bound"] > 0.01, "the bound grows with the range of logits"


def test_a_free_batch_is_measured_in_any_batch_from_the_same_bytes(images, tmp_path):
    builder = ModelBuilder(make_model(spec(written(tmp_path, networks.network()))), images)

    for batch in (1, 4):
        builder.build("as-is", batch, tmp_path / str(batch))

    assert (tmp_path / "1").read_bytes() == (tmp_path / "4").read_bytes()
    np.testing.assert_allclose(scored(tmp_path / "4", batch=4), EXPECTED, atol=1e-5)


def reshaped(columns=14):
    """Return a network whose batch is free at its input and 1 inside."""
    model = networks.network(end="")
    model.graph.initializer.append(numpy_helper.from_array(np.array([1, columns]), "shape"))
    model.graph.node.append(helper.make_node("Reshape", ["logits", "shape"], ["scores"]))
    model.graph.output[0].name = "scores"
    return model


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (networks.network((2, 3, 16, 16), columns=(2, 14)), "takes 2 images at once, .* batches of 3"),
        (reshaped(), "free at its input, not inside, .* batches of 3"),
    ],
    ids=["fixed", "inside"],
)
def test_a_batch_that_the_graph_cannot_take_is_refused(model, words, tmp_path):
    source = load(written(tmp_path, model))

    with pytest.raises(BuildError, match=words) as caught:
        source.write("onnx", 3, tmp_path / "made")

    assert "batches: " in caught.value.hint
    assert not (tmp_path / "made").exists()


def test_a_bound_on_devices_follows_from_what_the_weights_are(images, tmp_path):
    bounds = [
        ModelBuilder(make_model(spec(written(tmp_path, model))), images).build("as-is", 1, tmp_path / "made")["golden"]
        for model in (networks.network(), networks.integers())
    ]

    assert bounds[0]["mean"] == pytest.approx(Float32.tolerance.mean)
    assert bounds[1]["mean"] >= Int8.tolerance.mean


def outside(folder, location="mine.onnx.data", **changes):
    """Write a network whose weights are in another file, as PyTorch exports it; ``changes`` are of where they say to be."""
    model = networks.network()
    weights = next(each for each in model.graph.initializer if each.name == "weights")
    (folder / "mine.onnx.data").write_bytes(b"12345678" + weights.raw_data)
    entries = {"location": location, "offset": "8", "length": str(len(weights.raw_data))} | changes
    weights.ClearField("raw_data")
    weights.data_location = onnx.TensorProto.EXTERNAL
    for key, value in entries.items():
        weights.external_data.add(key=key, value=value)
    return written(folder, model)


def test_weights_in_a_second_file_become_part_of_the_artifact(images, tmp_path):
    path = outside(tmp_path)
    model = make_model(spec(path))

    ModelBuilder(model, images).build("as-is", 1, tmp_path / "made")

    (tmp_path / "alone").mkdir()
    (tmp_path / "made").rename(tmp_path / "alone" / "made")
    np.testing.assert_allclose(scored(tmp_path / "alone" / "made"), EXPECTED, atol=1e-5)
    before = model.sha256()
    (tmp_path / "mine.onnx.data").write_bytes(b"12345678" + bytes(len(networks.WEIGHTS.tobytes())))
    assert make_model(spec(path)).sha256() != before, "other weights are another model"


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "{folder}/../secret", "link", "../mine/../secret"])
def test_weights_outside_the_folder_of_the_model_are_never_read(tmp_path, location):
    folder = tmp_path / "mine"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(bytes(10_000))
    (folder / "link").symlink_to(tmp_path / "secret")

    refused = refusal(outside(folder, location.format(folder=folder)))

    assert "outside its folder" in refused.message
    assert refused.hint


@pytest.mark.parametrize(
    ("location", "changes", "words"),
    [
        ("nothing", {}, "not beside it"),
        (".", {}, "not beside it"),
        ("pipe", {}, "not beside it"),
        ("*/_ORT_MEM_ADDR_/*", {}, "not beside it"),
        ("mine.onnx.data", {"length": "100000"}, "cut off"),
        ("mine.onnx.data", {"offset": "-8"}, "cut off"),
        ("mine.onnx.data", {"offset": "many"}, "does not say where the weights"),
        ("mine.onnx.data", {"length": str(1 << 40)}, "more than 2 GB"),
        ("a\0b", {}, "does not say where the weights"),
    ],
)
def test_weights_that_are_not_there_are_refused(tmp_path, location, changes, words):
    os.mkfifo(tmp_path / "pipe")

    assert words in refusal(outside(tmp_path, location, **changes)).message


def test_weights_inside_a_node_are_held_to_the_same_folder(tmp_path):
    model = networks.network()
    hidden = numpy_helper.from_array(np.zeros(4, np.float32), "hidden")
    hidden.data_location = onnx.TensorProto.EXTERNAL
    hidden.external_data.add(key="location", value="../../etc/passwd")
    model.graph.node.append(helper.make_node("Constant", [], ["hidden"], value=hidden))

    assert "outside its folder" in refusal(written(tmp_path, model)).message


def changed(change, **options):
    model = networks.network(**options)
    change(model)
    return model


def _two_inputs(model):
    model.graph.input.append(helper.make_tensor_value_info("age", 1, ["n", 1]))


def _two_outputs(model):
    model.graph.output.append(helper.make_tensor_value_info("logits", 1, ["n", 14]))


def _quoted(model):
    _two_outputs(model)
    model.graph.output[0].name = model.graph.node[-1].output[0] = "s'); import os; os.remove('x"


def _custom(model):
    model.graph.node[-1].domain, model.graph.node[-1].op_type = "my.lab", "Sharpen"
    model.opset_import.append(helper.make_opsetid("my.lab", 1))


def _too_new(model):
    model.opset_import[0].version = 99


def _format_too_new(model):
    model.ir_version = 99


def _sequence(model):
    model.graph.node[-1].op_type = "SequenceConstruct"
    model.graph.output[0].CopyFrom(helper.make_tensor_sequence_value_info("scores", 1, None))


def _end(model):
    del model.graph.node[-1]


@pytest.mark.parametrize(
    ("model", "words", "hint"),
    [
        (changed(_two_inputs), r"inputs are image \(\?, 3, 16, 16\), age \(\?, 1\); farm feeds one", "only input"),
        (
            changed(_two_outputs),
            r"2 outputs: scores \(\?, 14\), logits \(\?, 14\)",
            "`output: scores` or `output: logits`",
        ),
        (changed(_quoted), r"2 outputs: NAME \(\?, 14\), logits", "`output: NAME` or `output: logits`"),
        (networks.network(end="ArgMax", columns=None), "output is int64, class numbers", "before argmax"),
        (changed(_sequence), "output is sequence", None),
        (changed(_custom), r"no operator my\.lab:Sharpen", "operators of your own"),
        (changed(_too_new), "newer ONNX", "opset_version"),
        (changed(_format_too_new), "newer ONNX", "opset_version"),
        (changed(_end), "refuses its graph", "onnx.checker"),
        (
            networks.network(("n", "c", "h", "w")),
            "does not tell which side",
            "make_dynamic_shape_fixed --input_name image",
        ),
        (networks.network(("n", 16, 16, 4)), "does not tell which side", None),
        (networks.network(("n", 3, 16)), "farm feeds one batch of images", None),
        (
            networks.network(("n", 3, 32, 32)),
            r"takes \(32, 32, 3\), the suite's `preprocess:` gives \(16, 16, 3\)",
            "leave size",
        ),
    ],
    ids=range(13),
)
def test_a_file_that_cannot_be_measured_is_refused_in_one_sentence(tmp_path, model, words, hint):
    refused = refusal(written(tmp_path, model))

    assert re_search(words, refused.message), refused.message
    assert hint is None or re_search(hint, refused.hint), refused.hint


def re_search(pattern, words):
    import re

    return re.search(pattern, words or "")


@pytest.mark.parametrize("name", ["image", "scores"])
def test_names_that_are_not_utf_8_are_refused(tmp_path, name):
    content = networks.network().SerializeToString().replace(name.encode(), b"\xff" * len(name))

    assert "not UTF-8" in refusal(written(tmp_path, content)).message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"Scores of the model, see below.\n" * 9, "a text file, not a model"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"\x80\x02}q\x00.", "a Python pickle"),
        (b"PK\x03\x04" + bytes(60), "no ONNX file"),
    ],
    ids=["empty", "text", "pointer", "page", "pickle", "archive"],
)
def test_a_file_that_is_something_else_is_named(tmp_path, content, words):
    assert words in refusal(written(tmp_path, content)).message


def test_a_file_that_is_cut_off_anywhere_or_damaged_is_refused_or_scored(tmp_path):
    whole = networks.network().SerializeToString()

    for length in range(1, len(whole) - 1, 53):
        refusal(written(tmp_path, whole[:length]))
    random = np.random.default_rng(3)
    for _ in range(300):
        damaged = bytearray(whole)
        for place in random.integers(0, len(whole), 3):
            damaged[place] = random.integers(256)
        try:
            onnx_graph.read(written(tmp_path, bytes(damaged)))
        except ModelError as error:
            assert "\n" not in error.message  # noqa: PT017  it may as well be read


def test_one_file_fails_while_the_others_are_built_under_their_own_sha256(tmp_path):
    good, cut = written(tmp_path, networks.network(), "good"), written(tmp_path, changed(_end), "cut")
    artifacts = Artifacts(tmp_path / "state")

    outcomes = artifacts.ensure([Build(model=spec(path), scheme="as-is", batch=1) for path in (cut, good)], PHANTOM)
    first, second = sorted(outcomes, key=lambda outcome: outcome.build.model.name)  # they come as they are finished

    assert isinstance(first, Failed)
    assert "ONNX Runtime refuses its graph" in first.error
    assert isinstance(second, Built)
    assert second.artifact.sha256 == hashlib.sha256(good.read_bytes()).hexdigest()
    assert not {"tensorflow", "keras"} & set(second.artifact.recipe)


def suite_of(folder, *models, **keys):
    path = folder / "suite.yaml"
    lines = [
        "dataset: {kind: phantom, patients: 12}",
        "effort: smoke",
        *(f"{k}: {v}" for k, v in keys.items()),
        "models:",
    ]
    path.write_text("\n".join([*lines, *(f"  - {model}" for model in models)]) + "\n")
    return path


@pytest.mark.parametrize(
    ("shape", "keys", "expected"),
    [
        (networks.FIRST, "scale: 1", (16, 16, 3)),
        (networks.LAST, "scale: 1", (16, 16, 3)),
        (("n", 3, "h", "w"), "size: [24, 32]", (24, 32, 3)),
    ],
)
def test_a_suite_takes_size_and_channels_from_the_file(tmp_path, shape, keys, expected):
    path = written(tmp_path, networks.network(shape))

    [model] = suites.load(suite_of(tmp_path, f"{{path: {path}, preprocess: {{{keys}}}}}")).models

    assert model.kind == "onnx"
    how = model.preprocess
    assert (how.height, how.width, how.channels) == expected


@pytest.mark.parametrize(
    ("shape", "keys", "words"),
    [
        (networks.FIRST, "size: 32", r"takes \(16, 16, 3\), `preprocess:` gives \(32, 32, 3\)"),
        (("n", 3, "h", "w"), "scale: 1", "needs a `size`: the model's file leaves it free"),
        (("n", 3, "h", "w"), "{size: 32, channels: 1}", r"takes \(None, None, 3\), `preprocess:` gives \(32, 32, 1\)"),
    ],
)
def test_a_suite_that_contradicts_the_file_is_refused_with_its_line(tmp_path, shape, keys, words):
    path = written(tmp_path, networks.network(shape))
    suite = suite_of(tmp_path, f"{{path: {path}, preprocess: {{{keys.strip('{}')}}}}}")

    with pytest.raises(SuiteError, match=rf"suite\.yaml:4: .*{words}"):
        suites.load(suite)


def test_a_run_measures_files_of_every_kind_in_onnx_runtime_and_says_why_not_elsewhere(tmp_path, images):
    project = Project(folder=tmp_path)
    (tmp_path / "home").mkdir()
    names = {name: column for column, name in reversed(tuple(enumerate(images.classes)))}
    networks_by_name = {
        "first": networks.network(),
        "last": networks.network(networks.LAST),
        "heads": networks.heads(names),
    }
    files = {name: written(tmp_path, network, name) for name, network in networks_by_name.items()}
    models = [f"{{path: {file}, preprocess: {{scale: {1 / 255}}}}}" for file in files.values()]
    suite = suite_of(tmp_path, *models, batches="[1, 4]")

    done = project.process("run", str(suite))
    elsewhere = project.farm("run", str(suite), "--runtimes", "litert", "--dry-run")

    assert done.returncode == 0, done.stdout + done.stderr
    listed = json.loads(project.farm("results", "list", "--json").stdout)
    measured = {row["case"]: row for row in listed if row["verdict"] is not None}
    assert set(measured) == {f"local/{name}/as-is/onnxruntime/t1/b{batch}" for name in files for batch in (1, 4)}
    for row in measured.values():
        assert row["artifact"] == hashlib.sha256(files[row["model"]].read_bytes()).hexdigest()
        assert row["auc_mean"] == pytest.approx(measured["local/first/as-is/onnxruntime/t1/b1"]["auc_mean"], abs=1e-3)
    words = " ".join((elsewhere.stdout + elsewhere.stderr).split())
    assert "scheme as-is makes .onnx, runtime litert takes .tflite: use runtime onnxruntime" in words


def test_a_file_shows_its_ends_parameters_and_operators(tmp_path):
    project = Project(folder=tmp_path)
    path = written(tmp_path, networks.integers())

    shown = json.loads(project.farm("models", "show", str(path), "--json").stdout)
    table = " ".join(project.farm("models", "show", str(path)).stdout.split())

    [image], [artifact] = shown["inputs"], shown["artifacts"]
    assert (image["name"], image["shape"], image["dtype"]) == ("image", [None, 3, 16, 16], "int8")
    assert (image["scale"], image["zero_point"]) == (pytest.approx(1 / 255), -128)
    assert shown["parameters"] == networks.WEIGHTS.size + networks.BIAS.size + 4, "with two scales and zero points"
    assert (artifact["nodes"], artifact["delegated"], artifact["error"]) == (6, None, None)
    assert artifact["macs"] == networks.WEIGHTS.size
    [runtime] = artifact["runtimes"]
    assert (runtime["runtime"], runtime["error"]) == ("onnxruntime", None)
    assert {one["name"]: one["taken"] for one in artifact["operators"]}["MatMul"] == {"onnxruntime": 1}
    assert f"as-is onnxruntime {runtime['version']}: no delegate; its own kernels" in table
    assert "free × 3 × 16 × 16 int8, scale 0.00392157, zero point -128" in table
    assert "Add 1, DequantizeLinear 1, MatMul 1" in table
    assert "XNNPACK:" not in table


def test_a_file_that_onnx_runtime_refuses_shows_why(tmp_path):
    path = written(tmp_path, changed(_custom))

    shown = json.loads(Project(folder=tmp_path).farm("models", "show", str(path), "--json").stdout)

    [artifact] = shown["artifacts"]
    assert "no operator my.lab:Sharpen" in artifact["error"]
    assert "no operator my.lab:Sharpen" in artifact["runtimes"][0]["error"]
    assert all(not one["taken"] for one in artifact["operators"])
