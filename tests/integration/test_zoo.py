"""Known architectures: with a file of weights, or untrained for their latency alone."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.config import suite as suites
from orchestrator.datasets.phantom import Phantom
from orchestrator.domain.model import Preprocess
from orchestrator.errors import ModelError, SuiteError
from orchestrator.models.builder import ModelBuilder
from orchestrator.models.zoo import Zoo
from orchestrator.runs import planner
from tests.lab.simulations import variants

HOW = Preprocess(height=32, width=32, channels=3)
IMAGES = np.random.default_rng(0).uniform(-1, 1, (4, 32, 32, 3)).astype(np.float32)
SUITE = """
models:
  - {{kind: zoo, architecture: {architecture}, outputs: 14, {weights}, preprocess: {{size: 32, channels: 3}}}}
dataset: phantom
schemes: [float32, int8]
"""


def suite_of(folder, weights, architecture="mobilenetv2"):
    path = folder / "suite.yaml"
    path.write_text(SUITE.format(architecture=architecture, weights=weights))
    return suites.load(path)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Return a network with the files of weights that Keras 3 and Keras 2 write of it."""
    import h5py
    import keras

    model = Zoo("mobilenetv2", 3, untrained=True, seed=7, preprocess=HOW).load().keras
    folder = tmp_path_factory.mktemp("weights")
    model.save_weights(folder / "three.weights.h5")
    with h5py.File(folder / "two.h5", "w") as file:  # what save_weights of Keras 2 writes
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            group.attrs["weight_names"] = [f"{layer.name}/{n}".encode() for n, _ in enumerate(layer.weights)]
            for number, weight in enumerate(layer.weights):
                group[f"{layer.name}/{number}"] = keras.ops.convert_to_numpy(weight)
    return model, folder


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", ["three.weights.h5", "two.h5"])
def test_weights_alone_make_the_model_that_they_were_saved_of(weights, name):
    model, folder = weights

    source = Zoo("mobilenetv2", 3, weights=str(folder / name), preprocess=HOW).load()

    np.testing.assert_allclose(source.scores(IMAGES), model(IMAGES, training=False), atol=1e-6)


@pytest.mark.tensorflow
@pytest.mark.parametrize(
    ("name", "architecture", "outputs", "words"),
    [
        ("two.h5", "mobilenetv2", 14, "1 of 105 layers do not fit"),
        ("two.h5", "mobilenetv2", 14, "findings 1280×3 3 for findings 1280×14 14"),
        ("two.h5", "mobilenetv2-1.0", 3, "more"),
        ("two.h5", "tiny-cxr", 3, "layers do not fit"),
        ("three.weights.h5", "mobilenetv2", 14, "its weights are not those of mobilenetv2"),
        ("three.weights.h5", "tiny-cxr", 3, "its weights are not those of tiny_cxr"),
    ],
)
def test_weights_of_another_network_are_refused_with_what_does_not_fit(weights, name, architecture, outputs, words):
    _, folder = weights

    with pytest.raises(ModelError) as caught:
        Zoo(architecture, outputs, weights=str(folder / name), preprocess=HOW).load()

    assert words in str(caught.value)
    assert len(str(caught.value)) < 900


@pytest.mark.parametrize("content", [b"", b"<html>", b"\x89HDF\r\n\x1a\n and no more", b"version https://git-lfs"])
def test_a_file_that_holds_no_weights_is_refused(tmp_path, content):
    (tmp_path / "w.h5").write_bytes(content)

    with pytest.raises(ModelError, match=r"w\.h5: it is"):
        Zoo("tiny-cxr", 14, weights=str(tmp_path / "w.h5"), preprocess=HOW).load()


@pytest.mark.tensorflow
@pytest.mark.parametrize("head", ["sigmoid", "softmax"])
def test_a_head_is_sigmoids_or_one_softmax(head):
    scores = Zoo("tiny-cxr", 5, untrained=True, head=head, preprocess=HOW).load().scores(IMAGES)

    assert scores.shape == (4, 5)
    assert np.allclose(scores.sum(axis=1), 1) == (head == "softmax")


@pytest.mark.tensorflow
@pytest.mark.parametrize("architecture", variants(["mobilenetv2", "mobilenetv3large", "efficientnetb0"]))
def test_an_untrained_network_is_built_though_its_scores_mean_nothing(tmp_path, architecture):
    builder = ModelBuilder(Zoo(architecture, 2, untrained=True, preprocess=HOW), Phantom())

    built = builder.build("int8", 1, tmp_path / "m.tflite")

    assert "doubt" not in built["checks"]
    assert (tmp_path / "m.tflite").stat().st_size > 500_000


def test_an_untrained_model_carries_it_in_its_name_and_is_never_scored(tmp_path):
    suite = suite_of(tmp_path, "untrained: true")

    plan = planner.plan("r", suite, ["local"])

    assert [model.name for model in suite.models] == ["mobilenetv2-untrained"]
    assert {type(step).__name__ for lane in plan.lanes for step in lane.steps} == {"Attempt"}


@pytest.mark.parametrize(
    ("weights", "architecture", "words"),
    [
        ("seed: 1", "mobilenetv2", "`untrained: true` to measure its latency alone"),
        ("untrained: true", "mobilnetv2", "mobilenetv2"),
        ("weights: none.h5", "mobilenetv2", "none.h5: no such file"),
        ("untrained: true, head: relu", "mobilenetv2", "head"),
    ],
)
def test_a_wrong_entry_of_a_suite_is_refused(tmp_path, weights, architecture, words):
    from orchestrator.models.base import make_model

    with pytest.raises((SuiteError, ModelError)) as caught:
        make_model(suite_of(tmp_path, weights, architecture).models[0])

    assert words in str(caught.value)


def test_an_image_too_small_for_the_architecture_is_refused_before_anything_is_built():
    with pytest.raises(ModelError, match="at least 32 × 32 pixels, not 31 × 32"):
        Zoo("mobilenetv2", 1, untrained=True, preprocess=Preprocess(height=31, width=32, channels=3))
