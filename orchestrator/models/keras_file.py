"""A trained Keras model of the user's: a ``.keras`` or ``.h5`` file, or a SavedModel folder."""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
import zlib
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import FarmError, ModelError
from orchestrator.models import (
    classifier,
    hdf5_file,
    hdf5_operators,
    keras_config,
    legacy_keras,
    model_file,
    precision,
    saved_model,
    saved_model_process,
    situations,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.domain.model import Preprocess
    from orchestrator.models.base import Form
    from orchestrator.models.classifier import Shape
    from orchestrator.models.keras_source import KerasSource

FILES = (".keras", ".h5", ".hdf5")

#: Ending of other files of models -> how they become one that farm takes.
OTHER_FILES = {
    ".onnx": "leave `kind: keras` out: farm measures an .onnx file as it is",
    ".pt": "export it to ONNX: torch.onnx.export(model, images, 'mine.onnx')",
    ".pth": "export it to ONNX: torch.onnx.export(model, images, 'mine.onnx')",
    ".tflite": "leave `kind: keras` out: farm measures a .tflite file as it is",
    ".pb": "name the folder that saved_model.pb is in",
}

#: Of a ``.keras`` file.
WEIGHTS = "model.weights.h5"


class KerasFile:
    """The model at ``path``; ``preprocess`` says what it expects of an image, ``output`` which of several outputs is scored.

    No Python in the file is executed: Lambda layers are refused, and so are layers of the user's own. A SavedModel is a
    program of TensorFlow's operators all the same; load none that you would not run.
    """

    formats: tuple[Form, ...] = ("saved_model", "keras")

    def __init__(self, path: str, *, output: str | None = None, preprocess: Preprocess | None = None) -> None:
        self._path = Path(path)
        self._output = output
        if not self._path.exists():
            raise ModelError(f"{path}: no such file", hint=model_file.RELATIVE)
        self._is_saved_model = (self._path / "saved_model.pb").is_file()
        if not self._is_saved_model and (self._path.is_dir() or self._path.suffix not in FILES):
            raise ModelError(
                f"{path}: neither {', '.join((*FILES, '.tflite', '.onnx'))} nor a SavedModel folder (with saved_model.pb in it)",
                hint=OTHER_FILES.get(self._path.suffix),
            )
        if preprocess is None:
            raise ModelError(
                f"{path}: the suite does not say what the model expects of an image",
                hint="add `preprocess: {size: 224, channels: 3, scale: …, mean: …, std: …}` to the model",
            )
        if not self._is_saved_model:
            model_file.check(self._path)
        self.preprocess = preprocess
        if self._is_saved_model:  # what TFSMLayer saves is the path of the SavedModel, which no device has
            self.formats = ("saved_model",)

    def sha256(self) -> str:
        """Hash the file, or every file of the folder with its name; and which output is scored, where that is named."""
        digest = hashlib.sha256()
        files = sorted(self._path.rglob("*")) if self._path.is_dir() else [self._path]
        for path in files:
            if path.is_file():
                digest.update(str(path.relative_to(self._path.parent)).encode(errors="surrogateescape") + b"\0")
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
        if self._output is not None:
            digest.update(b"output " + self._output.encode())
        return digest.hexdigest()

    def check_ends(self) -> int | None:
        """Return how many scores an image gets, ``None`` where the file does not tell; raises `ModelError` for another image."""
        ends = saved_model_process.ends(self._path) if self._is_saved_model else keras_config.ends(self._path)
        if ends.inputs is not None:
            self._check_input(ends.inputs, (self.preprocess.height, self.preprocess.width, self.preprocess.channels))
        return ends.columns

    def image_sides(self) -> Shape:
        """Return the sides of the input as the file says them, ``None`` where one is free; raises `ModelError`."""
        if self._is_saved_model:
            inputs = [tensor.shape for tensor in saved_model.signature(self._path).inputs.values()]
        else:
            inputs = [tuple(tensor.shape)[1:] for tensor in self._from_file(None).inputs]
        return inputs[0] if inputs else ()

    def load(self) -> KerasSource:
        """Return the model; raises `ModelError` in one sentence where it can't be loaded or takes other images."""
        how = self.preprocess
        expected = (how.height, how.width, how.channels)
        model = self._from_saved_model(self._path, expected) if self._is_saved_model else self._from_file(expected)
        return classifier.scored(model, str(self._path), expected, self._output)

    def _from_saved_model(self, folder: Path, expected: tuple[int, int, int] | None) -> Any:
        signed = saved_model.signature(folder)
        shapes = [tensor.shape for tensor in signed.inputs.values()]
        if expected is not None:
            self._check_input(shapes, expected)
        try:
            return saved_model.model(folder, signed, expected or shapes[0])
        except Exception as error:  # Keras and TensorFlow raise what they like
            raise self._translated(error) from error

    def _read(self) -> Any:
        import keras

        try:
            return keras.models.load_model(self._path, compile=False, safe_mode=True)
        except ValueError as error:
            if hdf5_operators.REFUSAL not in str(error) or self._path.suffix == ".keras":
                raise
        return keras.models.load_model(
            self._path, compile=False, safe_mode=True, custom_objects=hdf5_operators.by_name()
        )

    def _from_file(self, expected: tuple[int, int, int] | None) -> Any:
        self._refuse_other_files()
        try:
            model = self._read()
            if getattr(model, "inputs", None):  # a Sequential without any says so with an AttributeError
                if expected is not None:
                    self._check_input([tuple(tensor.shape)[1:] for tensor in model.inputs], expected)
                return precision.in_float32(model)
        except ModelError:
            raise
        except Exception as error:  # Keras raises what it likes
            if self._is_of_keras_2 and legacy_keras.is_installed():
                return self._from_legacy(expected)
            raise self._translated(error) from error
        raise ModelError(
            f"{self._path}: it was saved before it was built, or is a subclass of keras.Model without fixed inputs",
            hint="save it after training, or give farm a SavedModel: `model.export('folder')`",
        )

    def _check_input(self, inputs: Sequence[Shape], expected: tuple[int, int, int]) -> None:
        how = {}
        if self._is_saved_model:
            layer = f"keras.layers.TFSMLayer('{self._path.name}', call_endpoint='serving_default')"
            how = {"wrapped": layer, "save": ".export('nhwc')"}
        classifier.check_input(inputs, expected, str(self._path), **how)

    def _refuse_other_files(self) -> None:
        if self._path.suffix != ".keras":
            hdf5_file.refuse_other_files(self._path)
            return
        try:
            with zipfile.ZipFile(self._path) as archive:
                inside = io.BytesIO(archive.read(WEIGHTS)) if WEIGHTS in archive.namelist() else None
        except (OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
            raise self._translated(error) from error
        if inside is not None:
            hdf5_file.refuse_other_files(self._path, inside)

    @property
    def _is_of_keras_2(self) -> bool:
        return not self._is_saved_model and (model_file.keras_version(self._path) or "").startswith("2.")

    def _from_legacy(self, expected: tuple[int, int, int] | None) -> Any:
        with tempfile.TemporaryDirectory() as folder:
            legacy_keras.export(self._path, Path(folder))
            return self._from_saved_model(Path(folder), expected)

    def _translated(self, error: Exception) -> FarmError:
        wrote = None if self._is_saved_model else model_file.keras_version(self._path)
        if self._is_of_keras_2:
            return ModelError(
                f"{self._path}: saved by Keras 2 (keras_version {wrote}), and Keras 3 can't load it",
                hint=f"let farm load it with legacy Keras: {legacy_keras.how_to_install()}",
            )
        subject = str(self._path)
        refusal = situations.translated(error, situations.LOADING, ModelError, subject, "Keras can't load it: ")
        if refusal.hint is None and wrote is not None and _numbers(wrote) > _numbers(version("keras")):
            refusal.hint = f"Keras {wrote} wrote it, here is {version('keras')}: pip install --upgrade keras"
        return refusal


def _numbers(version_text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version_text.split(".")[:2] if part.isdigit())
