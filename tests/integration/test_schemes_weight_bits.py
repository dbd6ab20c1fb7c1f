"""Schemes of ai-edge-quantizer: weights of 8 and 4 bits, and layers that are left out."""

from __future__ import annotations

import json
import sys
from collections import Counter

import pytest

from orchestrator.datasets.phantom import Phantom
from orchestrator.domain.model import DatasetSpec, ModelSpec
from orchestrator.errors import BuildError
from orchestrator.models import tflite_operators, weight_bits
from orchestrator.models.artifacts import Build, recipe_of
from orchestrator.models.builder import ModelBuilder
from orchestrator.models.shipped import TinyCxr

pytestmark = pytest.mark.tensorflow

TINY = ModelSpec(name="tiny-cxr", kind="tiny-cxr")
PHANTOM = DatasetSpec(kind="phantom", options={"patients": 40})
#: Scheme -> types of the weights of tiny-cxr's 12 operators, and the largest mean error of a score that was seen, rounded up.
SCHEMES = {
    "weights-int8": ({"int8": 12}, 0.005),
    "weights-int4": ({"int4": 7, "int8": 5}, 0.06),
    "dynamic-int8": ({"int8": 12}, 0.006),
    "dynamic-int4": ({"int4": 7, "int8": 5}, 0.06),
    "mixed-int4": ({"int4": 5, "int8": 7}, 0.05),
}


@pytest.fixture(scope="module")
def builder():
    return ModelBuilder(TinyCxr(), Phantom(patients=40))


def weights(path):
    """Return the type of each operator's weights, by the name of the layer, followed through DEQUANTIZE."""
    operators = tflite_operators.operators(path.read_bytes())
    stored = {each.outputs[0].name: each.inputs[0].dtype for each in operators if each.name == "DEQUANTIZE"}
    layers = weight_bits.layers_of(path.read_bytes())
    return {
        layer.name: stored.get(each.inputs[1].name, each.inputs[1].dtype)
        for each, layer in zip(operators, layers, strict=True)
        if each.name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
    }


@pytest.mark.parametrize("scheme", SCHEMES)
def test_weights_have_the_bits_that_the_scheme_names_and_score_near_the_model(builder, tmp_path, scheme):
    types, largest_mean = SCHEMES[scheme]

    answer = builder.build(scheme, 1, tmp_path / "m")

    assert Counter(weights(tmp_path / "m").values()) == types
    assert answer["checks"]["mean_abs_difference"] < largest_mean
    assert "refusal" not in answer["checks"]  # both sets of the controller's kernels take it


@pytest.mark.parametrize(
    ("kind", "options", "expected"),
    [
        ("weights-int8", {"float_layers": ["first", "last"]}, {"conv2d_1": "float32", "findings_1": "float32"}),
        ("dynamic-int4", {"int8_layers": ["conv2d_[1-3]_.*"]}, {"conv2d_1_2": "int8", "conv2d_4_1": "int4"}),
        ("mixed-int4", {"float_layers": ["findings_1"]}, {"conv2d_1": "int8", "findings_1": "float32"}),
    ],
)
def test_layers_that_a_suite_names_are_left_out(builder, tmp_path, kind, options, expected):
    builder.build("mine", 1, tmp_path / "m", {"kind": kind, **options})

    stored = weights(tmp_path / "m")
    assert {name: stored[name] for name in expected} == expected
    assert any(dtype == ("int8" if kind == "weights-int8" else "int4") for dtype in stored.values())


def test_a_layer_that_is_not_there_is_refused_with_the_nearest(builder, tmp_path):
    with pytest.raises(BuildError, match=r"scheme weights-int8: .* no layer 'findngs_1'; nearest: findings_1"):
        builder.build("mine", 1, tmp_path / "m", {"kind": "weights-int8", "float_layers": ["findngs_1"]})


def test_int8_leaves_layers_float_by_a_regular_expression(builder, tmp_path):
    builder.build("mine", 1, tmp_path / "m", {"kind": "int8", "float_layers": ["conv2d_[45]_.*"]})

    operators = tflite_operators.operators((tmp_path / "m").read_bytes())
    computed = [each.outputs[0].dtype for each in operators if each.name == "CONV_2D"]
    assert computed.count("float32") == 2
    assert computed.count("int8") == len(computed) - 2


def test_options_and_the_version_of_the_quantizer_are_identity():
    recipes = [
        recipe_of(Build(model=TINY, scheme="mine", batch=1, options={"kind": kind, **options}), PHANTOM)
        for kind, options in (
            ("weights-int8", {}),
            ("weights-int4", {}),
            ("dynamic-int4", {}),
            ("mixed-int4", {}),
            ("mixed-int4", {"float_layers": ["last"]}),
            ("dynamic-int8", {}),
            ("dynamic-int8", {"compat": "tflite-2.14"}),
        )
    ]

    assert len({json.dumps(recipe) for recipe in recipes}) == len(recipes)
    assert {recipe["options"]["ai-edge-quantizer"] for recipe in recipes} == {weight_bits.installed()}


def test_without_the_package_the_refusal_has_the_command(builder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ai_edge_quantizer.quantizer", None)

    with pytest.raises(BuildError, match=r"ai-edge-quantizer .*install it: .* -m pip install ai-edge-quantizer"):
        builder.build("weights-int8", 1, tmp_path / "m")
