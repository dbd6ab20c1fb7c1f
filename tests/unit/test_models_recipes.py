from __future__ import annotations

import pytest

from orchestrator.datasets import base
from orchestrator.domain.model import DatasetSpec, ModelSpec
from orchestrator.models.artifacts import Artifacts, Build, key_of
from tests.lab import toys

TINY = ModelSpec(name="tiny-cxr", kind="tiny-cxr")


def test_the_images_of_a_dataset_are_listed_once_for_all_artifacts_that_depend_on_them(tmp_path, monkeypatch):
    images = DatasetSpec(kind="folder", options={"root": str(toys.write(tmp_path / "images"))})
    builds = [Build(model=TINY, scheme=scheme, batch=batch) for scheme in ("float32", "int8") for batch in (1, 2, 4)]
    made = []
    make = base.make_dataset
    monkeypatch.setattr(base, "make_dataset", lambda spec: made.append(spec) or make(spec))

    missing = Artifacts(tmp_path / "state").missing(builds, images)

    assert missing == tuple(builds)
    assert len(made) == 1
    assert len({key_of(build, images) for build in builds}) == 6


@pytest.mark.parametrize("scheme", ["float32", "dynamic", "int8", "onnx"])
def test_no_artifact_keeps_the_checks_and_golden_images_of_another_dataset(scheme):
    build = Build(model=TINY, scheme=scheme, batch=1)
    datasets = [DatasetSpec(kind="phantom", options={"seed": seed}) for seed in (0, 1)]

    assert len({key_of(build, dataset) for dataset in datasets}) == 2
