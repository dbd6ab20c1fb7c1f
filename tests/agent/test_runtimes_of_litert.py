"""LiteRT in each of its forms, over real artifacts; a real external delegate, compiled here."""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest

from agent import wire
from agent.runtimes import find, knows
from tests.agent.device import DATA

CPU = ["litert", "litert-builtin", "litert-compiled"]
#: How far kernels may differ: of float scores, and in steps of int8.
ALLOWED = {"float32": 1e-6, "int8": 1}


def scored(name, artifact, threads=1):
    """Return what a runtime computes of an image drawn from a seed, and what it says of itself."""
    loaded = find(name).load(str(DATA / f"{artifact}.tflite"), threads)
    values = np.random.default_rng(5).integers(-100, 100, loaded.input.shape)
    loaded.set_input((values / 200 if loaded.input.dtype == "float32" else values).astype(loaded.input.dtype))
    loaded.invoke()
    return loaded.get_output().astype(np.float64), loaded


@pytest.mark.parametrize("artifact", ["float32", "int8"])
@pytest.mark.parametrize("name", CPU)
def test_every_form_computes_the_same_and_knows_the_same_tensors(name, artifact):
    expected, known = scored("litert", artifact)

    found, loaded = scored(name, artifact, threads=2)

    assert np.abs(found - expected).max() <= ALLOWED[artifact]
    assert (loaded.input, loaded.output) == (known.input, known.output)


def test_without_the_default_delegate_no_node_is_delegated():
    _, with_it = scored("litert", "float32")
    _, without = scored("litert-builtin", "float32")

    assert with_it.effective()["delegated_nodes"] == with_it.effective()["nodes"] > 0
    assert without.effective() == {"delegate": None, "nodes": with_it.effective()["nodes"], "delegated_nodes": 0}


def test_a_compiled_model_claims_nothing_that_it_does_not_know():
    assert scored("litert-compiled", "float32")[1].effective() == {}


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("litert", True),
        ("delegate:/x.so", True),
        ("delegate", False),
        ("delegate:", False),
        ("litert:/x", False),
        ("no", False),
    ],
)
def test_only_a_delegate_takes_an_argument(name, known):
    assert knows(name) is known


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """A delegate that takes no node; with ``mood=refuse`` it refuses the graph, with ``mood=absent`` to exist."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler here to make a delegate with")
    made = tmp_path_factory.mktemp("delegate") / "libdelegate.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", made, DATA / "delegate.c"], check=True)
    return made


def test_a_delegate_that_takes_nothing_is_not_in_force(library):
    runtime = find(f"delegate:{library}")

    loaded = runtime.load(str(DATA / "float32.tflite"), 1)

    assert str(library) == runtime.DELEGATE
    assert loaded.effective() == {"delegate": None, "nodes": 3, "delegated_nodes": 0}


@pytest.mark.parametrize(
    ("option", "words"), [("?mood=refuse", "delegate application failure"), ("?mood=absent", "no such accelerator")]
)
def test_a_delegate_that_fails_gives_the_reason(library, option, words):
    with pytest.raises((RuntimeError, ValueError), match=words):
        find(f"delegate:{library}{option}").load(str(DATA / "float32.tflite"), 1)


def test_what_a_delegate_refuses_is_unloadable_and_what_it_leaves_is_counted(device, library):
    steps = [
        device.step("refused", runtime=f"delegate:{library}?mood=refuse"),
        device.step("left", runtime=f"delegate:{library}"),
        device.step("gone", runtime="delegate:/no/such/library.so"),
    ]
    device.start(*steps)

    done = device.done()

    assert done["refused"].unloadable
    assert "delegate application failure" in done["refused"].error
    assert (done["left"].error, done["left"].requested["delegate"]) == (None, str(library))
    assert done["left"].effective["delegate"] is None
    assert done["gone"].unloadable
    assert "/no/such/library.so: cannot open shared object file" in done["gone"].error


@pytest.mark.tensorflow
def test_the_interpreter_that_tensorflow_bundles_is_a_runtime(device):
    answer = device.ask("probe", stdin=wire.to_json(wire.ProbeRequest(("tensorflow",), None)))["runtimes"]["tensorflow"]

    assert answer["works"] is True
    assert answer["version"].startswith("2.")
