"""A trained Keras model of the user's: a ``.keras`` or ``.h5`` file, or a SavedModel folder."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import ModelError

if TYPE_CHECKING:
    from orchestrator.domain.model import Preprocess

FILES = (".keras", ".h5", ".hdf5")
#: How Keras 3 names a class or function that it does not have, in ``.keras`` and in ``.h5`` files.
OWN_LAYER = re.compile(
    r"(?:Could not locate (?:class|function)|Unknown (?:layer|object|activation function):) '?(\w+)'?"
)


class KerasFile:
    """The model at ``path``; ``preprocess`` says what it expects of an image.

    No Python in the file is executed: Lambda layers are refused, and so are layers of the user's own. A SavedModel is a
    program of TensorFlow's operators all the same; load none that you would not run.
    """

    def __init__(self, path: str, *, preprocess: Preprocess | None = None) -> None:
        self._path = Path(path)
        if not self._path.exists():
            raise ModelError(f"{path}: no such file", hint="`path:` in a suite is relative to the suite's own folder")
        self._is_saved_model = (self._path / "saved_model.pb").is_file()
        if not self._is_saved_model and (self._path.is_dir() or self._path.suffix not in FILES):
            raise ModelError(f"{path}: neither {', '.join(FILES)} nor a SavedModel folder (with saved_model.pb in it)")
        if preprocess is None:
            raise ModelError(
                f"{path}: the suite does not say what the model expects of an image",
                hint="add `preprocess: {size: 224, channels: 3, scale: …, mean: …, std: …}` to the model",
            )
        self.preprocess = preprocess

    def sha256(self) -> str:
        """Hash the file, or every file of the folder with its name."""
        digest = hashlib.sha256()
        files = sorted(self._path.rglob("*")) if self._path.is_dir() else [self._path]
        for path in files:
            if path.is_file():
                digest.update(str(path.relative_to(self._path.parent)).encode() + b"\0")
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def load(self) -> Any:
        """Return the Keras model; raises `ModelError` in Keras's own words, or where its input has another shape."""
        import keras

        said = self.preprocess
        expected = (said.height, said.width, said.channels)
        try:
            if self._is_saved_model:
                layer = keras.layers.TFSMLayer(self._path, call_endpoint="serving_default")
                inputs = keras.layers.Input(expected)
                outputs = layer(inputs)
                model = keras.Model(inputs, next(iter(outputs.values())) if isinstance(outputs, dict) else outputs)
            else:
                model = keras.models.load_model(self._path, compile=False, safe_mode=True)
        except Exception as error:
            unknown = OWN_LAYER.search(str(error))
            if unknown is not None:
                raise ModelError(
                    f"{self._path}: it has a layer or function of your own, {unknown[1]!r}, and farm runs no code from files",
                    hint="give farm a SavedModel instead: `model.export('folder')` where that code is",
                ) from error
            words = str(error).strip() or type(error).__name__
            raise ModelError(f"{self._path}: Keras can't load it: {words.splitlines()[0]}") from error
        self._fits(model, expected)
        return model

    def _fits(self, model: Any, expected: tuple[int, int, int]) -> None:
        if not getattr(model, "inputs", None):  # a Sequential says so with an AttributeError
            raise ModelError(
                f"{self._path}: it was saved before it was built, or is a subclass of keras.Model without fixed inputs",
                hint="save it after training, or give farm a SavedModel: `model.export('folder')`",
            )
        inputs, outputs = (_shapes(tensors) for tensors in (model.inputs, model.outputs))
        if len(inputs) != 1 or len(inputs[0]) != 3:
            raise ModelError(f"{self._path}: its inputs are {inputs}; farm feeds one image (height, width, channels)")
        if any(own not in (None, wanted) for own, wanted in zip(inputs[0], expected, strict=True)):
            raise ModelError(
                f"{self._path}: it takes {inputs[0]}, the suite's `preprocess:` gives {expected}",
                hint="correct size and channels in the suite",
            )
        if len(outputs) != 1 or len(outputs[0]) != 1 or outputs[0][0] is None:
            raise ModelError(f"{self._path}: its outputs are {outputs}; farm reads one vector of scores (classes,)")


def _shapes(tensors: Any) -> list[tuple[int | None, ...]]:
    """Return shapes without the batch."""
    return [tuple(tensor.shape)[1:] for tensor in tensors]
