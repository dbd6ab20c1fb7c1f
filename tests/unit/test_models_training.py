from __future__ import annotations

import numpy as np
import pytest

from orchestrator.datasets.phantom import Phantom
from orchestrator.domain.model import ModelSpec, Preprocess
from orchestrator.errors import DatasetError, ModelError
from orchestrator.models import training
from orchestrator.models.base import make_model

SMALL = Preprocess(height=8, width=8, channels=1)


@pytest.mark.tensorflow
def test_the_shipped_model_is_good_but_not_perfect():
    model = make_model(ModelSpec(name="tiny-cxr", kind="tiny-cxr"))
    images = Phantom().load("evaluation", height=64, width=64)

    assert 0.85 <= training.evaluate(model.load().scores, images, model.preprocess) <= 0.95


@pytest.mark.tensorflow
@pytest.mark.parametrize("architecture", ["tiny-cxr", "mobilenetv2"])
@pytest.mark.parametrize("channels", [1, 3])
def test_architectures_take_any_size_and_end_in_sigmoids(architecture, channels):
    from orchestrator import registry

    model = registry.find("architecture", architecture)(40, 48, channels, 5)
    scores = np.asarray(model(np.zeros((2, 40, 48, channels), np.float32)))

    assert scores.shape == (2, 5)
    assert ((scores > 0) & (scores < 1)).all()


class Handful(Phantom):
    """Phantoms, but few."""

    def load(self, part, *, height, width, limit=None):
        images = super().load("calibration", height=height, width=width)
        return type(images)(pixels=images.pixels[:70], labels=images.labels[:70], patients=images.patients[:70])


@pytest.mark.tensorflow
def test_training_tells_how_it_goes_and_gives_the_same_model_for_the_same_seed(tmp_path):
    import keras

    def trained(name, seed):
        path = tmp_path / name
        epochs = list(
            training.fit("tiny-cxr", Handful(), Preprocess(height=16, width=16, channels=1), path, epochs=2, seed=seed)
        )
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
            next(training.fit("tiny-cxr", Phantom(), SMALL, path, epochs=1, seed=0))


@pytest.mark.parametrize("count", [0, training.BATCH - 1])
def test_training_on_less_than_one_batch_is_refused(tmp_path, count):
    class Few(Handful):
        def load(self, part, *, height, width, limit=None):
            images = super().load(part, height=height, width=width)
            return type(images)(pixels=images.pixels[:count], labels=images.labels[:count], patients=())

    with pytest.raises(DatasetError, match=f"{count} images to train on"):
        next(training.fit("tiny-cxr", Few(), SMALL, tmp_path / "m.keras", epochs=1, seed=0))
