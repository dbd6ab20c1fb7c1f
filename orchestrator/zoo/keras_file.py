"""A trained Keras model of the user's: a ``.keras`` or ``.h5`` file, or a SavedModel folder."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import ModelError

if TYPE_CHECKING:
    from orchestrator.domain.model import Preprocess

FILES = (".keras", ".h5", ".hdf5")


class KerasFile:
    """The model at ``path``; ``preprocess`` says what it expects of an image.

    Nothing in the file is executed: models with Lambda layers, which carry Python code, are refused.
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
            raise ModelError(f"{self._path}: Keras can't load it: {str(error).strip().splitlines()[0]}") from error
        shapes = [tuple(tensor.shape) for tensor in model.inputs]
        if len(shapes) != 1 or len(shapes[0]) != 4:
            raise ModelError(f"{self._path}: its inputs are {shapes}; farm feeds one image [height, width, channels]")
        if any(own not in (None, wanted) for own, wanted in zip(shapes[0][1:], expected, strict=True)):
            raise ModelError(
                f"{self._path}: it takes {shapes[0][1:]}, the suite's `preprocess:` gives {expected}",
                hint="correct size and channels in the suite",
            )
        return model
