"""The process that turns a file of Keras 2 into a SavedModel, with legacy Keras (``tf_keras``)."""

from __future__ import annotations

import importlib.util
import json
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import ModelError, brief
from orchestrator.models import child, hdf5_file, legacy_names, situations

if TYPE_CHECKING:
    from collections.abc import Iterator


def is_installed() -> bool:
    """Check whether legacy Keras is there."""
    return importlib.util.find_spec("tf_keras") is not None


def how_to_install() -> str:
    """Return the command; without ``--no-deps`` pip would put a second TensorFlow over ``tensorflow-cpu``."""
    try:
        release = ".".join(version("tensorflow-cpu").split(".")[:2])
    except ModuleNotFoundError:
        release = ".".join(version("tensorflow").split(".")[:2])
    return f"pip install --no-deps tf_keras~={release}.0"


def export(path: Path, folder: Path) -> None:
    """Write the model in the file at ``path`` as a SavedModel to ``folder``; raises `ModelError`."""
    refuse_code(path)
    child.ask(__name__, {"path": str(path), "folder": str(folder)}, str(path))


def refuse_code(path: Path) -> None:
    """Raise `ModelError` where the file at ``path`` names Python code, a class or function that does more than compute, or another file.

    Legacy Keras runs the code of a Lambda layer in an ``.h5`` file whatever ``safe_mode`` is, and calls any function that
    TensorFlow exports: one fetches a file from an address, another loads the model in it.
    """
    for value in _objects(_config(path)):
        for key, name in value.items():
            if key.endswith("activation") and isinstance(name, str) and name not in legacy_names.ACTIVATIONS:
                raise _unknown(path, name)
        if "class_name" in value:
            _refuse_class(path, value)


def _refuse_class(path: Path, value: dict[str, Any]) -> None:
    name, module, settings = value["class_name"], value.get("module"), value.get("config")
    if name in ("Lambda", "__lambda__"):
        raise situations.translated(Exception("a lambda is unsafe"), situations.LOADING, ModelError, str(path))
    if name == "function":
        is_known = isinstance(settings, str) and settings in legacy_names.ACTIVATIONS
        if not is_known or not legacy_names.ACTIVATION_PACKAGES.fullmatch(str(module)):
            raise _unknown(path, settings)
    elif not legacy_names.is_class(name) or (module is not None and not legacy_names.PACKAGES.fullmatch(str(module))):
        raise _unknown(path, name)
    if name in legacy_names.OPERATORS:
        function = settings.get("function") if isinstance(settings, dict) else None
        if not legacy_names.is_operator(function):
            raise ModelError(
                f"{path}: it calls TensorFlow's function {str(function)[:80]!r}, and farm runs no such function from files",
                hint=situations.EXPORT,
            )


def _unknown(path: Path, name: object) -> ModelError:
    return ModelError(
        f"{path}: it has a layer or function of your own, or one that farm loads from no file: {str(name)[:80]!r}",
        hint=situations.EXPORT,
    )


def _config(path: Path) -> Any:
    """Return the configuration that legacy Keras will read; a file that is HDF5 and ZIP at once has two."""
    try:
        if path.suffix == ".keras" and zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if (weights := "model.weights.h5") in archive.namelist():
                    with archive.open(weights) as content:
                        hdf5_file.refuse_other_files(path, content)
                config = json.loads(archive.read("config.json"))
            # what a model was compiled with is not loaded
            return config | {"compile_config": None} if isinstance(config, dict) else config
        import h5py

        hdf5_file.refuse_other_files(path)
        with h5py.File(path) as file:
            return json.loads(file.attrs.get("model_config", "null"))
    except (OSError, KeyError, ValueError, TypeError, RecursionError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path}: its configuration can't be read: {brief(error)}") from error


def _objects(config: Any) -> Iterator[dict[str, Any]]:
    """Yield every object, however deep."""
    left = [config]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            yield value
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)


def _write(path: Path, folder: Path) -> None:
    """Export in this process; raises `ModelError`."""
    import tensorflow as tf
    import tf_keras
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    try:
        model = tf_keras.models.load_model(path, compile=False)
        names = list(model.output_names)
        inputs = [tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.name.split(":")[0]) for tensor in model.inputs]
        frozen = convert_variables_to_constants_v2(
            tf.function(lambda *images: tf.nest.flatten(model(list(images), training=False))).get_concrete_function(
                *inputs
            )
        )

        @tf.function(input_signature=inputs)  # type: ignore[untyped-decorator]  # TensorFlow has no types
        def serve(*images: Any) -> dict[str, Any]:
            return dict(zip(names, frozen(*images), strict=True))

        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(tf.Module(), str(folder), signatures=serve, options=options)
    except Exception as error:  # Keras and TensorFlow raise what they like
        raise situations.translated(
            error, situations.LOADING, ModelError, str(path), "legacy Keras can't load it: "
        ) from error


if __name__ == "__main__":
    sys.exit(child.answer(lambda order: _write(Path(order["path"]), Path(order["folder"]))))
