from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import numpy as np
import pytest

from agent import scoring
from orchestrator.cli.models import train as command
from orchestrator.datasets.phantom import Phantom
from orchestrator.domain.model import SHIPPED, ModelSpec, Preprocess
from orchestrator.errors import DatasetError, ModelError, UsageError
from orchestrator.models import architectures, training
from orchestrator.models.base import make_model
from orchestrator.models.checkpoint import Checkpoint
from orchestrator.models.shipped import PIXELS
from orchestrator.models.training import Course
from orchestrator.reports.charts import draw
from orchestrator.reports.charts.training import training as chart_of
from tests.lab import trainings

SMALL = Preprocess(height=8, width=8, channels=1)


@pytest.mark.tensorflow
@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_models_are_good_but_not_perfect_and_small(name):
    model = make_model(ModelSpec(name=name, kind=name))
    how = model.preprocess
    images = Phantom().load("evaluation", height=how.height, width=how.width, limit=420)

    assert 0.85 <= training.evaluate(model.load().scores, images, how) <= 0.96
    assert model.weights.stat().st_size <= 2_000_000


@pytest.mark.tensorflow
def test_the_small_model_begins_as_what_the_tiny_one_is():
    loader = SourceFileLoader("small_cxr", str(Path(__file__).parents[2] / "scripts" / "small-cxr"))
    script = module_from_spec(spec_from_loader("small_cxr", loader))
    loader.exec_module(script)
    tiny = make_model(ModelSpec(name="tiny-cxr", kind="tiny-cxr")).load()
    sides = [Phantom().load("validation", height=side, width=side, limit=30).pixels for side in (64, 128)]
    small_pixels, large_pixels = (
        scoring.preprocess(pixels, replace(PIXELS[64], height=side, width=side))
        for side, pixels in zip((64, 128), sides, strict=True)
    )

    grown = script.grown(noise=0)

    scores = np.asarray(grown(large_pixels)), np.asarray(tiny.scores(small_pixels))
    assert np.corrcoef(*(each.ravel() for each in scores))[0, 1] > 0.95


@pytest.mark.tensorflow
def test_a_training_begins_with_the_weights_of_a_file(tmp_path):
    begun, path = tmp_path / "begun.weights.h5", tmp_path / "m.keras"
    first = architectures.build(
        "tiny-cxr", 16, 16, 1, trainings.Handful().load("train", height=16, width=16).labels.shape[1]
    )
    first.save_weights(begun)
    how = Preprocess(height=16, width=16, channels=1)

    next(
        training.fit(
            "tiny-cxr", trainings.Handful(), how, path, Course(epochs=1, seed=0, learning_rate=1e-9, weights=str(begun))
        )
    )

    import keras

    trained = keras.models.load_model(path, compile=False)
    assert np.allclose(trained.trainable_variables[0], first.trainable_variables[0], atol=1e-4)


@pytest.mark.tensorflow
@pytest.mark.parametrize("architecture", ["tiny-cxr", "mobilenetv2"])
@pytest.mark.parametrize("channels", [1, 3])
def test_architectures_take_any_size_and_end_in_sigmoids(architecture, channels):
    from orchestrator import registry

    model = registry.find("architecture", architecture)(40, 48, channels, 5)
    scores = np.asarray(model(np.zeros((2, 40, 48, channels), np.float32)))

    assert scores.shape == (2, 5)
    assert ((scores > 0) & (scores < 1)).all()


@pytest.mark.tensorflow
def test_training_tells_how_it_goes_and_gives_the_same_model_for_the_same_seed(tmp_path):
    import keras

    def trained(name, seed):
        path = tmp_path / name
        epochs = list(training.fit("tiny-cxr", trainings.Handful(), trainings.HOW, path, Course(epochs=2, seed=seed)))
        return epochs, np.concatenate([w.ravel() for w in keras.models.load_model(path, compile=False).get_weights()])

    (epochs, one), (_, same), (_, other) = trained("a.keras", 0), trained("b.keras", 0), trained("c.keras", 1)

    assert [(epoch.number, epoch.of) for epoch in epochs] == [(1, 2), (2, 2)]
    assert (tmp_path / "a.keras").stat().st_size < 1.5 * 4 * len(one) + 100_000, "the optimizer is not saved"
    assert all(epoch.loss > 0 and 0 <= epoch.auc <= 1 for epoch in epochs)
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_training_refuses_a_place_where_nothing_can_be_saved_before_it_starts(tmp_path):
    for path, word in ((tmp_path / "m.h5", ".keras"), (tmp_path / "none" / "m.keras", "no folder")):
        with pytest.raises(ModelError, match=word):
            next(training.fit("tiny-cxr", Phantom(), SMALL, path, Course(epochs=1, seed=0)))


@pytest.mark.tensorflow
def test_an_architecture_that_refuses_the_size_says_so_and_leaves_nothing(tmp_path):
    with pytest.raises(ModelError, match="resnet50 takes images of at least 32 × 32 pixels, not 8 × 8"):
        next(training.fit("resnet50", trainings.Handful(), SMALL, tmp_path / "m.keras", Course(epochs=1, seed=0)))

    assert not list(tmp_path.iterdir())


def test_what_an_architecture_of_a_plug_in_refuses_is_a_sentence(monkeypatch):
    def picky(*_):
        raise ValueError("sides must be even")

    monkeypatch.setattr(architectures.registry, "find", lambda *_: picky)

    with pytest.raises(
        ModelError, match="architecture picky can't be built for 33 × 32 × 1 pixels: sides must be even"
    ):
        architectures.build("picky", 33, 32, 1, 14)


@pytest.mark.parametrize("count", [0, training.BATCH - 1])
def test_training_on_less_than_one_batch_is_refused(tmp_path, count):
    class Few(trainings.Handful):
        def load(self, part, *, height, width, limit=None):
            images = super().load(part, height=height, width=width)
            return type(images)(pixels=images.pixels[:count], labels=images.labels[:count], patients=())

    with pytest.raises(DatasetError, match=f"{count} images to train on"):
        next(training.fit("tiny-cxr", Few(), SMALL, tmp_path / "m.keras", Course(epochs=1, seed=0)))


def weights(path):
    import keras

    return [weight.copy() for weight in keras.models.load_model(path, compile=False).get_weights()]


@pytest.mark.tensorflow
def test_a_training_that_was_killed_goes_on_to_the_same_model_with_the_same_epochs(tmp_path, monkeypatch):
    monkeypatch.setattr(architectures.registry, "find", lambda *_: trainings.dropping_out)
    whole, killed = tmp_path / "whole.keras", tmp_path / "killed.keras"

    first = subprocess.run([sys.executable, "-m", "tests.lab.trainings", str(killed)], check=False)
    with pytest.raises(ModelError, match="a training was interrupted there"):
        next(trainings.passes(killed))
    resumed, expected = list(trainings.passes(killed, resume=True)), list(trainings.passes(whole))

    assert first.returncode == -signal.SIGKILL
    assert [(epoch.number, epoch.loss, epoch.auc) for epoch in resumed] == [
        (epoch.number, epoch.loss, epoch.auc) for epoch in expected
    ]
    assert all(map(np.array_equal, weights(killed), weights(whole)))
    assert {path.name for path in tmp_path.iterdir()} == {
        *("whole.keras", "killed.keras", "whole.keras.training.json", "killed.keras.training.json")
    }


@pytest.mark.tensorflow
def test_training_ends_where_the_validation_auc_gets_no_better(tmp_path, monkeypatch):
    monkeypatch.setattr(architectures.registry, "find", lambda *_: trainings.dropping_out)
    course = Course(epochs=9, seed=0, learning_rate=0.0, patience=2)

    aucs = iter([0.6, 0.5, 0.7, 0.7, 0.65, 0.9])
    monkeypatch.setattr(training, "evaluate", lambda *_: next(aucs))
    epochs = list(training.fit("any", trainings.Handful(), trainings.HOW, tmp_path / "m.keras", course))

    assert [epoch.is_best for epoch in epochs] == [True, False, True, False, False]


def test_rare_and_frequent_findings_weigh_the_same_as_a_whole():
    labels = np.zeros((400, 4), np.uint8)
    labels[:100, 0] = labels[:200, 1] = labels[:1, 2] = 1

    zeros, ones = training.class_weights(labels)

    assert np.allclose(ones, [2, 1, training.HEAVIEST, 1])
    assert np.allclose(zeros[:2], [400 / 600, 1])
    assert zeros[3] == 1


@pytest.mark.tensorflow
def test_a_finding_that_weighs_twice_costs_twice():
    truth, scores = np.array([[1.0, 0.0]], np.float32), np.array([[0.25, 0.25]], np.float32)
    loss = training._weighted(np.array([[1, 3], [2, 1]], np.float32))

    assert float(loss(truth, scores)[0]) == pytest.approx((2 * -np.log(0.25) + 3 * -np.log(0.75)) / 2)


def checkpoint_of(out, **settings):
    Checkpoint(settings=settings, epochs=[], generator={}, variables=[np.zeros(2)]).write(out)


def test_a_checkpoint_of_another_training_is_refused_with_what_differs(tmp_path):
    out = tmp_path / "m.keras"
    checkpoint_of(out, epochs=10, seed=0)

    Checkpoint.beside(out).refuse_others({"epochs": 10, "seed": 0}, out)
    with pytest.raises(ModelError, match="it is of another training: epochs 10, not 12"):
        Checkpoint.beside(out).refuse_others({"epochs": 12, "seed": 0}, out)


@pytest.mark.parametrize("content", [b"", b"no archive", None])
def test_a_checkpoint_that_is_damaged_or_missing_is_refused_in_one_sentence(tmp_path, content):
    out = tmp_path / "m.keras"
    checkpoint_of(out)
    path = tmp_path / "m.keras.checkpoint.npz"
    path.write_bytes(path.read_bytes()[:-30] if content is None else content)

    with pytest.raises(ModelError, match="can't be read as a checkpoint"):
        Checkpoint.beside(out)
    path.unlink()
    with pytest.raises(ModelError, match="no such checkpoint"):
        next(training.fit("tiny-cxr", Phantom(), SMALL, out, Course(epochs=1, seed=0), resume=True))


def test_the_curve_of_a_training_is_a_picture():
    epochs = [
        training.Epoch(number=number, of=3, loss=1 / number, auc=auc, is_best=number < 3, seconds=1.0)
        for number, auc in enumerate((0.5, None, 0.8), 1)
    ]

    chart = chart_of("tiny-cxr on phantom", epochs)

    assert chart.caption == "Epoch 2 is kept."
    assert all(words in draw.svg(chart) for words in ("tiny-cxr on phantom", "mean AUC-ROC, validation part", "loss"))


def test_a_curve_without_its_library_is_refused_before_training(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)

    with pytest.raises(UsageError, match="charts need vl-convert-python") as refused:
        command._drawing(tmp_path / "curve.svg")

    assert refused.value.hint == "pip install 'edge-farm[report]'"


def test_a_model_that_learned_nothing_is_handed_over_with_advice():
    guessing, good = command.advice_on(0.5, epochs=10), command.advice_on(0.9, epochs=10)

    assert "next to guessing" in guessing
    assert "more than --epochs 10" in guessing
    assert not good
