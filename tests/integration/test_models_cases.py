"""Models as people really have them: each gives its right AUC, or is refused with what to do."""

from __future__ import annotations

import json
import shutil
import zipfile

import numpy as np
import pytest

from agent import scoring
from orchestrator.analysis import auc as metrics
from orchestrator.datasets.folder import Folder
from orchestrator.domain.model import ModelSpec, Preprocess
from orchestrator.errors import BuildError, ModelError
from orchestrator.models import class_match, legacy_keras
from orchestrator.models.base import make_model
from orchestrator.models.builder import CONSIDERED_IMAGES, ModelBuilder
from orchestrator.models.kernels import BY_FORMAT
from tests.lab import toys

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]

#: Of the float model 0.9050, of its int8 artifact 0.8956: scores of 1/256 make ties.
RIGHT = pytest.approx(toys.AUC, abs=0.002)
RIGHT_INT8 = pytest.approx(toys.AUC, abs=0.013)
BOTH = {"float32": RIGHT, "int8": RIGHT_INT8}


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return Folder(str(toys.write(tmp_path_factory.mktemp("images"))))


@pytest.fixture(scope="module")
def plain():
    return toys.model()


@pytest.fixture(scope="module")
def two_outputs():
    """An age that falls with brightness, a finding that rises with it."""
    import keras

    image = keras.Input((toys.SIZE, toys.SIZE, 1), name="image")
    model = keras.Model(image, {name: toys.brightness(image, name) for name in ("age", "finding")})
    return toys.set_weights(toys.set_weights(model, "age", gain=-3.0), "finding")


def load(path, *, channels=1, scale=1 / 255, **options):
    how = Preprocess(height=toys.SIZE, width=toys.SIZE, channels=channels, scale=scale)
    return make_model(ModelSpec(name="mine", kind="keras", options={"path": str(path), **options}, preprocess=how))


def saved(model, path):
    if "." in path.name:
        model.save(path)
    else:
        model.export(path, verbose=False)
    return path


def aucs(model, images, folder, schemes=("float32", "int8")):
    """Build artifacts of ``model`` and return the AUC of each on all test images."""
    builder = ModelBuilder(model, images)
    how, part = model.preprocess, images.load("evaluation", height=toys.SIZE, width=toys.SIZE)
    found = {}
    for scheme in schemes:
        path = folder / f"{scheme}.tflite"
        builder.build(scheme, 1, path)
        scores = scoring.scores(BY_FORMAT["tflite"].usual(str(path)), part.pixels, how, batch=1, classes=1)
        found[scheme] = metrics.mean_auc(metrics.auc_per_class(part.labels, scores))
    return found


def refusal(call):
    with pytest.raises((ModelError, BuildError)) as caught:
        call()
    words = str(caught.value)
    assert len(words) < 700, words
    assert words.isprintable() or "\x1b" not in words
    return words


@pytest.mark.parametrize("form", ["m.keras", "m.h5", "saved"])
def test_a_model_with_several_outputs_is_refused_until_the_suite_names_one(two_outputs, images, tmp_path, form):
    import keras

    path = saved(two_outputs, tmp_path / form)
    uneven = keras.Model(two_outputs.input, {**two_outputs.output, "all": keras.layers.Flatten()(two_outputs.input)})

    words = refusal(lambda: aucs(load(path), images, tmp_path))
    of_uneven = refusal(load(saved(uneven, tmp_path / f"uneven-{form}")).load)

    assert "lacks every class of the dataset" in words
    assert "the model's outputs has age, finding" in words
    assert "3 outputs" in of_uneven
    assert "`output: age` or `output: all`" in of_uneven
    assert aucs(load(path, output="finding"), images, tmp_path) == BOTH
    assert aucs(load(path, output="age"), images, tmp_path, ["float32"])["float32"] == pytest.approx(
        1 - toys.AUC, abs=0.002
    )
    assert "did you mean 'finding'" in refusal(load(path, output="findin").load)
    assert len({load(path, output=name).sha256() for name in ("age", "finding", None)}) == 3


@pytest.mark.parametrize("form", ["m.keras", "saved"])
def test_outputs_of_one_score_each_are_findings_by_their_names(two_outputs, images, tmp_path, form):
    import keras

    named = keras.Model(
        two_outputs.input, {"pneumonia": two_outputs.output["finding"], "Age": two_outputs.output["age"]}
    )
    model = load(saved(named, tmp_path / form))
    builder = ModelBuilder(model, images)

    answer = builder.build("float32", 1, tmp_path / "m.tflite")

    assert answer["checks"]["outputs"] == ["Age", "pneumonia"]
    spec = ModelSpec(name="m", kind="keras", options={"path": str(tmp_path / form)})
    assert class_match.of_model(spec, model, images, answer["checks"]).columns == (1,)
    part = images.load("evaluation", height=toys.SIZE, width=toys.SIZE)
    loaded = BY_FORMAT["tflite"].usual(str(tmp_path / "m.tflite"))
    scores = scoring.scores(loaded, part.pixels, model.preprocess, batch=1, classes=1, columns=(1,))
    assert metrics.mean_auc(metrics.auc_per_class(part.labels, scores)) == RIGHT


def test_the_order_in_which_a_saved_model_gives_its_outputs_is_of_no_matter(two_outputs, tmp_path):
    import tensorflow as tf

    class Turned(tf.Module):
        def __init__(self):
            super().__init__()
            self.model = two_outputs

        @tf.function(input_signature=[tf.TensorSpec([None, toys.SIZE, toys.SIZE, 1], tf.float32, name="image")])
        def serve(self, image):
            outputs = self.model(image, training=False)
            return {"finding": outputs["finding"], "age": outputs["age"]}

    module = Turned()
    tf.saved_model.save(module, tmp_path / "turned", signatures={"serving_default": module.serve})
    tf.saved_model.save(module, tmp_path / "other", signatures={"scores": module.serve, "again": module.serve})
    x = np.random.default_rng(0).random((3, toys.SIZE, toys.SIZE, 1), np.float32)

    loaded = load(tmp_path / "turned", output="finding").load()

    assert np.allclose(loaded.scores(x), np.asarray(two_outputs(x)["finding"]), atol=1e-6)
    assert "no signature called 'serving_default'" in refusal(load(tmp_path / "other").load)


@pytest.mark.parametrize("output", ["float32", None])
def test_a_model_of_mixed_precision_converts_with_the_same_weights_in_float32(images, tmp_path, output):
    import keras

    image = keras.Input((toys.SIZE, toys.SIZE, 1))
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = toys.set_weights(keras.Model(image, toys.brightness(image, **({"dtype": output} if output else {}))))
    finally:
        keras.config.set_dtype_policy(before)

    source = load(saved(model, tmp_path / "m.keras"))

    right = BOTH | {"dynamic": RIGHT, "float16": RIGHT} if output else {"float32": RIGHT}
    assert aucs(source, images, tmp_path, right) == right
    words = refusal(lambda: aucs(load(saved(model, tmp_path / "half")), images, tmp_path, ["float32"]))
    assert "computes in float16" in words
    assert "float32 policy" in words


@pytest.mark.parametrize("form", ["m.keras", "saved"])
def test_a_channels_first_model_is_refused_with_how_to_wrap_it_and_wrapped_it_is_right(
    images, tmp_path, monkeypatch, form
):
    import keras

    image = keras.Input((3, toys.SIZE, toys.SIZE))
    model = toys.set_weights(keras.Model(image, toys.brightness(keras.layers.Permute((2, 3, 1))(image))), channels=3)

    words = refusal(load(saved(model, tmp_path / form), channels=3).load)

    assert "channels first (NCHW)" in words
    wrap = words.partition("before it: ")[2].partition(", then")[0]
    monkeypatch.chdir(tmp_path)
    wrapped = eval(wrap, {"keras": keras, "model": model})  # noqa: S307  what the message says to type
    again = saved(wrapped, tmp_path / ("nhwc" if form == "saved" else "nhwc.keras"))
    assert aucs(load(again, channels=3), images, tmp_path) == BOTH


@pytest.fixture(scope="module")
def bytes_in():
    """A model that takes pixels 0..255 as uint8 and rescales them itself."""
    import keras

    image = keras.Input((toys.SIZE, toys.SIZE, 1), dtype="uint8", name="image")
    return toys.set_weights(keras.Model(image, toys.brightness(keras.layers.Rescaling(1 / 255)(image))))


@pytest.mark.parametrize("form", ["m.keras", "saved"])
def test_a_model_of_uint8_pixels_is_right_with_scale_1_and_doubtful_with_another(bytes_in, images, tmp_path, form):
    path = saved(bytes_in, tmp_path / form)

    assert aucs(load(path, scale=1), images, tmp_path) == BOTH
    checks = ModelBuilder(load(path), images).build("float32", 1, tmp_path / "dark.tflite")["checks"]
    if form == "m.keras":  # whose layers can be read
        assert "pixels are scaled twice" in checks["doubt"]
        assert "Rescaling: x × 0.003922 + 0" in checks["doubt"]
        assert "say `preprocess: {scale: 1}`" in checks["doubt"]
    else:
        assert "are the same for 16 images" in checks["doubt"]
        assert "with `preprocess: {scale: 1}` they differ by 0." in checks["doubt"]
        assert "rescales pixels itself" in checks["doubt"]


def test_pixels_that_are_scaled_twice_or_not_at_all_are_doubtful_and_right_ones_are_not(plain, images, tmp_path):
    import keras

    image = keras.Input((toys.SIZE, toys.SIZE, 1))
    twice = saved(keras.Model(image, plain(keras.layers.Rescaling(1 / 255)(image))), tmp_path / "twice.keras")
    once = saved(plain, tmp_path / "once.keras")

    def doubt(path, scale):
        return (
            ModelBuilder(load(path, scale=scale), images)
            .build("float32", 1, tmp_path / "x.tflite")["checks"]
            .get("doubt")
        )

    assert "pixels are scaled twice" in doubt(twice, 1 / 255)
    assert "{scale: 1}" in doubt(twice, 1 / 255)
    assert "{scale: 0.00392156862745098}" in doubt(once, 1.0)
    assert doubt(once, 1 / 255) is None


def test_an_untrained_model_is_asked_whether_it_is_trained(images, tmp_path):
    import keras

    image = keras.Input((toys.SIZE, toys.SIZE, 1))
    pooled = keras.layers.GlobalAveragePooling2D()(image)
    nothing = keras.Model(image, keras.layers.Dense(1, "sigmoid", kernel_initializer="zeros")(pooled))

    checks = ModelBuilder(load(saved(nothing, tmp_path / "m.keras")), images).build("float32", 1, tmp_path / "x")[
        "checks"
    ]

    assert checks["doubt"].endswith("is it trained, and are `size` and `channels` those it was trained with?")


def test_weights_alone_are_refused_with_what_to_save_instead(plain, tmp_path):
    plain.save_weights(tmp_path / "lung.weights.h5")

    words = refusal(load(tmp_path / "lung.weights.h5").load)

    assert "weights alone" in words
    assert "model.save('model.keras')" in words


def as_keras_2(path):
    """Turn a file of Keras 3 into what Keras 2 writes, as far as Keras 3 can't read that."""
    import h5py

    if path.suffix == ".h5":
        with h5py.File(path, "r+") as file:
            config = json.loads(file.attrs["model_config"])
            for layer in config["config"]["layers"]:
                layer["config"] = layer["config"] | {"groups": 1, "extra": "x" * 50_000}
            file.attrs["model_config"] = json.dumps(config)
            file.attrs["keras_version"] = "2.15.0"
        return path
    new = path.with_name("old.keras")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(new, "w") as archive:
        config = json.loads(old.read("config.json")) | {
            "module": "keras.src.engine.functional",
            "class_name": "Functional",
        }
        archive.writestr("config.json", json.dumps(config | {"extra": "x" * 50_000}))
        archive.writestr("metadata.json", json.dumps({"keras_version": "2.15.0"}))
        archive.writestr("model.weights.h5", old.read("model.weights.h5"))
    return new


@pytest.mark.parametrize("form", ["m.keras", "m.h5"])
def test_a_file_of_keras_2_is_refused_with_the_command_that_installs_legacy_keras(plain, tmp_path, monkeypatch, form):
    monkeypatch.setattr(legacy_keras, "is_installed", lambda: False)

    words = refusal(load(as_keras_2(saved(plain, tmp_path / form))).load)

    assert "saved by Keras 2 (keras_version 2.15.0)" in words
    assert "pip install --no-deps tf_keras~=" in words


def test_a_file_of_a_newer_keras_asks_for_it(plain, tmp_path):
    path = saved(plain, tmp_path / "m.keras")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(tmp_path / "new.keras", "w") as archive:
        archive.writestr("config.json", json.dumps(json.loads(old.read("config.json")) | {"class_name": 7}))
        archive.writestr("metadata.json", json.dumps({"keras_version": "99.1.0"}))

    words = refusal(load(tmp_path / "new.keras").load)

    assert "Keras 99.1.0 wrote it" in words


def test_silu_whose_gradient_is_custom_converts(images, tmp_path):
    import keras

    image = keras.Input((toys.SIZE, toys.SIZE, 1))
    x = keras.layers.Conv2D(4, 3, activation="silu")(image)
    model = keras.Model(image, keras.layers.Dense(1, "sigmoid")(keras.layers.GlobalAveragePooling2D()(x)))

    assert set(aucs(load(saved(model, tmp_path / "m.keras")), images, tmp_path)) == {"float32", "int8"}


def test_arithmetic_with_numbers_is_read_from_an_h5_as_it_was_saved(tmp_path):
    # MobileNetV3 has it: Keras saves `x + 3.0` as a layer Add, which takes no number when it is read back
    import keras

    image = keras.Input((8, 8, 3))
    x = keras.layers.Add()([image, keras.layers.Conv2D(3, 3, padding="same")(image)])
    x = keras.ops.maximum((2.0 * x + 3.0) - image, 0.1) * (1.0 / 6.0)
    model = keras.Model(image, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x)))
    pixels = np.random.default_rng(0).random((4, 8, 8, 3), np.float32)
    how = Preprocess(height=8, width=8, channels=3)
    spec = ModelSpec(name="m", kind="keras", options={"path": str(saved(model, tmp_path / "m.h5"))}, preprocess=how)

    source = make_model(spec).load()

    np.testing.assert_allclose(source.scores(pixels), np.asarray(model(pixels)), atol=1e-6)


def test_what_a_scheme_cannot_quantize_is_named(images, tmp_path):
    import keras

    image = keras.Input((toys.SIZE, toys.SIZE, 1))
    x = keras.layers.Activation("hard_silu")(keras.layers.Conv2D(2, 3)(image))
    model = keras.Model(image, keras.layers.Dense(1, activation="sigmoid")(keras.layers.GlobalAveragePooling2D()(x)))

    words = refusal(lambda: aucs(load(saved(model, tmp_path / "m.keras")), images, tmp_path, ["int16x8"]))

    assert "scheme int16x8: TFLite can't quantize HARD_SWISH by this scheme" in words


def test_operators_that_tflite_lacks_are_named_with_another_way(images, tmp_path):
    import keras

    image = keras.Input((toys.SIZE, toys.SIZE, 1))
    flat = keras.ops.squeeze(image, -1)
    x = keras.layers.Flatten()(keras.ops.fft2((flat, flat * 0))[0])
    path = saved(keras.Model(image, keras.layers.Dense(1, "sigmoid")(x)), tmp_path / "m.keras")

    words = refusal(lambda: aucs(load(path), images, tmp_path))

    assert "TFLite has no operator for Complex, FFT2D" in words
    assert "scheme `keras`" in words


def test_a_dictionary_of_one_output_needs_no_name(plain, images, tmp_path):
    import keras

    image = keras.Input((toys.SIZE, toys.SIZE, 1))
    path = saved(keras.Model(image, {"finding": plain(image)}), tmp_path / "m.keras")

    assert aucs(load(path), images, tmp_path) == BOTH


@pytest.mark.parametrize("form", ["m.keras", "saved"])
def test_a_model_whose_batch_is_fixed_is_scored_by_such_batches_and_has_no_other(plain, images, tmp_path, form):
    import keras
    import tensorflow as tf

    shape = (3, toys.SIZE, toys.SIZE, 1)
    image = keras.Input(batch_shape=shape)
    fixed = keras.Model(image, plain(image))
    if form == "saved":
        module = tf.Module()
        module.model = fixed
        serve = tf.function(lambda image: {"scores": fixed(image)}, input_signature=[tf.TensorSpec(shape, tf.float32)])
        tf.saved_model.save(module, tmp_path / form, signatures={"serving_default": serve})
    else:
        saved(fixed, tmp_path / form)
    builder = ModelBuilder(load(tmp_path / form), images)
    x = np.random.default_rng(0).random((7, toys.SIZE, toys.SIZE, 1), np.float32)

    assert np.allclose(builder.source.scores(x), np.asarray(plain(x)), atol=1e-6)
    assert builder.build("float32", 3, tmp_path / "three.tflite")["checks"]["max_abs_difference"] < 1e-4
    assert "`batches: 3`" in refusal(lambda: builder.build("float32", 1, tmp_path / "one.tflite"))


def test_an_input_by_name_is_fed_all_the_same(plain, images, tmp_path):
    import keras

    image = keras.Input((toys.SIZE, toys.SIZE, 1), name="image")
    path = saved(keras.Model({"image": image}, plain(image)), tmp_path / "m.keras")

    assert aucs(load(path), images, tmp_path, ["float32"]) == {"float32": RIGHT}


def test_a_model_of_any_size_is_built_at_the_size_that_the_suite_says(images, tmp_path):
    import keras

    image = keras.Input((None, None, 1))
    path = saved(toys.set_weights(keras.Model(image, toys.brightness(image))), tmp_path / "m.keras")

    assert aucs(load(path), images, tmp_path) == BOTH


def test_layers_that_augment_images_are_harmless_in_a_keras_file_and_named_in_a_saved_model(images, tmp_path):
    import keras

    image = keras.Input((toys.SIZE, toys.SIZE, 1))
    model = toys.set_weights(keras.Model(image, toys.brightness(keras.layers.RandomFlip()(image))))

    assert aucs(load(saved(model, tmp_path / "m.keras")), images, tmp_path, ["float32"]) == {"float32": RIGHT}
    words = refusal(lambda: aucs(load(saved(model, tmp_path / "saved")), images, tmp_path))
    assert "as layers that augment images do" in words
    assert "give farm the .keras file" in words


def test_an_operator_that_becomes_no_onnx_is_named(images, tmp_path):
    import keras

    image = keras.Input((toys.SIZE, toys.SIZE, 1))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3, activation="gelu")(image))
    path = saved(keras.Model(image, keras.layers.Dense(1, "sigmoid")(x)), tmp_path / "m.keras")
    builder = ModelBuilder(load(path), images)

    assert "tf2onnx does not convert TFLite's GELU" in refusal(lambda: builder.build("onnx", 1, tmp_path / "x"))


def test_class_numbers_instead_of_scores_are_refused(plain, tmp_path):
    import keras

    image = keras.Input((toys.SIZE, toys.SIZE, 1))
    path = saved(keras.Model(image, keras.ops.cast(plain(image) > 0.5, "int32")), tmp_path / "m.keras")

    assert "class numbers instead of scores" in refusal(load(path).load)


def test_a_saved_model_can_be_no_keras_artifact_and_a_damaged_one_is_named(plain, images, tmp_path):
    path = saved(plain, tmp_path / "saved")
    builder = ModelBuilder(load(path), images)

    assert "scheme keras takes a Keras model; this model is a SavedModel alone" in refusal(
        lambda: builder.build("keras", 1, tmp_path / "x")
    )
    shutil.copytree(path, tmp_path / "cut")
    (tmp_path / "cut" / "saved_model.pb").write_bytes(b"nothing")
    assert "cut: saved_model.pb can't be read" in refusal(load(tmp_path / "cut").load)


def test_checking_and_calibrating_decode_no_more_images_than_they_use(plain, images, tmp_path, monkeypatch):
    path = saved(plain, tmp_path / "m.keras")
    decoded = toys.count_decoding(monkeypatch)

    builder = ModelBuilder(load(path), images)

    assert len(decoded) == CONSIDERED_IMAGES
    assert {image.parent.name for image in decoded} == set(toys.CLASSES)
    for scheme in ("float32", "int8"):
        builder.build(scheme, 1, tmp_path / f"{scheme}.tflite")
    calibration = len(images.load("calibration", height=8, width=8).pixels)
    assert len(decoded) == CONSIDERED_IMAGES + 2 * calibration
