"""No runtime's kernels have a veto over another's, whatever the scheme."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator import registry
from orchestrator.datasets.folder import Folder
from orchestrator.domain.model import ModelSpec, Preprocess
from orchestrator.models import kernels
from orchestrator.models.base import make_model
from orchestrator.models.builder import ModelBuilder
from orchestrator.models.schemes.base import make_scheme
from tests.lab import toys

pytestmark = pytest.mark.tensorflow

CONVERTED = [
    name
    for name in registry.BUILT_IN["scheme"]
    if (plug_in := registry.find("scheme", name)).format == "tflite" and plug_in.takes == "saved_model"
]


def refuse(path):
    raise RuntimeError("Node number 3 (TfLiteXNNPackDelegate) failed to prepare")


def test_a_delegate_that_refuses_an_artifact_fails_the_build_of_no_scheme(tmp_path, monkeypatch):
    path = tmp_path / "brightness.keras"
    toys.model().save(path)
    how = Preprocess(height=toys.SIZE, width=toys.SIZE, channels=1)
    model = make_model(ModelSpec(name="toy", kind="keras", options={"path": str(path)}, preprocess=how))
    builder = ModelBuilder(model, Folder(str(toys.write(tmp_path / "images"))))
    both = kernels.BY_FORMAT["tflite"]

    monkeypatch.setitem(kernels.BY_FORMAT, "tflite", replace(both, usual=refuse))
    built = {scheme: builder.build(scheme, 1, tmp_path / scheme) for scheme in CONVERTED}
    monkeypatch.setitem(kernels.BY_FORMAT, "tflite", replace(both, other=refuse))
    checked = {scheme: builder.check(make_scheme(scheme), 1, tmp_path / scheme) for scheme in CONVERTED}

    assert len(CONVERTED) >= 10
    assert {answer["checks"]["refusal"].split(" refuse it: ")[0] for answer in built.values()} == {
        "the default kernels"
    }
    assert all(len(answer["golden"]["scores"]) == 4 for answer in built.values())
    assert {checks["refusal"].split(" refuse it: ")[0] for checks in checked.values()} == {
        "the kernels without a delegate"
    }
