"""The interface of a model: preprocessing, a hash of its weights, its own scores, the forms that schemes convert."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, cast

from orchestrator import registry
from orchestrator.config import plugin_options
from orchestrator.errors import ModelError, UnknownName

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.domain.model import ModelSpec, Preprocess

#: ``saved_model``: a folder with one signature, ``image`` to ``scores``; ``keras``: a ``.keras`` file; ``tflite``: a
#: ready ``.tflite``; ``onnx``: a ready ``.onnx``. All but the last have a fixed batch.
Form = Literal["saved_model", "keras", "tflite", "onnx"]
#: Form -> what a message calls it.
FORM_NAMES: Mapping[Form, str] = {
    "saved_model": "a SavedModel",
    "keras": "a Keras model",
    "tflite": "a ready .tflite file",
    "onnx": "a ready .onnx file",
}


#: Form -> the schemes that a model of that form is measured with where a suite names none.
DEFAULT_SCHEMES: Mapping[Form, tuple[str, ...]] = {
    "saved_model": ("float32", "dynamic", "float16", "int8"),
    "keras": ("keras",),
    "tflite": ("as-is",),
    "onnx": ("as-is",),
}


class Source(Protocol):
    """A trained model in memory; one of several outputs has their names as ``classes``.

    One whose artifacts have several outputs has the numbers of those to read as ``reads``.
    """

    #: Scores of an image.
    columns: int
    #: Parameters, trained or not.
    weights: int

    def scores(self, images: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the model's own float32 scores [n, columns] of preprocessed images [n, height, width, channels].

        Raises `ModelError` where they are not finite numbers.
        """
        ...

    def write(self, form: Form, batch: int, path: Path) -> None:
        """Write the model to ``path``, its batch fixed; ``form`` is one of the model's `Model.formats`."""
        ...


class Model(Protocol):
    """A trained classifier, before quantization. Made from ``ModelSpec.options`` as keyword arguments.

    A kind whose files say what image they take may have a static method ``image_shape``: of the options, (height, width,
    channels), ``None`` for a height or width that is free. A suite may then leave ``size`` and ``channels`` out, and is refused where it gives others. A kind with a static
    method ``name_of`` (of the suite's name or ``None``, and the options) names its models. A model whose ``trained`` is false is
    not held to its own scores when artifacts are built. A model with ``classes`` names the columns of its output, ``None`` for
    one without a name, and is matched to a dataset's classes by them. A model's method ``check_ends`` says before anything is built how many
    scores an image gets (``None`` where its file does not tell), and raises `ModelError` where it takes other images; its method ``score_names``
    returns then what outputs of one score each are called.
    A model with ``tools`` states what converts it beside TensorFlow; a kind with a static method ``unwritable`` (of a form) says
    why this machine can't write its models so.
    """

    preprocess: Preprocess
    #: What `Source.write` can write of it.
    formats: tuple[Form, ...]

    def sha256(self) -> str:
        """Return a hash of everything the outputs depend on (architecture and weights), without TensorFlow."""
        ...

    def load(self) -> Source:
        """Read the model into memory; raises `ModelError` where it can't be read or takes other images."""
        ...


def forms_of(kind: str) -> tuple[Form, ...]:
    """Return what models of ``kind`` can be written as, before one is made; none where the plug-in does not say."""
    try:
        plug_in = registry.find("model", kind)
    except UnknownName:
        return ()
    return tuple(getattr(plug_in, "formats", ()))


def unwritable(kind: str, form: Form) -> str | None:
    """Return why models of ``kind`` can't be written as ``form`` on this machine, ``None`` where they can."""
    why = getattr(registry.find("model", kind), "unwritable", None)
    return None if why is None else cast("str | None", why(form))


def default_schemes(kind: str) -> tuple[str, ...]:
    """Return the schemes that models of ``kind`` are measured with where a suite names none."""
    return DEFAULT_SCHEMES[next(iter(forms_of(kind)), "saved_model")]


def make_model(spec: ModelSpec) -> Model:
    """Return the model that a suite names; raises `ModelError` naming the option that does not fit, or a missing file."""
    plug_in = registry.find("model", spec.kind)
    wrong = plugin_options.complaint(plug_in, spec.options)
    if wrong is not None:
        package = "" if spec.kind in registry.BUILT_IN["model"] else f" ({registry.label('model', spec.kind)})"
        raise ModelError(f"model {spec.name}{package}: {wrong.words}")
    return cast("Model", registry.make("model", spec.kind, **spec.options, preprocess=spec.preprocess))
