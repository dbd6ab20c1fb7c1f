"""A model that is a ready ``.tflite`` and a scheme that takes it, as a package of someone else's could add them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from agent import scoring
from orchestrator import registry
from orchestrator.datasets.folder import Folder
from orchestrator.domain.artifact import Tolerance
from orchestrator.domain.model import Preprocess
from orchestrator.errors import BuildError
from orchestrator.models.builder import CHECKED_IMAGES, ModelBuilder
from orchestrator.models.kernels import BY_FORMAT
from tests.lab import toys

READY = Path(__file__).parents[1] / "data" / "two-columns.tflite"


class ReadySource:
    columns = 2
    weights = 0

    def scores(self, images):
        loaded = BY_FORMAT["tflite"].usual(str(READY))
        rows = []
        for image in images:
            loaded.set_input(image[None])
            loaded.invoke()
            rows.append(loaded.get_output()[0])
        return np.stack(rows)

    def write(self, form, batch, path):
        assert (form, batch) == ("tflite", 1)
        path.write_bytes(READY.read_bytes())


class ReadyFile:
    preprocess = Preprocess(height=8, width=8, channels=3)
    formats = ("tflite",)

    def sha256(self):
        return hashlib.sha256(READY.read_bytes()).hexdigest()

    def load(self):
        return ReadySource()


class Asis:
    name = "as-is"
    format = takes = "tflite"
    needs_calibration = True
    options = {"looked_at": "calibration images"}  # noqa: RUF012  as a protocol's value is written
    tolerance = Tolerance(largest=1e-4, mean=2e-5, times_kernels=20.0)
    plausible = 1e-3

    def convert(self, source, batch, calibration, path):
        assert all(images.shape == (batch, 8, 8, 3) for images in calibration())
        source.write("tflite", batch, path)


@pytest.fixture
def builder(tmp_path, monkeypatch):
    find = registry.find
    monkeypatch.setattr(registry, "find", lambda kind, name: Asis if name == Asis.name else find(kind, name))
    return ModelBuilder(ReadyFile(), Folder(str(toys.write(tmp_path / "images"))))


def test_a_ready_file_is_built_checked_and_gets_golden_scores_of_its_own(builder, tmp_path):
    answer = builder.build("as-is", 1, tmp_path / "made.tflite")

    assert (tmp_path / "made.tflite").read_bytes() == READY.read_bytes()
    assert answer["checks"]["images"] == CHECKED_IMAGES
    assert answer["checks"]["max_abs_difference"] < 1e-6
    assert len(answer["calibration_sha256"]) == 64
    pixels = np.load(answer["golden"]["path"])
    golden = scoring.scores(BY_FORMAT["tflite"].usual(str(READY)), pixels, ReadyFile.preprocess, batch=1, classes=2)
    assert np.allclose(golden, answer["golden"]["scores"])


def test_a_scheme_that_takes_another_form_is_refused_before_anything_is_converted(builder, tmp_path):
    with pytest.raises(BuildError, match=r"int8 takes a SavedModel; this model is a ready \.tflite file alone"):
        builder.build("int8", 1, tmp_path / "x.tflite")

    assert not (tmp_path / "x.tflite").exists()
