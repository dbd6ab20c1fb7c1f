"""Files of Keras 2, as most trained classifiers are kept, read by legacy Keras."""

from __future__ import annotations

import json
import zipfile

import h5py
import numpy as np
import pytest

from orchestrator.domain.model import Preprocess
from orchestrator.errors import ModelError
from orchestrator.models import legacy_keras
from orchestrator.models.keras_file import KerasFile

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


@pytest.mark.parametrize("ending", [".h5", ".keras"])
@pytest.mark.parametrize(
    ("application", "settings"), [("MobileNet", {"alpha": 0.25}), ("MobileNetV3Small", {"alpha": 0.75})]
)
def test_a_file_of_keras_2_scores_as_keras_2_does(tmp_path, application, settings, ending):
    model = network(getattr(tf_keras.applications, application), **settings)
    model.save(tmp_path / f"m{ending}")

    scores = source(tmp_path / f"m{ending}").scores(IMAGES)

    np.testing.assert_allclose(scores, model(IMAGES, training=False), atol=1e-6)


def test_the_scheme_keras_refuses_a_file_of_keras_2(tmp_path):
    network(tf_keras.applications.MobileNet, alpha=0.25).save(tmp_path / "m.h5")

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

    with pytest.raises(ModelError, match="a layer or function of your own, 'fly'"):
        legacy_keras.export(tmp_path / "bad.keras", tmp_path / "saved")


def test_a_function_that_writes_files_is_refused(tmp_path):
    layered(lambda image: image * 2).save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        config = file.attrs["model_config"]
        assert '"function": "math.multiply"' in config
        file.attrs["model_config"] = config.replace("math.multiply", "io.write_file")

    with pytest.raises(ModelError, match=r"function 'io\.write_file'"):
        legacy_keras.export(tmp_path / "m.h5", tmp_path / "saved")


def test_a_damaged_file_is_refused(tmp_path):
    network(tf_keras.applications.MobileNet, alpha=0.25).save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        file.attrs["model_config"] = file.attrs["model_config"][:-20]

    with pytest.raises(ModelError, match="its configuration can't be read"):
        legacy_keras.export(tmp_path / "m.h5", tmp_path / "saved")
