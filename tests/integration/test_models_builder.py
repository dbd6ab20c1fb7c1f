"""What the builder checks of every artifact, with models really converted by TensorFlow."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.datasets.base import make_dataset
from orchestrator.domain.model import DatasetSpec, ModelSpec, Preprocess
from orchestrator.errors import BuildError
from orchestrator.models.base import make_model
from orchestrator.models.builder import ModelBuilder
from orchestrator.models.keras_source import KerasSource
from orchestrator.models.schemes.int8 import Int8

pytestmark = pytest.mark.tensorflow

TINY = ModelSpec(name="tiny-cxr", kind="tiny-cxr")
PHANTOM = DatasetSpec(kind="phantom")


@pytest.fixture(scope="module")
def builder():
    return ModelBuilder(make_model(TINY), make_dataset(PHANTOM))


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda layers: [np.zeros_like(w) for w in layers], "differ from the model's own|same to every image"),
        (lambda layers: [w * np.float32(np.nan) for w in layers], "not finite|can't be scored"),
        (lambda layers: [w * np.float32(1.5) for w in layers], "differ from the model's own"),
    ],
    ids=["without weights", "not a number", "other weights"],
)
def test_a_file_without_the_right_weights_is_no_artifact(builder, tmp_path, monkeypatch, broken, words):
    # the converter is handed another model than the one it is compared with: what the silent failures looked like
    import keras

    wrong = keras.models.clone_model(builder.source.keras)
    wrong.set_weights(broken(builder.source.keras.get_weights()))
    other = ModelBuilder(make_model(TINY), make_dataset(PHANTOM))
    other.source = KerasSource(wrong)

    with pytest.raises(BuildError, match=words):
        other.build("float32", 1, tmp_path / "broken.tflite")


def test_a_file_smaller_than_its_weights_could_be_is_no_artifact(builder, tmp_path):
    builder.build("int8", 1, tmp_path / "whole.tflite")
    whole = (tmp_path / "whole.tflite").read_bytes()

    (tmp_path / "half.tflite").write_bytes(whole[: builder.source.weights // 2 - 1])

    with pytest.raises(BuildError, match="weights: they are not in it"):
        builder.check(Int8(), 1, tmp_path / "half.tflite")


@pytest.mark.parametrize("form", ["m.keras", "saved"])
def test_a_model_of_ones_own_that_answers_with_logits_is_built_too(tmp_path, form):
    import keras

    keras.utils.set_random_seed(0)
    inputs = keras.Input((64, 64, 1))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3, strides=2, activation="relu")(inputs))
    model = keras.Model(inputs, keras.layers.Rescaling(500.0)(keras.layers.Dense(14)(x)))
    if form == "saved":
        model.export(tmp_path / form, verbose=False)
    else:
        model.save(tmp_path / form)
    mine = ModelSpec(
        name="mine",
        kind="keras",
        options={"path": str(tmp_path / form)},
        preprocess=Preprocess(height=64, width=64, channels=1),
    )
    builder = ModelBuilder(make_model(mine), make_dataset(DatasetSpec(kind="phantom", options={"patients": 6})))

    for scheme in ("float32", "int8"):
        said = builder.build(scheme, 1, tmp_path / f"{scheme}.tflite")
        assert 0 < said["checks"]["max_abs_difference"] < said["checks"]["bound"]
