"""A Keras model held to one image in, one vector of scores out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.errors import ModelError, no_such
from orchestrator.models import scored_outputs
from orchestrator.models.keras_source import KerasSource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Shape = tuple[int | None, ...]


def check_input(
    inputs: Sequence[Shape],
    expected: tuple[int, int, int],
    subject: str,
    *,
    wrapped: str = "model",
    save: str = ".save('nhwc.keras')",
) -> None:
    """Raise `ModelError` about ``subject`` where ``inputs``, without the batch, are not one image of the ``expected`` sides.

    ``wrapped`` and ``save`` are what a hint calls the model, and how it is saved.
    """
    if len(inputs) != 1 or len(inputs[0]) != 3:
        shapes = ", ".join(map(str, inputs))
        raise ModelError(f"{subject}: its inputs are {shapes}; farm feeds one image (height, width, channels)")
    shape = inputs[0]
    if shape[0] in (1, 3) and shape[2] not in (1, 3):
        height, width, channels = shape[1], shape[2], shape[0]
        raise ModelError(
            f"{subject}: it takes {shape}, channels first (NCHW); farm feeds (height, width, channels)",
            hint=f"put a Permute before it: keras.Sequential([keras.Input(({height}, {width}, {channels})), "
            f"keras.layers.Permute((3, 1, 2)), {wrapped}]), then {save}",
        )
    if any(side not in (None, wanted) for side, wanted in zip(shape, expected, strict=True)):
        raise ModelError(
            f"{subject}: it takes {shape}, the suite's `preprocess:` gives {expected}",
            hint="correct size and channels in the suite",
        )


def scored(model: Any, subject: str, expected: tuple[int, int, int], output: str | None) -> KerasSource:
    """Return a Keras model whose input was checked, with ``output`` as its scores; raises `ModelError` about ``subject``."""
    chosen, classes = _scores(model, subject, output)
    if None in chosen.inputs[0].shape[1:]:
        import keras

        image = keras.Input(expected, name="image")
        chosen = keras.Model(image, chosen(image))
    return KerasSource(chosen, classes)


def _scores(model: Any, subject: str, name: str | None) -> tuple[Any, tuple[str, ...] | None]:
    """Return the model with one output, the scores, and their names where the model has an output for each.

    Raises `ModelError` where it is unclear what the scores are.
    """
    import keras

    outputs = _named(model)
    shapes = {name: tuple(tensor.shape)[1:] for name, tensor in outputs.items()}
    shown = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
    if name is None and len(outputs) > 1:
        if set(shapes.values()) == {(1,)} and all("float" in str(tensor.dtype) for tensor in outputs.values()):
            together = keras.layers.Concatenate(name="scores")(list(outputs.values()))
            return keras.Model(model.inputs[0], together), tuple(outputs)
        raise scored_outputs.unclear(subject, shown, list(outputs))
    name = name or next(iter(outputs))
    if name not in outputs:
        raise ModelError(f"{subject}: {no_such('output', name, outputs)}")
    tensor, shape = outputs[name], shapes[name]
    if len(shape) != 1 or shape[0] is None:
        raise ModelError(f"{subject}: its output is {shown}; farm reads one vector of scores (classes,)")
    if "float" not in str(tensor.dtype):
        raise ModelError(
            f"{subject}: its output {name} is {tensor.dtype}, class numbers instead of scores",
            hint=scored_outputs.NUMBERS_OF_CLASSES,
        )
    structured = isinstance(_structure(model), dict | list | tuple) or isinstance(_input(model), dict | list | tuple)
    if len(outputs) == 1 and not structured:
        return model, None
    return keras.Model(model.inputs[0], tensor), None


def _named(model: Any) -> Mapping[str, Any]:
    """Return the outputs of a Keras model by name: the keys of a dictionary, else the names of their layers."""
    if isinstance(_structure(model), dict):
        return dict(sorted(model.output.items()))
    names = list(getattr(model, "output_names", ()))
    if len(set(names)) != len(model.outputs):
        names = [str(number) for number in range(len(model.outputs))]
    return dict(zip(names, model.outputs, strict=True))


def _structure(model: Any) -> Any:
    """Return the output as the model gives it: a tensor, or a list or dictionary of tensors."""
    return getattr(model, "output", model.outputs[0])  # a Sequential that was never called has none


def _input(model: Any) -> Any:
    """Return the input as the model takes it: a tensor, or a list or dictionary of tensors."""
    return getattr(model, "input", model.inputs[0])
