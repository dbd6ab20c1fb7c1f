"""A model that a function of the user's builds: named by the suite, run by the process that builds artifacts alone."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from orchestrator.config import suite as suites
from orchestrator.domain.model import DatasetSpec, ModelSpec, Preprocess
from orchestrator.errors import ModelError, SuiteError
from orchestrator.models.artifacts import Artifacts, Build, Failed
from orchestrator.models.base import make_model

HOW = Preprocess(height=8, width=8, channels=3)
CODE = """
import keras
from keras import layers

class Doubled(layers.Layer):  # code of the user's own, which no file may carry
    def call(self, x):
        return 2.0 * x

def build(outputs=3, *, bad=False):
    image = keras.Input((8, 8, 3))
    x = Doubled()(layers.GlobalAveragePooling2D()(image))
    if bad:
        layers.Dense("many")(x)
    return keras.Model(image, layers.Dense(outputs, activation="sigmoid")(x))

def saved():
    build(2).export("saved", verbose=False)
    return "saved"

def words():
    return ["no", "model"]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("mine", None)


def spec(folder, entry="mine:build", **options):
    return ModelSpec(
        name="m", kind="python", options={"entry": entry, "folder": str(folder), **options}, preprocess=HOW
    )


def test_the_function_builds_the_model_the_same_each_time(folder):
    x = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)

    first, again = (make_model(spec(folder, arguments={"outputs": 4})).load() for _ in range(2))
    of_a_path = make_model(spec(folder, "mine:saved")).load()

    assert (first.columns, of_a_path.columns) == (4, 2)
    np.testing.assert_array_equal(first.scores(x), again.scores(x))
    assert not (folder / "__pycache__").exists()


def test_nothing_is_imported_before_an_artifact_is_built_and_then_elsewhere(folder):
    (folder / "mine.py").write_text("open('ran', 'w').close()\nraise ValueError('of mine')\n")
    mine = spec(folder)

    make_model(mine).sha256()
    before = (folder / "ran").exists()
    [outcome] = Artifacts(folder / "state").ensure(
        [Build(model=mine, scheme="float32", batch=1)], DatasetSpec(kind="phantom", options={"patients": 8})
    )

    assert not before
    assert (folder / "ran").exists()
    assert "mine" not in sys.modules
    assert isinstance(outcome, Failed)
    assert outcome.error == f"model mine:build: {folder}/mine.py:2: ValueError: of mine"


def test_the_hash_follows_code_arguments_files_and_size(folder):
    (folder / "w.h5").write_bytes(b"1")
    hashes = [
        make_model(each).sha256()
        for each in (spec(folder), spec(folder, arguments={"outputs": 4}), spec(folder, files=["w.h5"]))
    ]
    (folder / "w.h5").write_bytes(b"2")
    hashes.append(make_model(spec(folder, files=["w.h5"])).sha256())
    (folder / "mine.py").write_text(CODE + "\n")

    hashes.append(make_model(spec(folder)).sha256())

    assert len(set(hashes)) == 5


@pytest.mark.parametrize(
    ("entry", "file"),
    [
        ("mine:build", "mine.py"),
        ("mine:build", "layers_of_mine.py"),
        ("mine:build", "parts/deep/head.py"),
        ("parts.deep.head:build", "parts/body.py"),
    ],
)
def test_the_hash_follows_all_code_that_a_module_is_made_of_wherever_it_is_installed(tmp_path, entry, file):
    folder = tmp_path / ".venv" / "site-packages"
    (folder / "parts" / "deep").mkdir(parents=True)
    code = {
        "mine.py": "import layers_of_mine\n",
        "layers_of_mine.py": "from parts.deep import head\n",
        "parts/__init__.py": "",
        "parts/body.py": "",
        "parts/deep/__init__.py": "",
        "parts/deep/head.py": "from .. import body\n",
        "alien.py": "",
    }
    for name, text in code.items():
        (folder / name).write_text(text)
    before = make_model(spec(folder, entry)).sha256()
    (folder / "alien.py").write_text("1")
    beside = make_model(spec(folder, entry)).sha256()
    (folder / file).write_text(code[file] + "def build(): ...\n")

    after = make_model(spec(folder, entry)).sha256()

    assert before == beside != after


@pytest.mark.parametrize(
    ("entry", "options", "words"),
    [
        ("mine:build", {"arguments": {"bad": True}}, r"mine\.py:13: "),
        ("mine:build", {"arguments": {"nothing": 1}}, r"mine\.py: TypeError: build\(\) got an unexpected keyword"),
        ("mine:words", {}, r"returns builtins\.list, not a keras\.Model"),
        ("mine:buidl", {}, r"mine\.py: no function called 'buidl'; did you mean 'build'\?"),
    ],
)
def test_what_goes_wrong_in_the_function_is_named_with_file_and_line(folder, entry, options, words):
    model = make_model(spec(folder, entry, **options))

    with pytest.raises(ModelError, match=words):
        model.load()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("def built(): pass\n", r"mine\.py: no function called 'build'; did you mean 'built'\?"),
        ("def build(:\n", r"mine\.py:1: SyntaxError"),
        ("x = 1\0", r"mine\.py: "),
    ],
)
def test_a_function_that_the_module_does_not_define_is_found_without_importing_it(folder, code, words):
    (folder / "mine.py").write_text(code)

    with pytest.raises(ModelError, match=words):
        make_model(spec(folder)).check_ends()


@pytest.mark.parametrize(
    "code",
    [
        "if True:\n    def build(): pass\n",
        "try:\n    from models import make as build\nexcept ImportError:\n    build = None\n",
        "from models import *\n",
        "def __getattr__(name): return print\n",
        "globals()['build'] = print\n",
        "import sys\nsys.modules[__name__] = object()\n",
        "build, other = print, print\n",
        "class build: pass\n",
    ],
)
def test_a_function_that_may_be_there_is_not_refused(folder, code):
    (folder / "mine.py").write_text(code)

    assert make_model(spec(folder)).check_ends() is None


@pytest.mark.parametrize(
    ("code", "words"),
    [("def build(:\n", r"mine\.py:1: SyntaxError"), ("import sys\nsys.exit('no')\n", r"mine\.py:2: SystemExit: no")],
)
def test_a_module_that_cannot_be_imported_is_named_with_file_and_line(folder, code, words):
    (folder / "mine.py").write_text(code)

    with pytest.raises(ModelError, match=words):
        make_model(spec(folder)).load()


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("mine", "must be module:function"),
        ("os:system;x", "must be module:function"),
        ("other:build", "no module 'other'"),
        ("__main__:build", "__main__ is farm itself"),
    ],
)
def test_an_entry_that_names_no_function_is_refused_before_anything_runs(folder, entry, words):
    with pytest.raises(ModelError, match=words):
        make_model(spec(folder, entry))


def test_a_suite_names_the_entry_and_its_own_folder_is_the_modules(folder):
    (folder / "suite.yaml").write_text(
        "dataset: phantom\nmodels:\n  - {kind: python, entry: 'mine:build', preprocess: {size: 8, channels: 3}}\n"
    )

    [model] = suites.load(folder / "suite.yaml").models

    assert (model.name, model.options["folder"]) == ("build", str(folder))
    (folder / "suite.yaml").write_text("dataset: phantom\nmodels:\n  - {kind: python, entrypoint: 'mine:build'}\n")
    with pytest.raises(SuiteError, match=r"suite\.yaml:3: .*entry"):
        suites.load(folder / "suite.yaml")
