"""Schemes with options: layers that int8 leaves in float32, and how to find them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from orchestrator.datasets.phantom import Phantom
from orchestrator.domain.model import DatasetSpec, ModelSpec
from orchestrator.errors import BuildError, ModelError
from orchestrator.models.artifacts import Build, recipe_of
from orchestrator.models.builder import ModelBuilder
from orchestrator.models.debug_process import debug
from orchestrator.models.shipped import TinyCxr

pytestmark = pytest.mark.tensorflow

TINY = ModelSpec(name="tiny-cxr", kind="tiny-cxr")
PHANTOM = DatasetSpec(kind="phantom", options={"patients": 40})


@pytest.fixture(scope="module")
def builder():
    return ModelBuilder(TinyCxr(), Phantom(patients=40))


@pytest.fixture(scope="module")
def layers():
    return debug(TINY, PHANTOM, "int8", {}, images=8)


def dtypes(path):
    """Return the operators that have weights, each with the type that it computes in, and the type of the input."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_path=str(path), experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    of = {each["index"]: np.dtype(each["dtype"]).name for each in interpreter.get_tensor_details()}
    kinds = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
    found = [(op["op_name"], of[op["outputs"][0]]) for op in interpreter._get_ops_details() if op["op_name"] in kinds]
    return found, np.dtype(interpreter.get_input_details()[0]["dtype"]).name


def test_every_layer_has_its_error_in_steps_of_its_scale(layers):
    assert [each.operator for each in layers[:2]] == ["CONV_2D", "DEPTHWISE_CONV_2D"]
    assert layers[-1].operator == "LOGISTIC"
    assert all(0.1 < each.rmse_by_scale < 2 for each in layers)
    assert len({each.layer for each in layers}) == len(layers)


@pytest.mark.parametrize("words", [["first", "last"], "worst"])
def test_layers_that_a_suite_names_stay_float(builder, layers, tmp_path, words):
    if words == "worst":
        weighted = [each for each in layers if each.operator != "LOGISTIC"]
        words = [max(weighted, key=lambda each: each.rmse_by_scale).layer]

    builder.build("mixed", 1, tmp_path / "m", {"kind": "int8", "float_layers": words})

    found, of_input = dtypes(tmp_path / "m")
    assert of_input == "float32"
    assert [dtype for _, dtype in found].count("float32") == len(words)
    assert [dtype for _, dtype in found].count("int8") == len(found) - len(words)


def test_a_layer_that_is_not_there_is_refused_with_the_nearest(builder, tmp_path):
    with pytest.raises(BuildError, match=r"no layer 'findngs_1'; nearest: findings_1.*\n.*farm models debug"):
        builder.build("mixed", 1, tmp_path / "m", {"kind": "int8", "float_layers": ["findngs_1"]})


@pytest.mark.parametrize(("scheme", "ends"), [("int8", "float32"), ("int8-io", "int8")])
def test_int8_computes_in_integers_whatever_its_input_and_output_are(builder, tmp_path, scheme, ends):
    builder.build(scheme, 1, tmp_path / "m")

    found, of_input = dtypes(tmp_path / "m")
    assert of_input == ends
    assert {dtype for _, dtype in found} == {"int8"}


def test_int16x8_computes_in_16_bits_near_the_model(builder, tmp_path):
    checks = builder.build("int16x8", 1, tmp_path / "m")["checks"]

    assert {dtype for _, dtype in dtypes(tmp_path / "m")[0]} == {"int16"}
    assert checks["mean_abs_difference"] < 0.01


def test_options_are_identity():
    recipes = [
        recipe_of(Build(model=TINY, scheme="mine", batch=1, options=options), PHANTOM)
        for options in (
            {"kind": "int8"},
            {"kind": "int8-io"},
            {"kind": "int8", "float_layers": ["first"]},
            {"kind": "int8", "float_layers": ["last"]},
        )
    ]

    assert len({json.dumps(recipe) for recipe in recipes}) == 4


def test_a_scheme_that_quantizes_no_activations_has_no_layers_to_debug():
    with pytest.raises(ModelError, match="scheme float16 quantizes no activations"):
        debug(TINY, PHANTOM, "float16", {}, images=1)
