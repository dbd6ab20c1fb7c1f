"""Every scheme of a small network: the same bytes twice, whatever kernels one runtime lacks."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest

from orchestrator import registry
from orchestrator.datasets.base import make_dataset
from orchestrator.domain.model import DatasetSpec, ModelSpec, Preprocess
from orchestrator.models import kernels
from orchestrator.models.artifacts import Artifacts, Build, Built
from orchestrator.models.base import make_model
from orchestrator.models.builder import ModelBuilder
from orchestrator.models.schemes.base import make_scheme
from tests.lab import toys

pytestmark = pytest.mark.tensorflow

#: Files of tf2onnx are not the same twice (docs/runtimes.md); a ready file is its own bytes.
SCHEMES = [name for name in registry.BUILT_IN["scheme"] if name not in ("as-is", "onnx", "onnx-int8")]
CONVERTED = [name for name in SCHEMES if registry.find("scheme", name).format == "tflite"]


def refuse(path):
    raise RuntimeError("Node number 3 (TfLiteXNNPackDelegate) failed to prepare")


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """A network of two layers, images for it."""
    folder = tmp_path_factory.mktemp("toy")
    toys.model().save(folder / "brightness.keras")
    how = Preprocess(height=toys.SIZE, width=toys.SIZE, channels=1)
    spec = ModelSpec(
        name="brightness", kind="keras", options={"path": str(folder / "brightness.keras")}, preprocess=how
    )
    return spec, DatasetSpec(kind="folder", options={"root": str(toys.write(folder / "images"))})


@pytest.fixture(scope="module")
def built(toy, tmp_path_factory):
    """What builds in this process, each scheme built by it with a delegate that refuses everything, the files."""
    spec, images = toy
    folder = tmp_path_factory.mktemp("built")
    builder = ModelBuilder(make_model(spec), make_dataset(images))
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(kernels.BY_FORMAT, "tflite", replace(kernels.BY_FORMAT["tflite"], usual=refuse))
        answers = {scheme: builder.build(scheme, 1, folder / scheme) for scheme in SCHEMES}
    return builder, answers, folder


def test_a_delegate_that_refuses_an_artifact_fails_the_build_of_no_scheme(built, monkeypatch):
    builder, answers, folder = built

    monkeypatch.setitem(kernels.BY_FORMAT, "tflite", replace(kernels.BY_FORMAT["tflite"], other=refuse))
    checked = {scheme: builder.check(make_scheme(scheme), 1, folder / scheme) for scheme in CONVERTED}

    assert len(CONVERTED) >= 11
    assert {answers[scheme]["checks"]["refusal"].split(" refuse it: ")[0] for scheme in CONVERTED} == {
        "the default kernels"
    }
    assert all(len(answer["golden"]["scores"]) == 4 for answer in answers.values())
    assert {checks["refusal"].split(" refuse it: ")[0] for checks in checked.values()} == {
        "the kernels without a delegate"
    }


def test_every_scheme_rebuilds_byte_for_byte_in_another_process(toy, built, tmp_path):
    spec, images = toy
    _, _, folder = built

    outcomes = list(Artifacts(tmp_path).ensure([Build(model=spec, scheme=name, batch=1) for name in SCHEMES], images))

    assert [outcome.error for outcome in outcomes if not isinstance(outcome, Built)] == []
    hashes = {outcome.build.scheme: outcome.artifact.sha256 for outcome in outcomes}
    assert hashes == {scheme: hashlib.sha256((folder / scheme).read_bytes()).hexdigest() for scheme in SCHEMES}
    # of two layers mixed-int4 keeps both in int8, as dynamic-int8 does
    assert len(set(hashes.values())) == len(SCHEMES) - 1
