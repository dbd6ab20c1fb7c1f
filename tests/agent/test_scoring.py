from __future__ import annotations

import numpy as np
import pytest

from agent import scoring
from agent.runtimes import litert, null
from agent.runtimes.base import Tensor
from agent.wire import Preprocess
from tests.agent.device import DATA, PREPROCESS
from tests.data.make_artifacts import BIAS, SIZE, WEIGHTS

RANDOM = np.random.default_rng(3)
PIXELS = (RANDOM.integers(0, 256, (11, 1, 1, 3)) * RANDOM.random((11, SIZE, SIZE, 3))).astype(np.uint8)


def load(name):
    return litert.load(str(DATA / f"{name}.tflite"), 1)


def expected(pixels):
    colour = (pixels / 255.0).mean(axis=(1, 2))
    return 1 / (1 + np.exp(-(colour @ WEIGHTS + BIAS)))


def test_scores_are_what_the_artifact_computes():
    found = scoring.scores(load("float32"), PIXELS, PREPROCESS, batch=1, classes=3)

    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected(PIXELS), atol=1e-5)


def test_the_last_batch_is_filled_up_and_cut_off_again():
    found = scoring.scores(load("batch-of-four"), PIXELS, PREPROCESS, batch=4, classes=3)

    np.testing.assert_allclose(found, expected(PIXELS), atol=1e-5)


def test_an_int8_artifact_takes_and_gives_numbers_by_its_own_scale():
    found = scoring.scores(load("int8"), PIXELS, PREPROCESS, batch=1, classes=3)

    np.testing.assert_allclose(found, expected(PIXELS), atol=0.05)


def test_a_dataset_of_one_class_takes_the_last_of_two_columns():
    loaded = load("two-columns")

    both = scoring.scores(loaded, PIXELS, PREPROCESS, batch=1, classes=2)
    one = scoring.scores(loaded, PIXELS, PREPROCESS, batch=1, classes=1)

    np.testing.assert_array_equal(one, both[:, 1:])


def test_other_numbers_of_columns_are_refused():
    with pytest.raises(scoring.Unscorable, match="3 output columns, the labels have 14"):
        scoring.scores(load("float32"), PIXELS, PREPROCESS, batch=1, classes=14)


def test_scores_that_are_no_numbers_are_counted():
    with pytest.raises(scoring.Unscorable, match="33 of 33 scores are not finite"):
        scoring.scores(load("not-finite"), PIXELS, PREPROCESS, batch=1, classes=3)


def test_the_null_runtime_has_nothing_to_score():
    with pytest.raises(scoring.Unscorable, match="no output"):
        scoring.scores(null.load("", 1), PIXELS, PREPROCESS, batch=1, classes=3)


def test_grey_images_are_repeated_over_the_channels():
    grey = PIXELS[..., :1]

    found = scoring.preprocess(grey, PREPROCESS)

    assert found.shape == (11, SIZE, SIZE, 3)
    np.testing.assert_array_equal(found[..., 0], found[..., 2])


def test_preprocessing_scales_then_normalises_each_channel():
    how = Preprocess(SIZE, SIZE, 3, scale=1 / 255, mean=(0.1, 0.2, 0.3), std=(0.5, 1.0, 2.0))

    found = scoring.preprocess(PIXELS, how)

    assert found.dtype == np.float32
    np.testing.assert_allclose(found, (PIXELS / 255 - [0.1, 0.2, 0.3]) / [0.5, 1.0, 2.0], atol=1e-6)


def test_images_of_another_size_are_refused():
    with pytest.raises(scoring.Unscorable, match="the images are"):
        scoring.preprocess(PIXELS[:, :4], PREPROCESS)


def test_another_batch_than_the_artifact_has_is_refused():
    with pytest.raises(scoring.Unscorable, match="the case expects"):
        scoring.scores(load("float32"), PIXELS, PREPROCESS, batch=4, classes=3)


def test_quantizing_rounds_half_to_even_and_clips():
    tensor = Tensor(shape=(7,), dtype="int8", scale=0.5, zero_point=-3)
    values = np.array([0.25, 0.75, -0.25, 1.0, 1000.0, -1000.0, 0.0], np.float32)

    assert scoring.quantize(values, tensor).tolist() == [-3, -1, -3, -1, 127, -128, -3]
    assert scoring.quantize(values, tensor).dtype == np.int8


def test_uint8_is_clipped_to_its_own_range():
    tensor = Tensor(shape=(3,), dtype="uint8", scale=1 / 255, zero_point=0)

    assert scoring.quantize(np.array([-1, 1, 2], np.float32), tensor).tolist() == [0, 255, 255]


def test_quantizing_and_back_errs_by_half_a_step():
    tensor = Tensor(shape=(1000,), dtype="int8", scale=0.01, zero_point=5)
    values = np.linspace(-1.3, 1.2, 1000, dtype=np.float32)

    back = scoring.dequantize(scoring.quantize(values, tensor), tensor)

    assert np.abs(back - values).max() <= 0.00501


def test_integers_without_a_scale_are_refused():
    with pytest.raises(scoring.Unscorable, match="no scale"):
        scoring.quantize(np.zeros(1, np.float32), Tensor(shape=(1,), dtype="int8"))
    with pytest.raises(scoring.Unscorable, match="no scale"):
        scoring.dequantize(np.zeros(1, np.int8), Tensor(shape=(1,), dtype="int8"))


def test_a_batch_larger_than_the_dataset_repeats_its_images():
    fed = []

    class Recorder:
        input = Tensor(shape=(4, SIZE, SIZE, 3), dtype="float32")

        def set_input(self, values):
            fed.append(values)

    scoring.feed(Recorder(), PIXELS[:3], PREPROCESS, 4)

    np.testing.assert_array_equal(fed[0][3], fed[0][0])
    np.testing.assert_array_equal(fed[0][:3], scoring.preprocess(PIXELS[:3], PREPROCESS))


def test_columns_are_taken_in_the_order_of_the_classes():
    loaded = load("float32")

    turned = scoring.scores(loaded, PIXELS, PREPROCESS, batch=1, classes=2, columns=(2, 0))

    np.testing.assert_allclose(turned, expected(PIXELS)[:, [2, 0]], atol=1e-5)
    for columns in ((0,), (0, 3)):
        with pytest.raises(scoring.Unscorable, match="of 3 are no 2 classes"):
            scoring.scores(loaded, PIXELS, PREPROCESS, batch=1, classes=2, columns=columns)
