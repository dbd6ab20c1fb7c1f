"""The same recipe gives the same bytes: each scheme built twice, in two processes."""

from __future__ import annotations

import pytest

from orchestrator import registry
from orchestrator.domain.model import DatasetSpec, ModelSpec, Preprocess
from orchestrator.models.artifacts import Artifacts, Build, Built
from tests.lab import toys

pytestmark = pytest.mark.tensorflow

#: Files of tf2onnx are not the same twice (docs/runtimes.md); a ready file is its own bytes.
SCHEMES = [name for name in registry.BUILT_IN["scheme"] if name not in ("as-is", "onnx", "onnx-int8")]


def test_every_scheme_rebuilds_byte_for_byte(tmp_path):
    path = tmp_path / "brightness.keras"
    toys.model().save(path)
    how = Preprocess(height=toys.SIZE, width=toys.SIZE, channels=1)
    spec = ModelSpec(name="brightness", kind="keras", options={"path": str(path)}, preprocess=how)
    images = DatasetSpec(kind="folder", options={"root": str(toys.write(tmp_path / "images"))})
    builds = [Build(model=spec, scheme=scheme, batch=1) for scheme in SCHEMES]

    hashes: list[dict[str, str]] = []
    for name in ("first", "second"):
        outcomes = list(Artifacts(tmp_path / name).ensure(builds, images))
        assert [outcome.error for outcome in outcomes if not isinstance(outcome, Built)] == []
        hashes.append({outcome.build.scheme: outcome.artifact.sha256 for outcome in outcomes})

    assert hashes[0] == hashes[1]
    # of two layers mixed-int4 keeps both in int8, as dynamic-int8 does
    assert len(set(hashes[0].values())) == len(SCHEMES) - 1
