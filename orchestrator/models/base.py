"""The interface of a model: preprocessing, a hash of its weights, a Keras model on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from orchestrator import registry
from orchestrator.errors import ModelError

if TYPE_CHECKING:
    from orchestrator.domain.model import ModelSpec, Preprocess


class Model(Protocol):
    """A trained classifier, before quantization. Made from ``ModelSpec.options`` as keyword arguments."""

    preprocess: Preprocess

    def sha256(self) -> str:
        """Return a hash of everything the outputs depend on (architecture and weights), without TensorFlow."""
        ...

    def load(self) -> Any:
        """Return the ``keras.Model``: float32 [n, height, width, channels] to scores [n, classes] in 0..1."""
        ...


def make_model(spec: ModelSpec) -> Model:
    """Return the model a suite names; raises `ModelError` naming the option that does not fit, or a missing file."""
    plug_in = registry.find("model", spec.kind)
    wrong = registry.misfit(plug_in, spec.options)
    if wrong is not None:
        raise ModelError(f"model {spec.name}: {wrong}")
    return cast("Model", plug_in(**spec.options, preprocess=spec.preprocess))
