"""A Keras model in memory, as schemes convert it."""

from __future__ import annotations

import json
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.errors import ModelError
from orchestrator.models import held_preprocessing, situations

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from orchestrator.models.base import Form
    from orchestrator.models.held_preprocessing import Held


class KerasSource:
    """A ``keras.Model`` with one image as input, one vector of scores as output; ``classes`` are their names, where known."""

    def __init__(self, model: Any, classes: tuple[str, ...] | None = None) -> None:
        self.keras = model
        self.classes = classes
        self._frozen: dict[int, Any] = {}

    @property
    def held(self) -> tuple[Held, ...]:
        """Preprocessing that the model does itself."""
        return held_preprocessing.of_keras(self.keras)

    @property
    def columns(self) -> int:
        """Scores of an image."""
        return int(self.keras.outputs[0].shape[-1])

    @property
    def weights(self) -> int:
        """Parameters, trained or not."""
        return int(self.keras.count_params())

    def scores(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the model's own float32 scores [n, columns]; raises `ModelError` where they are not finite numbers."""
        batch = self._batch or max(len(images), 1)
        blocks = [images[start : start + batch] for start in range(0, len(images), batch)]
        try:
            scores: NDArray[np.float32] = np.concatenate([self._block(block) for block in blocks])
        except Exception as error:  # Keras and TensorFlow raise what they like
            raise situations.translated(error, situations.SCORING, ModelError, "the model") from error
        if not np.isfinite(scores).all():
            raise ModelError("the model itself gives scores that are not finite numbers")
        return scores

    @property
    def _batch(self) -> int | None:
        """Images that the model takes at once, ``None`` where that is free."""
        batch = self.keras.inputs[0].shape[0]
        return None if batch is None else int(batch)

    def _block(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return scores of one batch, filled up with repeated images where the model's batch is fixed."""
        whole = np.resize(images, (self._batch or len(images), *images.shape[1:]))
        scores: NDArray[np.float32] = np.asarray(self.keras(whole, training=False), np.float32)
        return scores[: len(images)]

    def write(self, form: Form, batch: int, path: Path) -> None:
        """Write a SavedModel folder or a ``.keras`` file with a fixed batch; raises `ModelError` where it has another."""
        if self._batch not in (None, batch):
            raise ModelError(
                f"the model takes {self._batch} images at once, the suite asks for batches of {batch}",
                hint=f"say `batches: {self._batch}`, or save the model with a free batch (None)",
            )
        if form == "keras":
            self._save(batch, path)
        elif form == "saved_model":
            self._export(batch, path)
        else:
            raise ModelError(f"a Keras model can't be written as {form}")

    def _save(self, batch: int, path: Path) -> None:
        import keras

        if any(isinstance(layer, keras.layers.TFSMLayer) for layer in self.keras.layers):
            raise ModelError("a SavedModel, or a file of Keras 2, can't be saved as a Keras model")
        image = keras.Input(batch_shape=(batch, *self.keras.inputs[0].shape[1:]), name="image")
        saved = path.with_suffix(".keras")  # Keras requires this ending
        # a name of its own: that which Keras gives counts the models that were made before
        keras.Model(image, self.keras(image, training=False), name="artifact").save(saved)
        _write_without_dates(saved, path)
        saved.unlink()

    def _export(self, batch: int, folder: Path) -> None:
        import tensorflow as tf

        # custom gradients are for training; those of silu end the export: "Found invalid capture … when saving"
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(tf.Module(), str(folder), signatures=self._signature(batch), options=options)

    def _signature(self, batch: int) -> Any:
        """Return the model as one frozen function: variables would be saved beside it, and converted less well."""
        if batch in self._frozen:
            return self._frozen[batch]
        import tensorflow as tf
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

        model = self.keras
        spec = tf.TensorSpec([batch, *model.inputs[0].shape[1:]], tf.float32, name="image")
        frozen = convert_variables_to_constants_v2(
            tf.function(lambda image: model(image, training=False)).get_concrete_function(spec)
        )

        @tf.function(input_signature=[spec])  # type: ignore[untyped-decorator]  # TensorFlow has no types
        def serve(image: Any) -> Mapping[str, Any]:
            return {"scores": frozen(image)[0]}

        self._frozen[batch] = serve
        return serve


def _write_without_dates(saved: Path, path: Path) -> None:
    """Write the ``.keras`` file at ``saved`` to ``path`` without the time when it was saved: the same model gives the same bytes."""
    with zipfile.ZipFile(saved) as dated, zipfile.ZipFile(path, "w") as plain:
        for name in dated.namelist():
            content = dated.read(name)
            if name == "metadata.json":
                content = json.dumps({**json.loads(content), "date_saved": ""}).encode()
            plain.writestr(zipfile.ZipInfo(name), content)
