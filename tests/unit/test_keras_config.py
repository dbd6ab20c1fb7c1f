from __future__ import annotations

import json
import zipfile

import pytest

from orchestrator.models.keras_config import Ends, ends
from orchestrator.models.shipped import TinyCxr


def layer(kind, name, **config):
    return {"class_name": kind, "config": {"name": name, **config}}


IMAGE = layer("InputLayer", "image", batch_shape=[None, 32, None, 3])
IMAGE_OF_KERAS_2 = layer("InputLayer", "image", batch_input_shape=[None, 32, None, 3])
SCORES = layer("Dense", "scores", units=5)


def functional(*layers, name="model", inputs=("image", 0, 0), outputs=("scores", 0, 0)):
    return layer("Functional", name, layers=list(layers), input_layers=inputs, output_layers=outputs)


def sequential(*layers, name="model"):
    return layer("Sequential", name, layers=list(layers))


def written(folder, config):
    path = folder / "m.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
    return path


KNOWN = Ends(inputs=((32, None, 3),), columns=5)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (functional(IMAGE, SCORES), KNOWN),
        (functional(IMAGE, SCORES, inputs=[["image", 0, 0]], outputs=[["scores", 0, 0]]), KNOWN),
        (functional(IMAGE, SCORES, inputs={"a": ["image", 0, 0]}, outputs={"b": ["scores", 0, 0]}), KNOWN),
        (functional(IMAGE_OF_KERAS_2, SCORES), KNOWN),
        (sequential(IMAGE, SCORES, layer("Activation", "sure", activation="softmax")), KNOWN),
        (sequential(functional(IMAGE, SCORES)), KNOWN),
        ({"class_name": "Sequential", "config": [IMAGE, SCORES]}, KNOWN),
        (functional(IMAGE, layer("Custom", "scores")), Ends(inputs=((32, None, 3),))),
        (functional(IMAGE, SCORES, outputs=[["scores", 0, 0], ["more", 0, 0]]), Ends(inputs=((32, None, 3),))),
        (sequential(SCORES), Ends(columns=5)),
        ({"class_name": "Functional"}, Ends()),
        ([], Ends()),
    ],
)
def test_ends_are_read_from_what_keras_writes_or_left_to_keras(tmp_path, config, expected):
    assert ends(written(tmp_path, config)) == expected


def test_the_ends_of_a_real_file_are_those_of_the_model():
    assert ends(TinyCxr.weights) == Ends(inputs=((64, 64, 1),), columns=14)


def test_an_hdf5_file_has_them_in_an_attribute(tmp_path):
    import h5py

    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(sequential(IMAGE_OF_KERAS_2, SCORES))
    with h5py.File(tmp_path / "weights.h5", "w"):
        pass

    assert ends(tmp_path / "m.h5") == KNOWN
    assert ends(tmp_path / "weights.h5") == Ends()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 damaged"])
def test_what_can_not_be_read_is_left_to_keras(tmp_path, content):
    (tmp_path / "m.keras").write_bytes(content)

    assert ends(tmp_path / "m.keras") == Ends()
