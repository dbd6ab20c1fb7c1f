"""Files of Keras 2, as most trained classifiers are kept, read by legacy Keras."""

from __future__ import annotations

import json
import re
import zipfile

import h5py
import numpy as np
import pytest

from orchestrator.domain.model import Preprocess
from orchestrator.errors import ModelError
from orchestrator.models import legacy_keras
from orchestrator.models.keras_file import KerasFile
from tests.lab.simulations import variants

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]
tf_keras = pytest.importorskip("tf_keras", reason="legacy Keras is not installed: pip install --no-deps tf_keras")

SIZE = 32
IMAGES = np.random.default_rng(3).uniform(0, 255, (3, SIZE, SIZE, 3)).astype(np.float32)


def source(path):
    return KerasFile(str(path), preprocess=Preprocess(height=SIZE, width=SIZE, channels=3)).load()


def network(application, **settings):
    body = application(input_shape=(SIZE, SIZE, 3), include_top=False, weights=None, pooling="avg", **settings)
    return tf_keras.Model(body.input, tf_keras.layers.Dense(14, activation="sigmoid")(body.output))


def layered(layer):
    image = tf_keras.Input((SIZE, SIZE, 3))
    x = tf_keras.layers.GlobalAveragePooling2D()(tf_keras.layers.Conv2D(2, 3)(layer(image)))
    return tf_keras.Model(image, x)


NETWORKS = {
    "a function": lambda: layered(lambda image: image * 2),
    "MobileNet": lambda: network(tf_keras.applications.MobileNet, alpha=0.25),
    "MobileNetV3Small": lambda: network(tf_keras.applications.MobileNetV3Small, alpha=0.75),
}
FILES = [("MobileNet", ".h5"), ("a function", ".keras"), ("MobileNet", ".keras")]
FILES += [("MobileNetV3Small", ending) for ending in (".h5", ".keras")]


@pytest.mark.parametrize(("name", "ending"), variants(FILES, most=2))
def test_a_file_of_keras_2_scores_as_keras_2_does(tmp_path, name, ending):
    model = NETWORKS[name]()
    model.save(tmp_path / f"m{ending}")

    scores = source(tmp_path / f"m{ending}").scores(IMAGES)

    np.testing.assert_allclose(scores, model(IMAGES, training=False), atol=1e-6)


def test_the_scheme_keras_refuses_a_file_of_keras_2(tmp_path):
    layered(lambda image: image * 2).save(tmp_path / "m.h5")

    with pytest.raises(ModelError, match="SavedModel"):
        source(tmp_path / "m.h5").write("keras", 1, tmp_path / "out")


def test_a_lambda_layer_in_an_h5_is_refused_before_legacy_keras_sees_it(tmp_path):
    layered(tf_keras.layers.Lambda(lambda image: image * 2)).save(tmp_path / "m.h5")

    with pytest.raises(ModelError, match="Lambda layer, which carries Python code"):
        legacy_keras.export(tmp_path / "m.h5", tmp_path / "saved")


def test_a_module_that_a_file_names_is_not_imported(tmp_path):
    layered(tf_keras.layers.Rescaling(2.0)).save(tmp_path / "m.keras")
    with zipfile.ZipFile(tmp_path / "m.keras") as old, zipfile.ZipFile(tmp_path / "bad.keras", "w") as new:
        config = json.loads(old.read("config.json"))
        config["config"]["layers"][1] |= {"module": "antigravity", "class_name": "fly"}
        new.writestr("config.json", json.dumps(config))

    with pytest.raises(ModelError, match="loads from no file: 'fly'"):
        legacy_keras.export(tmp_path / "bad.keras", tmp_path / "saved")


def with_config(folder, change):
    """An `.h5` whose configuration has one layer of a function of TensorFlow's, changed by ``change``."""
    path = folder / "m.h5"
    layered(lambda image: image * 2).save(path)
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        (layer,) = [layer for layer in config["config"]["layers"] if layer["class_name"] == "TFOpLambda"]
        change(layer)
        file.attrs["model_config"] = json.dumps(config)
    return path


@pytest.mark.parametrize(
    "function", ["io.write_file", "keras.utils.get_file", "keras.models.load_model", "keras.utils.load_img"]
)
@pytest.mark.parametrize("layer", ["TFOpLambda", "SlicingOpLambda"])
def test_a_function_that_does_more_than_compute_is_refused(tmp_path, layer, function):
    path = with_config(tmp_path, lambda it: it.update(class_name=layer, config=it["config"] | {"function": function}))

    with pytest.raises(ModelError, match=re.escape(f"function '{function}'")):
        legacy_keras.export(path, tmp_path / "saved")


def test_a_file_that_calls_the_loader_with_an_address_fetches_nothing(tmp_path):
    (tmp_path / "served").write_text("x")

    def fetch(layer):
        layer["config"]["function"] = "keras.utils.get_file"
        address = {"origin": (tmp_path / "served").as_uri(), "cache_dir": str(tmp_path), "cache_subdir": "fetched"}
        layer["inbound_nodes"] = [["_CONSTANT_VALUE", -1, "stolen", address]]

    with pytest.raises(ModelError):
        legacy_keras.export(with_config(tmp_path, fetch), tmp_path / "saved")
    assert not (tmp_path / "fetched").exists()


@pytest.mark.parametrize(
    "name", ["layers.Lambda", "TensorFlowOpLayer", "ClassMethod", "InstanceMethod", "StringLookup", "TextVectorization"]
)
def test_a_layer_that_runs_or_reads_more_than_numbers_is_refused(tmp_path, name):
    path = with_config(tmp_path, lambda layer: layer.update(class_name=name, module="keras"))

    with pytest.raises(ModelError, match=f"loads from no file: '{name}'"):
        legacy_keras.export(path, tmp_path / "saved")


@pytest.mark.parametrize(
    "activation",
    [
        {"class_name": "function", "config": "load_model", "module": "keras.models", "registered_name": "load_model"},
        {"class_name": "function", "config": "relu", "module": "keras.models", "registered_name": "relu"},
        "deserialize",
    ],
)
def test_an_activation_that_is_none_is_refused(tmp_path, activation):
    path = with_config(
        tmp_path, lambda layer: layer.update(class_name="Activation", config={"name": "a", "activation": activation})
    )

    with pytest.raises(ModelError, match="loads from no file"):
        legacy_keras.export(path, tmp_path / "saved")


def test_a_file_that_is_hdf5_and_zip_at_once_is_read_as_legacy_keras_reads_it(tmp_path):
    path, innocent = tmp_path / "m.h5", tmp_path / "innocent.zip"
    layered(tf_keras.layers.Lambda(lambda image: image * 2)).save(path)
    with zipfile.ZipFile(innocent, "w") as archive:
        archive.writestr("config.json", '{"class_name": "Functional"}')
    path.write_bytes(path.read_bytes() + innocent.read_bytes())

    with pytest.raises(ModelError, match="Lambda layer, which carries Python code"):
        legacy_keras.export(path, tmp_path / "saved")


def other_file(file, kind):
    if kind == "link":
        file["model_weights/more"] = h5py.ExternalLink("secret.h5", "/")
    else:
        file.create_dataset("model_weights/more", (4,), "u1", external=[("secret", 0, 4)])


@pytest.mark.parametrize("kind", ["link", "raw numbers"])
def test_weights_that_are_in_another_file_are_refused(tmp_path, kind):
    (tmp_path / "secret").write_bytes(b"1234")
    layered(tf_keras.layers.Rescaling(2.0)).save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        other_file(file, kind)

    with pytest.raises(ModelError, match="'/model_weights/more' is in another file"):
        legacy_keras.export(tmp_path / "m.h5", tmp_path / "saved")


def test_a_damaged_file_is_refused(tmp_path):
    layered(tf_keras.layers.Rescaling(2.0)).save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        file.attrs["model_config"] = file.attrs["model_config"][:-20]

    with pytest.raises(ModelError, match="its configuration can't be read"):
        legacy_keras.export(tmp_path / "m.h5", tmp_path / "saved")
