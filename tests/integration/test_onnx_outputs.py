"""ONNX files with several outputs: one is chosen by name, or those of one score each are matched by name."""

from __future__ import annotations

import numpy as np
import pytest

from agent import scoring
from orchestrator.datasets.base import make_dataset
from orchestrator.domain.model import DatasetSpec, ModelSpec, Preprocess
from orchestrator.errors import ModelError
from orchestrator.models import onnx_graph, onnx_shapes, preflight
from orchestrator.models.base import make_model
from orchestrator.models.builder import ModelBuilder
from orchestrator.models.kernels import BY_FORMAT
from orchestrator.testing import make_suite
from tests.lab import networks

pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

HOW = Preprocess(height=16, width=16, channels=3)
PHANTOM = DatasetSpec(kind="phantom", options={"patients": 12})
PIXELS = networks.images()
EXPECTED = networks.sigmoid(networks.logits(PIXELS))
CLASSES = make_dataset(PHANTOM).classes
#: The dataset's classes in the other order -> the column of each.
NAMES = {name: column for column, name in reversed(tuple(enumerate(CLASSES)))}
SCALES = {name: 1 / (180 + 5 * column) for name, column in NAMES.items()}


def written(folder, model):
    path = folder / "mine.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def spec(path, **options):
    return ModelSpec(name="mine", kind="onnx", options={"path": str(path), **options}, preprocess=HOW)


@pytest.mark.parametrize("scales", [{}, SCALES], ids=["float", "int8"])
@pytest.mark.parametrize("batch", [1, 5])
def test_outputs_of_one_score_each_are_read_together_and_one_is_chosen_by_its_name(tmp_path, scales, batch):
    path = written(tmp_path, networks.heads(NAMES, scales=scales))
    name = tuple(NAMES)[3]

    together = ModelBuilder(make_model(spec(path)), make_dataset(PHANTOM)).build("as-is", batch, tmp_path / "made")
    chosen = make_model(spec(path, output=name)).load()

    assert together["checks"]["outputs"] == list(NAMES)
    assert together["checks"]["reads"] == list(range(14))
    assert (chosen.reads, chosen.columns, chosen.classes) == ((3,), 1, None)
    columns = list(NAMES.values())
    for kernels in (BY_FORMAT["onnx"].usual, BY_FORMAT["onnx"].other):
        scores = scoring.scores(kernels(str(tmp_path / "made"), range(14)), PIXELS, HOW, batch=batch, classes=14)
        np.testing.assert_allclose(scores, EXPECTED[:, columns], atol=0.003 if scales else 1e-5)
        alone = scoring.scores(kernels(str(tmp_path / "made"), (3,)), PIXELS, HOW, batch=batch, classes=1)
        np.testing.assert_allclose(alone[:, 0], EXPECTED[:, NAMES[name]], atol=0.003 if scales else 1e-5)


def test_the_chosen_output_is_part_of_what_the_model_is(tmp_path):
    path = written(tmp_path, networks.heads(NAMES))

    hashes = {make_model(spec(path, **each)).sha256() for each in ({}, {"output": "Edema"}, {"output": "Mass"})}

    assert len(hashes) == 3


def test_an_unknown_output_is_refused_with_the_nearest(tmp_path):
    path = written(tmp_path, networks.heads(NAMES))

    with pytest.raises(ModelError, match="no output called 'Edma'; did you mean 'Edema'"):
        make_model(spec(path, output="Edma")).load()


def test_outputs_named_otherwise_than_the_classes_are_refused_before_anything_is_built(tmp_path):
    path = written(tmp_path, networks.heads({"Fracture": 0, "Edema": 1}))

    with pytest.raises(ModelError, match=r"it lacks 13 classes of the dataset phantom: .* the model's outputs has"):
        preflight.check(make_suite(models=(spec(path),), dataset=PHANTOM), make_dataset(PHANTOM))


@pytest.mark.parametrize("outputs", [(), (2,), (5, 0)], ids=["all", "one", "several"])
def test_a_converter_is_given_the_chosen_outputs_as_one(tmp_path, outputs):
    content = networks.heads(NAMES).SerializeToString()

    fixed = onnx_shapes.fixed(content, (24, 3, 16, 16), outputs)

    sides = [[side.dim_value for side in end.type.tensor_type.shape.dim] for end in fixed.graph.output]
    assert sides == ([[24, 1]] * 14 if not outputs else [[24, len(outputs)]])
    path = written(tmp_path, fixed)
    loaded = BY_FORMAT["onnx"].usual(str(path), () if outputs else range(14))
    scores = scoring.scores(loaded, PIXELS, HOW, batch=24, classes=len(outputs) or 14)
    columns = [list(NAMES.values())[number] for number in outputs or range(14)]
    np.testing.assert_allclose(scores, EXPECTED[:, columns], atol=1e-5)
    assert onnx_graph.read(path).inputs[0].shape == (24, 3, 16, 16)
