"""Scores of ``.onnx`` files of a user's, against the same network computed by numpy."""

from __future__ import annotations

import numpy as np
import pytest

from agent import scoring
from agent.wire import Preprocess
from tests.lab import networks

onnxruntime = pytest.importorskip("agent.runtimes.onnxruntime")
pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")

HOW = Preprocess(16, 16, 3, 1 / 255, (0.0,), (1.0,))
PIXELS = networks.images()


def load(model):
    return onnxruntime.load(model.SerializeToString(), 1)


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize(
    ("shape", "columns"),
    [
        (networks.FIRST, ("n", 14)),
        (networks.LAST, ("n", 14)),
        (("n", 3, "height", "width"), ("unk__1", 14)),
        ((None, 3, None, None), None),
        (("n", 16, 16, "channels"), ("n", 14)),
        (("batch", 3, 16, 16), (None, None)),
    ],
    ids=["first", "last", "free-sides", "unnamed", "free-channels", "no-columns"],
)
def test_an_input_is_fed_in_the_order_that_its_sides_have(shape, columns, batch):
    loaded = load(networks.network(shape, columns=columns))

    found = scoring.scores(loaded, PIXELS, HOW, batch=batch, classes=14)

    np.testing.assert_allclose(found, networks.sigmoid(networks.logits(PIXELS)), atol=1e-5)
    assert loaded.output.shape == (batch, 14)


@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("shape", [(3, 16, 16), (16, 16, 3)], ids=["first", "last"])
def test_a_batch_that_the_file_fixes_is_fed_as_it_is(shape, batch):
    loaded = load(networks.network((batch, *shape), columns=(batch, 14), end=""))

    found = scoring.scores(loaded, PIXELS, HOW, batch=batch, classes=14)

    np.testing.assert_allclose(found, networks.logits(PIXELS), atol=1e-4)


@pytest.mark.parametrize(
    ("dtype", "scale", "near"), [("float16", 1 / 255, 0.02), ("float64", 1 / 255, 1e-6), ("uint8", 1.0, 1e-5)]
)
def test_every_number_type_is_fed_as_the_graph_takes_it(dtype, scale, near):
    how = Preprocess(16, 16, 3, scale, (0.0,), (1.0,))

    found = scoring.scores(load(networks.network(dtype=dtype)), PIXELS, how, batch=4, classes=14)

    np.testing.assert_allclose(found, networks.sigmoid(networks.logits(PIXELS)), atol=near)


@pytest.mark.parametrize("shape", [("n", 3, 32, 32), ("n", 1, 16, 16), (2, 3, 16, 16), ("n", 3, 16)])
def test_other_sides_than_those_of_the_images_are_refused(shape):
    graph = networks.network().graph
    graph.input[0].CopyFrom(networks.helper.make_tensor_value_info("image", 1, list(shape)))
    del graph.node[:]
    graph.node.append(networks.helper.make_node("Flatten", ["image"], ["scores"]))

    loaded = load(networks.helper.make_model(graph, opset_imports=[networks.helper.make_opsetid("", 18)], ir_version=8))

    with pytest.raises(scoring.Unscorable, match="the case expects"):
        scoring.scores(loaded, PIXELS, HOW, batch=1, classes=14)


def test_sides_that_could_be_either_order_are_refused():
    loaded = load(networks.network(("n", 3, "height", "width")))

    with pytest.raises(scoring.Unscorable, match="as channels first and last"):
        scoring.scores(loaded, PIXELS[:, :3, :3], Preprocess(3, 3, 3, 1 / 255, (0.0,), (1.0,)), batch=1, classes=14)


def test_nothing_is_invoked_before_free_sides_are_fixed():
    with pytest.raises(RuntimeError, match="leaves sides of its input free"):
        load(networks.network()).invoke()
