"""Multiply-accumulates of an ONNX network, preprocessing that it holds: read from real files."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.domain.model import Preprocess
from orchestrator.models import held_preprocessing, onnx_graph
from tests.lab.networks import TensorProto, helper, numpy_helper

SIZE, MANY = 8, 4


def read(path, nodes, constants, shape=("n", 3, SIZE, SIZE)):
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return onnx_graph.read(path)


@pytest.mark.parametrize("shape", [("n", 3, SIZE, SIZE), (2, 3, SIZE, SIZE), ("n", 3, "h", "w")])
def test_multiply_accumulates_are_those_of_one_image(tmp_path, shape):
    ones = {
        "separate": np.ones((3, 1, 3, 3), np.float32),
        "plain": np.ones((MANY, 3, 3, 3), np.float32),
        "back": np.ones((MANY, 3, 2, 2), np.float32),
        "dense": np.ones((5, MANY), np.float32),
        "last": np.ones((5, 2), np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["image", "separate"], ["a"], group=3, pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["a", "plain"], ["b"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("ConvTranspose", ["b", "back"], ["wide"], strides=[2, 2]),
        helper.make_node("GlobalAveragePool", ["b"], ["c"]),
        helper.make_node("Flatten", ["c"], ["d"]),
        helper.make_node("Gemm", ["d", "dense"], ["e"], transB=1),
        helper.make_node("MatMul", ["e", "last"], ["scores"]),
    ]

    graph = read(tmp_path / "m.onnx", nodes, ones, shape)

    half = SIZE // 2
    by_hand = SIZE**2 * 3 * 9 + half**2 * MANY * 27 + half**2 * MANY * 3 * 4 + MANY * 5 + 5 * 2
    assert onnx_graph.macs(graph, SIZE) == by_hand


def test_what_no_shape_follows_for_has_no_count(tmp_path):
    nodes = [helper.make_node("MatMul", ["image", "odd"], ["scores"])]

    assert onnx_graph.macs(read(tmp_path / "m.onnx", nodes, {"odd": np.ones((SIZE + 1, 2), np.float32)}), SIZE) is None


def test_scaling_at_the_input_is_found_with_its_numbers_and_done_twice_is_doubtful(tmp_path):
    constants = {"deviation": np.full((1, 3, 1, 1), 127.5, np.float32), "many": np.ones((MANY, 3, 3, 3), np.float32)}
    mean = numpy_helper.from_array(np.float32(1.0), "mean")
    nodes = [
        helper.make_node("Constant", [], ["mean"], value=mean),
        helper.make_node("Identity", ["image"], ["same"]),
        helper.make_node("Div", ["same", "deviation"], ["narrow"]),
        helper.make_node("Sub", ["narrow", "mean"], ["centred"]),
        helper.make_node("Conv", ["centred", "many"], ["features"]),
        helper.make_node("Mul", ["features", "mean"], ["scores"]),
    ]

    held = read(tmp_path / "m.onnx", nodes, constants).held

    assert [(one.name, one.scale, one.offset) for one in held] == [
        ("Div", pytest.approx(1 / 127.5), 0.0),
        ("Sub", 1.0, -1.0),
    ]
    how = Preprocess(height=SIZE, width=SIZE, channels=3, scale=1 / 255)
    assert "pixels are scaled twice" in held_preprocessing.twice(held, how)
