"""Artifacts, really built by TensorFlow in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from agent import scoring
from agent.runtimes import find, tensorflow
from orchestrator.analysis import auc as metrics
from orchestrator.datasets.base import make_dataset
from orchestrator.domain.model import DatasetSpec, ModelSpec, Preprocess
from orchestrator.models.artifacts import Artifacts, Build, Built, Failed, key_of
from orchestrator.models.base import make_model
from tests.lab.project import wait_for

pytestmark = pytest.mark.tensorflow

TINY = ModelSpec(name="tiny-cxr", kind="tiny-cxr")
PHANTOM = DatasetSpec(kind="phantom")
SCHEMES = ("float32", "dynamic", "float16", "int8", "int8-io")
#: Scheme -> the one whose ``.tflite`` it was made of.
ONNX_OF = {"onnx": "float32", "onnx-int8": "int8-io"}


def builds(*schemes, model=TINY, batch=1):
    return [Build(model=model, scheme=scheme, batch=batch) for scheme in schemes]


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """The five artifacts of tiny-cxr, the model itself, two as ONNX, and one for batches of two."""
    artifacts = Artifacts(tmp_path_factory.mktemp("artifacts"))
    outcomes = list(artifacts.ensure([*builds(*SCHEMES, "keras", *ONNX_OF), *builds("float32", batch=2)], PHANTOM))
    assert all(isinstance(outcome, Built) and not outcome.reused for outcome in outcomes), outcomes
    return artifacts, {(outcome.build.scheme, outcome.build.batch): outcome.artifact for outcome in outcomes}


@pytest.fixture(scope="module")
def evaluation():
    return make_dataset(PHANTOM).load("evaluation", height=64, width=64)


def load(kept, scheme, batch=1):
    artifacts, by_scheme = kept
    return find("litert").load(str(artifacts.path(by_scheme[scheme, batch].sha256)), 1)


def test_quantized_artifacts_are_smaller_and_all_are_what_their_hash_says(kept):
    artifacts, by_scheme = kept

    sizes = {scheme: by_scheme[scheme, 1].size_bytes for scheme in SCHEMES}
    assert all(artifacts.path(artifact.sha256).stat().st_size == artifact.size_bytes for artifact in by_scheme.values())
    assert sizes["float32"] > 150_000
    assert all(sizes["float32"] > 1.5 * sizes[scheme] for scheme in SCHEMES[1:])


def test_int8_io_speaks_int8_with_a_scale_and_the_others_float32(kept):
    for scheme in SCHEMES:
        loaded = load(kept, scheme)
        assert {loaded.input.dtype, loaded.output.dtype} == {"int8" if scheme == "int8-io" else "float32"}
        assert (loaded.input.scale > 0) == (scheme == "int8-io")


def test_int8_and_int8_io_are_one_network(kept, evaluation):
    how = make_model(TINY).preprocess

    inside, ends = (
        scoring.scores(load(kept, scheme), evaluation.pixels[:100], how, batch=1, classes=14)
        for scheme in ("int8", "int8-io")
    )

    # the agent and the graph may round an input that lies between two steps to either of them
    assert np.abs(inside - ends).mean() < 1e-3


def test_float32_is_keras_and_no_scheme_loses_much(kept, evaluation):
    model = make_model(TINY)
    pixels = evaluation.pixels[:300]
    expected = model.load().scores(scoring.preprocess(pixels, model.preprocess))
    auc = {}
    for scheme in SCHEMES:
        scores = scoring.scores(load(kept, scheme), pixels, model.preprocess, batch=1, classes=14)
        auc[scheme] = metrics.mean_auc(metrics.auc_per_class(evaluation.labels[:300], scores))
        if scheme == "float32":
            assert np.abs(scores - expected).max() < 1e-5
        else:
            assert (scores != expected).any()

    assert all(abs(auc[scheme] - auc["float32"]) < 0.01 for scheme in SCHEMES)


def test_the_keras_model_itself_is_an_artifact_that_tensorflow_runs(kept, evaluation):
    artifacts, by_scheme = kept
    artifact, model = by_scheme["keras", 1], make_model(TINY)

    loaded = tensorflow.load_keras(str(artifacts.path(artifact.sha256)))

    assert loaded.input.shape == (1, 64, 64, 1)
    scores = scoring.scores(loaded, evaluation.pixels[:8], model.preprocess, batch=1, classes=14)
    of_float32 = scoring.scores(load(kept, "float32"), evaluation.pixels[:8], model.preprocess, batch=1, classes=14)
    assert np.abs(scores - of_float32).max() < 1e-4
    assert artifact.checks["max_abs_difference"] < 1e-4
    assert len(artifact.golden.scores) == 4
    assert loaded.effective() == {"delegate": None, "threads": None}


@pytest.mark.parametrize("scheme", ONNX_OF)
def test_an_onnx_artifact_is_the_same_network_with_the_same_scales(kept, evaluation, scheme):
    artifacts, by_scheme = kept
    artifact, model = by_scheme[scheme, 1], make_model(TINY)
    of = load(kept, ONNX_OF[scheme])

    loaded = find("onnxruntime").load(str(artifacts.path(artifact.sha256)), 1)

    assert (loaded.input, loaded.output) == (of.input, of.output)
    scores, expected = (
        scoring.scores(each, evaluation.pixels[:100], model.preprocess, batch=1, classes=14) for each in (loaded, of)
    )
    # int8 rounds otherwise here and there: by a few steps of 1/256
    assert np.abs(scores - expected).max() < (1e-5 if scheme == "onnx" else 0.05)
    assert np.ptp(scores, axis=0).min() > 0
    assert len(artifact.golden.scores) == 4
    assert artifact.golden.largest >= 1e-4
    assert artifact.recipe["options"]["opset"] == 18
    assert (artifact.recipe["calibration_sha256"] is None) == (scheme == "onnx")
    assert loaded.effective() == {"delegate": None, "providers": ["CPUExecutionProvider"]}


def test_without_the_converter_an_onnx_artifact_says_what_to_install(kept, tmp_path):
    hidden = tmp_path / "tf2onnx.py"
    hidden.write_text("raise ImportError('No module named tf2onnx')\n")

    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from pathlib import Path; from orchestrator.models.schemes import onnx; onnx.rewrite(Path('x'))",
        ],
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "BuildError: no ONNX without tf2onnx and onnxruntime (No module named tf2onnx)" in done.stderr
    assert f"{sys.executable} -m pip install tf2onnx onnxruntime" in done.stderr


def test_another_batch_size_is_another_artifact(kept):
    assert load(kept, "float32", 2).input.shape == (2, 64, 64, 1)
    assert load(kept, "float32", 1).input.shape == (1, 64, 64, 1)


def test_the_recipe_says_what_the_calibration_was_and_its_patients_are_not_evaluated(kept):
    _, by_scheme = kept
    phantom = make_dataset(PHANTOM)

    calibration, evaluation = (phantom.load(part, height=64, width=64) for part in ("calibration", "evaluation"))

    assert len(by_scheme["int8", 1].recipe["calibration_sha256"]) == 64
    assert by_scheme["int8", 1].recipe["calibration"]["dataset"] == phantom.fingerprint()
    assert by_scheme["float32", 1].recipe["calibration_sha256"] is None
    assert not set(calibration.patients) & set(evaluation.patients)
    assert all(artifact.checks["images"] for artifact in by_scheme.values())


def test_artifacts_are_built_once_and_found_again_without_tensorflow(kept):
    artifacts, by_scheme = kept
    code = (
        "import sys, json; from pathlib import Path; from orchestrator.models.artifacts import *\n"
        "from orchestrator.domain.model import *\n"
        f"artifacts = Artifacts(Path({str(artifacts.blobs.parent)!r}))\n"
        "build = Build(model=ModelSpec(name='tiny-cxr', kind='tiny-cxr'), scheme='int8', batch=1)\n"
        "(found,) = artifacts.ensure([build], DatasetSpec(kind='phantom'))\n"
        "print(json.dumps([found.reused, found.artifact.sha256, 'tensorflow' in sys.modules]))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == [True, by_scheme["int8", 1].sha256, False]
    assert artifacts.missing(builds(*SCHEMES), PHANTOM) == ()


def test_a_damaged_blob_is_built_again_byte_for_byte(kept):
    artifacts, by_scheme = kept
    path = artifacts.path(by_scheme["float16", 1].sha256)
    path.write_bytes(path.read_bytes()[:-1] + b"!")

    assert len(artifacts.missing(builds("float16"), PHANTOM)) == 1
    (again,) = artifacts.ensure(builds("float16"), PHANTOM)

    assert not again.reused
    assert again.artifact.sha256 == by_scheme["float16", 1].sha256
    assert not artifacts.missing(builds("float16"), PHANTOM)


def test_what_an_artifact_depends_on_changes_its_key():
    int8, float32 = builds("int8", "float32")
    other = DatasetSpec(kind="phantom", options={"seed": 1})

    assert key_of(int8, PHANTOM) != key_of(int8, other), "int8 has seen the dataset"
    assert key_of(float32, PHANTOM) != key_of(float32, other), "float32 was checked on it"
    assert len({key_of(build, PHANTOM) for build in [*builds(*SCHEMES), *builds(*SCHEMES, batch=2)]}) == 10


def test_a_model_that_does_not_fit_the_dataset_fails_with_both_numbers_and_the_others_go_on(tmp_path):
    import keras

    inputs = keras.Input((64, 64, 1))
    x = keras.layers.GlobalAveragePooling2D()(inputs)
    keras.Model(inputs, keras.layers.Dense(3, activation="sigmoid")(x)).save(tmp_path / "three.keras")
    odd = ModelSpec(
        name="three",
        kind="keras",
        options={"path": str(tmp_path / "three.keras")},
        preprocess=Preprocess(height=64, width=64, channels=1),
    )
    missing = replace(odd, name="gone", options={"path": str(tmp_path / "gone.keras")})

    artifacts = Artifacts(tmp_path / "state")
    wanted = [*builds("float32", model=odd), *builds("float32", model=missing), *builds("float32")]

    to_build = artifacts.missing(wanted, PHANTOM)
    outcomes = list(artifacts.ensure(wanted, PHANTOM))

    assert [build.model.name for build in to_build] == ["three", "tiny-cxr"]
    said = {outcome.build.model.name: outcome for outcome in outcomes}
    assert isinstance(said["three"], Failed)
    assert "gives 3 scores" in said["three"].error
    assert "14 classes" in said["three"].error
    assert "no such file" in said["gone"].error
    assert isinstance(said["tiny-cxr"], Built)


def test_two_builders_at_once_do_no_harm_and_build_what_one_builds_after_others(kept, tmp_path):
    with ThreadPoolExecutor(2) as both:
        waiting = [both.submit(lambda: list(Artifacts(tmp_path).ensure(builds("int8"), PHANTOM))) for _ in range(2)]
        first, second = (done.result() for done in waiting)

    for (outcome,) in (first, second):
        assert outcome.artifact.sha256 == kept[1]["int8", 1].sha256
    (found,) = Artifacts(tmp_path).ensure(builds("int8"), PHANTOM)
    assert found.reused
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blobs", "build.log", "recipes"]


def test_a_builder_that_is_killed_takes_one_artifact_with_it_and_leaves_nothing_behind(tmp_path):
    artifacts = Artifacts(tmp_path)
    outcomes = artifacts.ensure(builds("float32", "int8"), PHANTOM)

    def kill():
        for entry in os.listdir("/proc"):  # noqa: PTH208
            try:
                words = (f"/proc/{entry}/cmdline",)
                with open(words[0], "rb") as file:  # noqa: PTH123
                    line = file.read()
                with open(f"/proc/{entry}/stat", encoding="utf-8") as file:  # noqa: PTH123
                    parent = int(file.read().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
            if b"orchestrator.models.builder" in line and parent == os.getpid():
                os.kill(int(entry), signal.SIGKILL)
                return True
        return False

    import threading

    killer = threading.Thread(target=lambda: wait_for(kill))
    killer.start()
    outcomes = list(outcomes)
    killer.join()

    failed, built = outcomes
    assert isinstance(failed, Failed)
    assert "killed (SIGKILL)" in failed.error
    assert isinstance(built, Built)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blobs", "build.log", "recipes"]
    assert {path.name for path in (tmp_path / "blobs").iterdir()} == {
        built.artifact.sha256,
        built.artifact.golden.pixels_sha256,
    }


def test_evaluation_images_are_packed_once(tmp_path):
    artifacts = Artifacts(tmp_path)

    first = artifacts.image_set(TINY, PHANTOM)
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "blobs").iterdir()}
    second = artifacts.image_set(TINY, PHANTOM)

    assert first == second
    assert first.synthetic
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "blobs").iterdir()} == times
    labels = np.load(artifacts.path(first.labels_sha256), allow_pickle=False)
    assert labels.shape == (first.images, 14)
    (shard,) = first.shards
    kept = artifacts.path(shard.sha256).read_bytes()
    artifacts.path(shard.sha256).write_bytes(b"damaged")
    assert artifacts.image_set(TINY, PHANTOM) == first, "packed again from the pixels"
    assert artifacts.path(shard.sha256).read_bytes() == kept
    for sha256 in (shard.sha256, first.pixels_sha256):
        artifacts.path(sha256).write_bytes(b"damaged")
    assert artifacts.image_set(TINY, PHANTOM) == first, "decoded again"
    assert np.load(artifacts.path(first.pixels_sha256), allow_pickle=False).shape == (first.images, 64, 64, 1)
