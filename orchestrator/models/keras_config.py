"""The ends of a Keras model by the configuration in its file, without Keras."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Shape = tuple[int | None, ...]
#: Layers whose output has as many scores as their input.
_SAME = frozenset(
    {"Activation", "Softmax", "ReLU", "LeakyReLU", "Dropout", "BatchNormalization", "Identity", "Rescaling"}
)
#: Layers that an image meets before the first with weights.
_WEIGHTLESS = frozenset({"InputLayer", "Rescaling", "Resizing", "CenterCrop", "ZeroPadding2D", "Identity"})
_MODELS = ("Functional", "Sequential", "Model")
#: Models inside models; a file nests no deeper than that.
_DEEPEST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """The ends of a model, as far as its configuration tells."""

    #: Of each input without the batch; ``None`` where the configuration does not tell.
    inputs: tuple[Shape, ...] | None = None
    #: Scores of an image.
    columns: int | None = None


def ends(path: Path) -> Ends:
    """Return the ends of the model in a ``.keras`` or ``.h5`` file; what can't be read is left to Keras."""
    try:
        config = _read(path)
        return Ends(inputs=_inputs(config, _DEEPEST), columns=_columns(config, _DEEPEST))
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, zipfile.BadZipFile):
        return Ends()


def first_layers(path: Path) -> tuple[Mapping[str, Any], ...]:
    """Return the layers of the model in a ``.keras`` or ``.h5`` file up to the first with weights, models within it opened.

    Each is Keras's own description; none where the file can't be read so.
    """
    try:
        found: list[Mapping[str, Any]] = []
        for layer in _chain(_read(path), _DEEPEST):
            if layer["class_name"] not in _WEIGHTLESS:
                break
            found.append(layer)
        return tuple(found)
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, zipfile.BadZipFile):
        return ()


def _chain(config: Mapping[str, Any], deepest: int) -> Iterator[Mapping[str, Any]]:
    for layer in _layers(config):
        if layer["class_name"] in _MODELS and deepest:
            yield from _chain(layer, deepest - 1)
        else:
            yield layer


def _read(path: Path) -> Mapping[str, Any]:
    if path.suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            return dict(json.loads(archive.read("config.json")))
    import h5py

    with h5py.File(path) as file:
        return dict(json.loads(file.attrs["model_config"]))


def _layers(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    inner = config["config"]
    return list(inner if isinstance(inner, list) else inner["layers"])  # a list: the first Keras 2


def _inputs(model: Mapping[str, Any], deepest: int) -> tuple[Shape, ...] | None:
    layers = _layers(model)
    if model["class_name"] == "Sequential":
        first = layers[0]
        if first["class_name"] in _MODELS and deepest:
            return _inputs(first, deepest - 1)
        shape = _batch_shape(first)
        return None if shape is None else (shape,)
    names = _ends_of(model["config"]["input_layers"])
    shapes = [_batch_shape(layer) for layer in layers if layer["config"]["name"] in names]
    return tuple(shape for shape in shapes if shape is not None) if None not in shapes else None


def _batch_shape(layer: Mapping[str, Any]) -> Shape | None:
    config = layer["config"]
    shape = config.get("batch_shape") or config.get("batch_input_shape")
    return None if shape is None else tuple(None if side is None else int(side) for side in shape[1:])


def _columns(model: Mapping[str, Any], deepest: int) -> int | None:
    layers = _layers(model)
    if model["class_name"] == "Sequential":
        last = next((layer for layer in reversed(layers) if layer["class_name"] not in _SAME), None)
    else:
        names = _ends_of(model["config"]["output_layers"])
        ended = [layer for layer in layers if layer["config"]["name"] in names] if len(names) == 1 else []
        last = ended[0] if ended else None
    if last is None:
        return None
    if last["class_name"] == "Dense":
        return int(last["config"]["units"])
    if last["class_name"] in _MODELS and deepest:
        return _columns(last, deepest - 1)
    return None


def _ends_of(written: Any) -> set[str]:
    """Return the names of layers: of ``["image", 0, 0]``, of a list of such, of a dictionary of them."""
    if isinstance(written, dict):
        return {name for each in written.values() for name in _ends_of(each)}
    if written and isinstance(written[0], str):
        return {written[0]}
    return {name for each in written for name in _ends_of(each)}
