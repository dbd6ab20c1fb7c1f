"""Plug-ins of packages: found by their entry points; one that can't be used is a sentence that names its package."""

from __future__ import annotations

import pytest

from orchestrator import registry
from orchestrator.config import suite as suites
from orchestrator.datasets.base import make_dataset
from orchestrator.domain.model import DatasetSpec, ModelSpec
from orchestrator.errors import DatasetError, ModelError, PluginError, SuiteError, UnknownName
from orchestrator.models.base import make_model
from orchestrator.models.schemes.base import make_scheme

DATASET = """
from orchestrator.errors import DatasetError

class Dataset:
    name, classes, task, synthetic = "mine", ("A",), "binary", True
    def __init__(self, root: str, *, fail: str = "") -> None:
        if fail == "theirs":
            raise ZeroDivisionError("no images")
        if fail == "farm's":
            raise DatasetError("no images")
    def load(self): ...
    def summary(self): ...
    def fingerprint(self): ...

class NoSummary:
    def load(self): ...
    def fingerprint(self): ...

class NoName(Dataset):
    def __init__(self) -> None:
        pass
    name = property()

class Model:
    preprocess = None
    formats = ("saved_model",)
    def __init__(self, *, depth: int = 1, preprocess=None) -> None: ...
    def sha256(self): ...
    def load(self): ...

class Scheme:
    name = "mine"

text = "not a class"
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package of a name with entry points of the given group, and the module `plug_in_NAME`."""
    monkeypatch.syspath_prepend(tmp_path)

    def add(package, kind, code=DATASET, **points):
        module = f"plug_in_{package}"
        (tmp_path / f"{module}.py").write_text(code)
        about = tmp_path / f"{package}-1.2.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        lines = [f"{name.replace('_', '-')} = {module}:{attribute}" for name, attribute in points.items()]
        (about / "entry_points.txt").write_text("\n".join([f"[farm.{kind}]", *lines]) + "\n")

    return add


def dataset(kind, **options):
    return make_dataset(DatasetSpec(kind=kind, options=options))


def test_a_plug_in_is_found_listed_and_made(install):
    install("good", "dataset", good_set="Dataset")

    assert registry.names("dataset")[-1] == "good-set"
    assert dataset("good-set", root="x").name == "mine"
    assert registry.label("dataset", "good-set") == "dataset good-set (package good 1.2)"
    assert registry.label("dataset", "folder") == "dataset folder"


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import nowhere_to_be_found", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("def (", "SyntaxError: "),
        ("raise SystemExit('stop')", "SystemExit: stop"),
        ("x = 1", "AttributeError: module 'plug_in_"),
    ],
)
def test_a_package_that_can_not_be_imported_is_named_with_its_entry_point(install, code, words):
    package = f"broken{len(code)}"
    install(package, "scheme", code, odd="Scheme")

    with pytest.raises(PluginError) as caught:
        make_scheme("odd")

    assert caught.value.message.startswith(f"scheme odd (package {package} 1.2) can't be loaded: {words}")
    assert f"plug_in_{package}:Scheme" in caught.value.hint


@pytest.mark.parametrize(
    ("attribute", "words"),
    [
        ("NoSummary", "lacks summary"),
        ("NoName", "lacks name"),
        ("text", "lacks load, summary, fingerprint"),
    ],
)
def test_what_a_plug_in_lacks_is_named_with_its_package(install, attribute, words):
    install("short", "dataset", short="Dataset", odd=attribute)

    with pytest.raises(PluginError) as caught:
        dataset("odd")

    assert caught.value.message == f"dataset odd (package short 1.2) {words}"


def test_a_scheme_that_lacks_most_is_refused_before_anything_is_built(install):
    install("bare", "scheme", bare="Scheme")

    with pytest.raises(PluginError, match=r"\(package bare 1\.2\) lacks format, takes, needs_calibration, tolerance"):
        make_scheme("bare")


def test_what_can_not_be_called_is_no_executor(install):
    install("words", "executor", said="text")

    with pytest.raises(PluginError, match=r"executor said \(package words 1\.2\) is a str"):
        registry.find("executor", "said")


def test_an_error_of_a_plug_in_names_its_package_and_the_line_one_of_farm_s_is_as_it_is(install):
    install("failing", "dataset", failing="Dataset")

    with pytest.raises(PluginError) as caught:
        dataset("failing", root="x", fail="theirs")
    with pytest.raises(DatasetError, match=r"^no images$"):
        dataset("failing", root="x", fail="farm's")

    assert caught.value.message == "dataset failing (package failing 1.2) fails: ZeroDivisionError: no images"
    assert "plug_in_failing.py:8" in caught.value.hint


def test_a_wrong_option_names_the_package_and_in_a_suite_file_and_line(install, tmp_path):
    install("strict", "dataset", strict="Dataset")
    install("deep", "model", deep="Model")
    suite = tmp_path / "suite.yaml"
    suite.write_text("models: [tiny-cxr]\ndataset:\n  kind: strict\n  rot: here\n")

    with pytest.raises(DatasetError, match=r"dataset strict \(package strict 1\.2\): .*rot"):
        dataset("strict", rot="x")
    with pytest.raises(ModelError, match=r"model mine \(model deep \(package deep 1\.2\)\): .*dept"):
        make_model(ModelSpec(name="mine", kind="deep", options={"dept": 2}))
    with pytest.raises(SuiteError) as caught:
        suites.load(suite)

    assert "suite.yaml:4: dataset strict (package strict 1.2): unknown key 'rot'" in caught.value.message
    assert "did you mean 'root'" in caught.value.message


def test_a_broken_plug_in_of_a_suite_is_named_with_file_and_line_and_hurts_no_other(install, tmp_path):
    install("cracked", "scheme", "import nowhere_to_be_found", cracked="Scheme")
    suite = tmp_path / "suite.yaml"
    suite.write_text("models: [tiny-cxr]\ndataset: phantom\nschemes:\n  - float32\n  - cracked\n")

    with pytest.raises(SuiteError, match=r"suite\.yaml:5: scheme cracked \(package cracked 1\.2\) can't be loaded"):
        suites.load(suite)
    suite.write_text("models: [tiny-cxr]\ndataset: phantom\nschemes: [float32]\n")

    assert suites.load(suite).schemes == ("float32",)


def test_a_name_that_two_packages_have_is_refused_and_farm_s_own_wins(install):
    install("one", "dataset", mine="Dataset", folder="NoSummary")
    install("two", "dataset", mine="Dataset")

    with pytest.raises(PluginError, match=r"^dataset mine is in 2 packages: one 1\.2, two 1\.2\n"):
        registry.find("dataset", "mine")
    assert registry.find("dataset", "folder").__module__ == "orchestrator.datasets.folder"


def test_a_name_that_nothing_has_is_met_with_the_nearest_of_a_package_too(install):
    install("near", "dataset", tuberculosis="Dataset")

    with pytest.raises(UnknownName, match="did you mean 'tuberculosis'"):
        registry.find("dataset", "tuberculoses")
