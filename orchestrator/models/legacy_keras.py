"""The process that turns a file of Keras 2 into a SavedModel, with legacy Keras (``tf_keras``)."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import ModelError, brief
from orchestrator.models import child, situations

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Packages below ``keras`` that a file's classes may come from; legacy Keras imports any module that a file names.
PACKAGES = re.compile(
    r"builtins|(?:tf_)?keras(?:\.src)?(?:\.(?:activations|constraints|engine|initializers|layers|losses|metrics|mixed_precision"
    r"|models|optimizers|regularizers)(?:\.\w+)*)?"
)
#: Functions of TensorFlow's that Keras 2 names in a file (``TFOpLambda``) and that only compute.
ARITHMETIC = ("__operators__.", "math.", "nn.", "image.", "linalg.", "signal.", "keras.")
FUNCTIONS = frozenset(
    {"add", "cast", "clip_by_value", "concat", "convert_to_tensor", "expand_dims", "gather", "identity", "maximum"}
    | {"minimum", "multiply", "ones_like", "pad", "reshape", "reverse", "shape", "slice", "split", "squeeze", "stack"}
    | {"strided_slice", "subtract", "tile", "transpose", "unstack", "where", "zeros_like", "compat.v1.shape"}
)


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
    """Raise `ModelError` where the file at ``path`` names Python code, or a function that does more than compute.

    Legacy Keras runs the code of a Lambda layer in an ``.h5`` file whatever ``safe_mode`` is.
    """
    for layer in _layers(_config(path)):
        name, module, settings = layer["class_name"], layer.get("module"), layer.get("config")
        if name in ("Lambda", "__lambda__"):
            raise situations.translated(Exception("a lambda is unsafe"), situations.LOADING, ModelError, str(path))
        if module is not None and not PACKAGES.fullmatch(str(module)):
            unknown = Exception(f"Could not locate class {name!r}")
            raise situations.translated(unknown, situations.LOADING, ModelError, str(path))
        function = settings.get("function") if name == "TFOpLambda" and isinstance(settings, dict) else None
        if function is not None and not (str(function).startswith(ARITHMETIC) or function in FUNCTIONS):
            raise ModelError(
                f"{path}: it calls TensorFlow's function {str(function)[:80]!r}, and farm runs no such function from files",
                hint=situations.EXPORT,
            )


def _config(path: Path) -> Any:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return json.loads(archive.read("config.json"))
        import h5py

        with h5py.File(path) as file:
            return json.loads(file.attrs.get("model_config", "null"))
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise ModelError(f"{path}: its configuration can't be read: {brief(error)}") from error


def _layers(config: Any) -> Iterator[dict[str, Any]]:
    """Yield whatever has a class, however deep."""
    left = [config]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            if "class_name" in value:
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
