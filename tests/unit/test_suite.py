from __future__ import annotations

import json
import re

import pytest

from orchestrator.config import suite as suites
from orchestrator.domain.suite import Suite
from orchestrator.errors import SuiteError, UnknownName, UsageError
from orchestrator.models.schemes.base import make_scheme, options_in
from orchestrator.runtimes import names
from orchestrator.testing import make_suite

WHOLE = """
models:
  - name: mobile
    path: models/mobile.keras
    preprocess: {size: [160, 128], channels: 3, scale: 0.5, mean: [1, 2, 3], std: 2}
dataset:
  kind: folder
  root: ${IMAGES}/chest_xray
schemes: [float32, int8]
runtimes: litert
threads: [1, 2]
effort: quick
seed: 3
"""


def write(tmp_path, text):
    path = tmp_path / "suite.yaml"
    path.write_text(text)
    return path


def test_a_suite_says_models_schemes_runtimes_threads_dataset_effort_and_seed(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGES", "/data")

    suite = suites.load(write(tmp_path, WHOLE))

    (model,) = suite.models
    assert (model.name, model.kind) == ("mobile", "keras")
    assert model.options == {"path": str(tmp_path / "models/mobile.keras")}
    assert (model.preprocess.height, model.preprocess.width, model.preprocess.channels) == (160, 128, 3)
    assert (model.preprocess.scale, model.preprocess.mean, model.preprocess.std) == (0.5, (1, 2, 3), (2,))
    assert suite.dataset.options["root"] == "/data/chest_xray"
    assert (suite.schemes, suite.runtimes, suite.threads) == (("float32", "int8"), ("litert",), (1, 2))
    assert (suite.effort, suite.seed) == ("quick", 3)


def test_a_suite_survives_the_store(tmp_path, monkeypatch):
    monkeypatch.setenv("IMAGES", "/data")
    suite = suites.load(write(tmp_path, WHOLE))

    assert Suite.from_json(json.loads(json.dumps(suite.to_json()))) == suite


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("modles: [tiny-cxr]\ndataset: phantom\n", ["suite.yaml:1:", "'modles'", "'models'"]),
        ("dataset: phantom\nmodels:\n  - tiny-cxx\n", ["suite.yaml:3:", "'tiny-cxx'", "'tiny-cxr'"]),
        ("dataset: phantom\nmodels: tiny-cxr\nschemes: [float32, int9]\n", ["suite.yaml:3:", "'int9'", "'int8'"]),
        ("dataset: phantom\nmodels: tiny-cxr\neffort: standart\n", ["suite.yaml:3:", "'standart'", "'standard'"]),
        ("dataset: phantom\nmodels: tiny-cxr\nruntimes: [litrt]\n", ["suite.yaml:3:", "'litrt'", "'litert'"]),
        ("dataset: phantom\nmodels: tiny-cxr\nthreads: [1, zero]\n", ["suite.yaml:3:", "threads.1"]),
        ("dataset: phantom\nmodels: tiny-cxr\nthreads: 0\n", ["suite.yaml:3:", "threads: must be at least 1"]),
        (
            "dataset: phantom\nmodels: tiny-cxr\nthroughput: 2\n",
            ["suite.yaml:3:", "throughput: must be a mapping with interpreters, batches"],
        ),
        (
            "dataset: phantom\nmodels: tiny-cxr\nthroughput:\n  interpreters: [1, 0]\n",
            ["suite.yaml:4:", "throughput.interpreters.1:"],
        ),
        ("dataset: phantom\nmodels: tiny-cxr\nschemes: []\n", ["suite.yaml:3:", "at least one"]),
        ("dataset: phantom\nmodels: [tiny-cxr, tiny-cxr]\n", ["suite.yaml:2:", "second model"]),
        ("dataset: phantim\nmodels: tiny-cxr\n", ["suite.yaml:1:", "'phantim'", "'phantom'"]),
        ("dataset: phantom\n", ["suite.yaml:1:", "models", "required"]),
        ("models: [{kind: keras}]\ndataset: phantom\n", ["suite.yaml:1:", "model keras: path: is required"]),
        (
            "dataset: phantom\nmodels:\n  - path: a.keras\n    preprocess:\n      size: 3\n      chanels: 1\n",
            ["suite.yaml:6:", "'chanels'", "'channels'"],
        ),
        (
            "dataset: phantom\nmodels:\n  - path: a.keras\n    preprocess:\n      size: 3\n      std: 0\n",
            ["suite.yaml:4:", "std may not be 0"],
        ),
        (
            "models: tiny-cxr\ndataset:\n  kind: folder\n  rot: /data\n",
            ["suite.yaml:4:", "'rot'", "'root'"],
        ),
        (
            "models: tiny-cxr\ndataset:\n  kind: folder\n  root: ${FARM_NO_SUCH}/x\n",
            ["suite.yaml:4:", "FARM_NO_SUCH", "not set", "export"],
        ),
        (
            "models: tiny-cxr\ndataset:\n  kind: phantom\n  seed: x\n",
            ["suite.yaml:4:", "dataset phantom: seed: must be a whole number, not 'x'"],
        ),
        (
            "models: tiny-cxr\ndataset:\n  kind: phantom\n  seed: 2026-01-01\n",
            ["suite.yaml:4:", "seed: must be a whole number, not '2026-01-01'"],
        ),
        ("models: [tiny-cxr\n", ["suite.yaml:2:"]),
        (
            "models: [mine.keras]\ndataset: phantom\n",
            ["suite.yaml:1:", "mine.keras: a model of yours has a `path:`, as in {path: mine.keras}"],
        ),
        (
            "models: [{pth: mine.keras}]\ndataset: phantom\n",
            ["suite.yaml:1:", "unknown key 'pth'; did you mean 'path'?"],
        ),
        ("models: [{}]\ndataset: phantom\n", ["suite.yaml:1:", "a model requires a `path:` or a `kind:`"]),
        ("models: tiny-cxr\nmodels: tiny-cxr\n", ["suite.yaml:2:", "duplicate"]),
        ("- a\n", ["suite.yaml:1:", "key: value"]),
    ],
)
def test_what_is_wrong_is_named_with_file_line_and_the_nearest_right_word(tmp_path, text, words):
    with pytest.raises(SuiteError) as caught:
        suites.load(write(tmp_path, text))

    for word in words:
        assert word in str(caught.value)


def test_a_suite_that_is_not_there_or_not_text_is_a_usage_error(tmp_path):
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"models: \xff\xfe")

    for path, word in (
        (tmp_path / "none.yaml", "no such suite file"),
        (binary, "not UTF-8"),
        (tmp_path, "a folder, expected a suite.yaml"),
    ):
        with pytest.raises(UsageError, match=word):
            suites.load(path)


@pytest.mark.parametrize("name", ["mine.keras", "mine.tflite", "mine.onnx", "mine.h5"])
def test_a_model_in_place_of_a_suite_names_the_command_that_takes_it(tmp_path, name):
    with pytest.raises(SuiteError, match=rf"{name}: a model, not a suite\n  farm bench .*{name}"):
        suites.load(tmp_path / name)


def test_a_command_that_a_message_prints_is_quoted(tmp_path):
    with pytest.raises(SuiteError, match=r"\n  farm bench '.*/my model\.keras'"):
        suites.load(tmp_path / "my model.keras")


def test_a_suite_of_windows_is_read_as_any_other(tmp_path):
    path = tmp_path / "suite.yaml"
    path.write_bytes(b"\xef\xbb\xbfmodels: [tiny-cxr]\r\ndataset: phantom\r\nschemes: [int8]\r\n")

    assert suites.load(path).schemes == ("int8",)


def test_options_narrow_a_suite():
    suite = make_suite()

    narrowed = suites.narrow(suite, schemes=["int8"], threads=[4], devices=["pi"], effort="quick", seed=9)

    assert (narrowed.schemes, narrowed.threads, narrowed.devices) == (("int8",), (4,), ("pi",))
    assert (narrowed.effort, narrowed.seed) == ("quick", 9)
    assert suites.narrow(suite) == suite


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"models": ["tiny"]}, "tiny-cxr"),
        ({"schemes": ["int9"]}, "int8"),
        ({"runtimes": ["litrt"]}, "litert"),
        ({"effort": "quik"}, "quick"),
    ],
)
def test_an_option_that_names_nothing_offers_the_nearest(options, word):
    with pytest.raises(UnknownName, match=word):
        suites.narrow(make_suite(), **options)


@pytest.mark.parametrize("word", ["litert==1.4.0", "tflite==2.14.0", "delegate:/usr/lib/x.so?a=b", "tensorflow"])
def test_a_runtime_may_be_pinned_or_told_more(word):
    assert names.misfit(word) is None
    assert suites.narrow(make_suite(), runtimes=[word]).runtimes == (word,)


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("litert==9.9", "no version 9.9 of litert: there are wheels of 1.1.2, 1.2.0, 1.3.0, 1.4.0,"),
        ("tensorflow==2.1", "it has no wheels of other versions"),
        ("delegate", "delegate needs the path of its library: delegate:/"),
        ("litert:/usr/lib/x.so", "litert takes nothing behind a colon"),
        ("litert==", "is not NAME, NAME==VERSION or NAME:ARGUMENT"),
        ("litert >= 1.4", "is not NAME, NAME==VERSION or NAME:ARGUMENT"),
    ],
)
def test_a_runtime_that_does_not_exist_is_refused_with_the_reason(tmp_path, word, words):
    with pytest.raises(SuiteError, match=re.escape(words)):
        suites.narrow(make_suite(), runtimes=[word])
    path = tmp_path / "suite.yaml"
    path.write_text(
        f"models: tiny-cxr\ndataset: phantom\nruntimes:\n  - null\n  - '{word}'\n".replace("- null", "- litert")
    )
    with pytest.raises(SuiteError, match=r"suite\.yaml:5:"):
        suites.load(path)


def test_throughput_and_comparison_are_asked_for_by_file_and_by_option(tmp_path):
    path = tmp_path / "suite.yaml"
    path.write_text(
        "models: tiny-cxr\ndataset: phantom\nthroughput: {interpreters: [1, 2], batches: 8}\ncompare: true\n"
    )

    suite = suites.load(path)

    assert (suite.throughput.interpreters, suite.throughput.batches, suite.compare) == ((1, 2), (8,), True)
    assert Suite.from_json(json.loads(json.dumps(suite.to_json()))) == suite
    narrowed = suites.narrow(suite, throughput=[4, 4])
    assert (narrowed.throughput.interpreters, narrowed.throughput.batches) == ((4,), (8,))
    assert suites.narrow(make_suite(), throughput=[2]).throughput.batches == (1,)
    assert suites.narrow(make_suite(effort="standard"), compare=True).compare
    with pytest.raises(SuiteError, match="--throughput 0: must be whole numbers from 1 to"):
        suites.narrow(suite, throughput=[0])


def test_threads_below_one_are_refused():
    with pytest.raises(SuiteError, match="--threads 0: must be whole numbers from 1 to"):
        suites.narrow(make_suite(), threads=[0])


@pytest.mark.parametrize(
    "change",
    [{"models": None}, {"models": [{"colour": 1}]}, {"dataset": {}}, {"throughput": 3}, {"colour": 1}],
    ids=str,
)
def test_a_stored_suite_of_another_version_is_refused_without_a_traceback(change):
    stored = suites.built_in().to_json() | change

    with pytest.raises(SuiteError, match="cannot read the suite stored with the run: "):
        Suite.from_json(stored)


@pytest.mark.parametrize(("asked", "scored", "images"), [("all", True, None), ("none", False, None), (300, True, 300)])
def test_accuracy_is_a_key_and_an_option(tmp_path, asked, scored, images):
    by_key = suites.load(write(tmp_path, f"models: tiny-cxr\ndataset: phantom\naccuracy: {asked}\n"))
    by_option = suites.narrow(suites.built_in(), accuracy=str(asked))

    for suite in (by_key, by_option):
        assert (suite.is_scored("tiny-cxr"), suite.scored_images) == (scored, images)


@pytest.mark.parametrize("asked", ["nonne", "0", "-3", "1.5", "9" * 5000, ""])
def test_another_accuracy_is_refused(tmp_path, asked):
    with pytest.raises(SuiteError, match="all, none, or a number"):
        suites.narrow(suites.built_in(), accuracy=asked)
    with pytest.raises(SuiteError, match="accuracy"):
        suites.load(write(tmp_path, f"models: tiny-cxr\ndataset: phantom\naccuracy: {asked or '[]'}\n"))


def test_comparing_is_refused_with_an_effort_that_it_changes_nothing_of():
    assert suites.narrow(suites.built_in(), compare=True, effort="standard").compare
    with pytest.raises(SuiteError, match=r"effort standard alone, not with quick\n.*attempts: 7"):
        suites.narrow(suites.built_in(), compare=True, effort="quick")


MIXED = "models: tiny-cxr\ndataset: phantom\nschemes: [float32, {kind: int8, name: mixed, float_layers: [first]}]\n"


def test_a_scheme_with_options_has_a_name_of_its_own(tmp_path):
    suite = suites.load(write(tmp_path, MIXED))

    assert suite.schemes == ("float32", "mixed")
    assert suite.scheme_options == {"mixed": {"kind": "int8", "float_layers": ["first"]}}
    assert (suite.scheme_kind("mixed"), suite.scheme_kind("float32")) == ("int8", "float32")
    assert suites.narrow(suite, schemes="mixed").schemes == ("mixed",)
    assert Suite.from_json(json.loads(json.dumps(suite.to_json()))) == suite


@pytest.mark.parametrize(
    ("schemes", "words"),
    [
        ("[{kind: int9, name: a}]", "int8"),
        ("[{kind: int8}]", "name"),
        ("[{kind: int8, name: int8, float_layers: [x]}]", "scheme of farm's own"),
        ("[{kind: int8, name: a/b}]", "can't be the name of a scheme"),
        ("[{kind: int8, name: a, float_layer: [x]}]", "float_layers"),
        ("[{kind: int8, name: a}, {kind: int8, name: a, float_layers: [x]}]", "a second scheme called 'a'"),
        ("[int8, int8]", "a second scheme called 'int8'"),
        ("[{kind: float32, name: a, float_layers: [x]}]", "float_layers"),
        ("[{kind: int8-io, name: a, float_layers: [x]}]", "float_layers"),
        ("\n  - {kind: int8, name: a, float_io: true}", "suite.yaml:4: int8 has float32 input and output now"),
    ],
)
def test_a_wrong_scheme_is_refused(tmp_path, schemes, words):
    with pytest.raises(SuiteError, match=re.escape(words)):
        suites.load(write(tmp_path, f"models: tiny-cxr\ndataset: phantom\nschemes: {schemes}\n"))


def test_compat_is_the_suites_or_a_schemes_own(tmp_path):
    text = """\
models: tiny-cxr
dataset: phantom
compat: tflite-2.14
schemes:
  - float16
  - dynamic-int8
  - {kind: float16, name: older, compat: tflite-2.11}
"""

    suite = suites.load(write(tmp_path, text))

    assert [suite.compat_of(scheme) for scheme in suite.schemes] == ["tflite-2.14", "tflite-2.14", "tflite-2.11"]
    dense = {name: make_scheme(name, options_in(suite, name)).options.get("dense") for name in suite.schemes[:2]}
    assert dense == {"float16": None, "dynamic-int8": "float32"}  # float16 needs no way of its own
    assert make_scheme("older", options_in(suite, "older")).options == {}
    for wrong, line in ((text.replace("tflite-2.14", "tflite2.14"), 3), (text.replace("tflite-2.11", "old"), 7)):
        with pytest.raises(SuiteError, match=rf"suite\.yaml:{line}: .* is not tflite-RELEASE, such as tflite-2\.14"):
            suites.load(write(tmp_path, wrong))


def test_a_bare_run_measures_the_small_model_and_another_shipped_one_by_its_name():
    assert [model.name for model in suites.built_in().models] == ["small-cxr"]
    assert [model.name for model in suites.built_in(["tiny-cxr"]).models] == ["tiny-cxr"]
    with pytest.raises(UnknownName, match="tiny-cxr"):
        suites.built_in(["tiny"])
