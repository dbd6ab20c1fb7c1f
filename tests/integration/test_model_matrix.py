"""Every `keras.applications` family × form × scheme is built and scores like Keras, or one sentence says why not."""

from __future__ import annotations

import os
import random

import pytest

from benchmarks import model_matrix
from benchmarks.model_matrix import FAMILIES, FORMS, SCHEMES, Builds, Cell

pytestmark = [
    pytest.mark.tensorflow,
    pytest.mark.matrix,
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]

#: What a machine of two cores builds in a few seconds: one of these is drawn, with one scheme beside float32.
CHEAP = [(name, form) for name in ("MobileNetV3Small", "MobileNetV2", "MobileNet") for form in FORMS]
DRAWN = random.Random(14).sample(CHEAP, 1)  # noqa: S311  a seeded draw
WHOLE = [(each.function, form) for each in FAMILIES for form in FORMS] if os.environ.get("FARM_TEST_MATRIX") else []


def check(cells):
    for cell in cells:
        assert cell.error is None or cell.scheme != "float32", cell
        if cell.error is not None:
            assert len(cell.error) < 400
            assert cell.error.isprintable()
            assert "Traceback" not in cell.error
            assert not cell.error.startswith(("AttributeError", "TypeError", "KeyError", "IndexError")), cell


@pytest.mark.parametrize(("name", "form"), DRAWN)
def test_a_seeded_sample_of_the_matrix_is_built_and_scores_like_keras(name, form):
    builds = Builds(model_matrix.family_named(name))

    cells = list(builds.cells(form, ["int8"], {}))

    assert [cell.error for cell in cells] == [None, None]
    check(cells)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("name", "form"), WHOLE)
def test_every_cell_of_the_matrix_is_built_or_told_in_one_sentence(name, form):
    cells = list(Builds(model_matrix.family_named(name)).cells(form, list(SCHEMES)[1:], {}))

    assert len(cells) == len(SCHEMES)
    check(cells)


def test_every_family_of_keras_is_in_the_matrix():
    import keras

    functions = {name for name in dir(keras.applications) if name[0].isupper()}

    families = {each.function for each in FAMILIES}

    assert families <= functions
    known = ("ConvNeXt", "DenseNet", "EfficientNetV2", "EfficientNet", "InceptionResNet", "Inception", "MobileNet")
    known += ("NASNet", "ResNet", "VGG", "Xception")
    assert {name for name in functions if not name.startswith(known)} == set()


def test_the_page_names_each_refusal_once():
    of = {"family": "VGG16", "form": ".keras"}
    cells = [
        Cell(**of, scheme="float32", r=1.0),
        Cell(**of, scheme="int8", error="it is too large"),
        Cell(**of, scheme="int16x8", error="it is too large"),
        Cell(family="VGG16", form=".h5", scheme="float32", r=1.0, same_as=".keras"),
    ]

    page = model_matrix.page({cell.key: cell for cell in cells})

    assert "| VGG16 32² | `.keras` | ok 1.000 | not tried | not tried | no (1) | not tried | no (1) |" in page
    assert "| VGG16 32² | `.h5` | ok = 1.000 |" in page
    assert page.count("it is too large") == 1
    assert "Of 252 cells 4 are tried so far: 2 are ok, 2 are not." in page
