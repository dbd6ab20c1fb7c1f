"""A file of weights alone, put into an architecture."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from orchestrator.errors import ModelError, brief
from orchestrator.models import hdf5_file, model_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Layers that a refusal lists.
_LISTED = 5

Shapes = tuple[tuple[int, ...], ...]


def load(model: Any, path: Path) -> None:
    """Give ``model`` the weights in the file at ``path``; raises `ModelError` that lists what does not fit.

    Files are ``.weights.h5`` of Keras 3 or the ``.h5`` of Keras 2's ``save_weights``, by the order of layers.
    """
    with path.open("rb") as file:
        start = file.read(64)
    if not start.startswith(model_file.HDF5):
        model_file.refuse_what_is_no_model(path, start)
        raise ModelError(
            f"{path}: it is no file of weights (HDF5)", hint="save them: `model.save_weights('m.weights.h5')`"
        )
    hdf5_file.refuse_other_files(path)
    try:
        in_file = list(_layers(path))
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise ModelError(f"{path}: it is damaged: {brief(error)}", hint="copy it again") from error
    if in_file:
        in_model = [(layer.name, _shapes(layer.weights)) for layer in model.layers if layer.weights]
        _refuse_misfits(path, in_file, in_model)
    try:
        model.load_weights(path)
    except Exception as error:  # Keras raises what it likes
        raise ModelError(
            f"{path}: its weights are not those of {model.name}: {brief(error)}",
            hint="`architecture`, `outputs` and channels must be those it was trained with",
        ) from error


def _layers(path: Path) -> Iterator[tuple[str, Shapes]]:
    """Yield the layers with weights of a file that Keras 2 wrote, in order; nothing for Keras 3, which matches them itself."""
    import h5py

    with h5py.File(path) as file:
        top = file.get("model_weights", file)
        for name in map(_text, top.attrs.get("layer_names", ())):
            weights = [top[name][_text(each)] for each in top[name].attrs["weight_names"]]
            if weights:
                yield name, _shapes(weights)


def _refuse_misfits(path: Path, in_file: list[tuple[str, Shapes]], in_model: list[tuple[str, Shapes]]) -> None:
    nothing: tuple[str, Shapes] = ("nothing", ())
    pairs = list(itertools.zip_longest(in_file, in_model, fillvalue=nothing))
    wrong = [(theirs, ours) for theirs, ours in pairs if theirs[1] != ours[1]]
    if not wrong:
        return
    listed = "; ".join(
        f"{theirs[0]} {_shown(theirs[1])} for {ours[0]} {_shown(ours[1])}" for theirs, ours in wrong[:_LISTED]
    )
    more = f"; and {len(wrong) - _LISTED} more" if len(wrong) > _LISTED else ""
    raise ModelError(
        f"{path}: {len(wrong)} of {len(pairs)} layers do not fit (in the file, in the architecture): {listed}{more}",
        hint="`architecture`, `outputs` and channels must be those it was trained with",
    )


def _shapes(weights: Any) -> Shapes:
    return tuple(tuple(int(side) for side in each.shape) for each in weights)


def _shown(shapes: Shapes) -> str:
    return " ".join("×".join(map(str, shape)) for shape in shapes) or "-"


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
