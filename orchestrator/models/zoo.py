"""A known architecture, with weights from a file or none."""

from __future__ import annotations

import hashlib
import inspect
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from orchestrator import registry
from orchestrator.errors import ModelError, no_such
from orchestrator.models import architectures, weights_file
from orchestrator.models.keras_source import KerasSource
from orchestrator.models.shipped import file_sha256

if TYPE_CHECKING:
    from orchestrator.domain.model import Preprocess
    from orchestrator.models.base import Form

#: What the name of a model without weights ends in, so that every table, query and report shows it.
UNTRAINED = "-untrained"


class Zoo:
    """``architecture`` with ``outputs`` scores behind ``head``; ``weights`` is a file of weights alone.

    Without weights the model must be called ``untrained``: it is then measured for its latency, its scores mean nothing.
    """

    formats: tuple[Form, ...] = ("saved_model", "keras")

    def __init__(
        self,
        architecture: str,
        outputs: int,
        *,
        weights: str | None = None,
        untrained: bool = False,
        head: Literal["sigmoid", "softmax"] = "sigmoid",
        seed: int = 0,
        preprocess: Preprocess | None = None,
    ) -> None:
        if architecture not in registry.names("architecture"):
            raise ModelError(no_such("architecture", architecture, registry.names("architecture")))
        if untrained == (weights is not None):
            raise ModelError(
                f"model {architecture}: it needs `weights: FILE`, or `untrained: true` to measure its latency alone"
            )
        if outputs < 1:
            raise ModelError(f"model {architecture}: outputs is {outputs}, at least 1 is needed")
        if preprocess is None:
            raise ModelError(
                f"model {architecture}: the suite does not say what the model expects of an image",
                hint="add `preprocess: {size: 224, channels: 3, scale: …, mean: …, std: …}` to the model",
            )
        architectures.check_sides(architecture, preprocess.height, preprocess.width)
        self._weights = None if weights is None else Path(weights)
        if self._weights is not None and not self._weights.is_file():
            raise ModelError(
                f"{weights}: no such file", hint="`weights:` in a suite is relative to the suite's own folder"
            )
        self._architecture, self._outputs, self._head, self._seed = architecture, outputs, head, seed
        self.preprocess = preprocess
        #: Without trained weights, differences of scores mean nothing.
        self.trained = not untrained

    @staticmethod
    def name_of(name: str | None, options: dict[str, Any]) -> str:
        """Return what the model is called; without weights its name says so."""
        chosen = name or str(options.get("architecture", "zoo"))
        return chosen + UNTRAINED if options.get("untrained") and UNTRAINED not in chosen else chosen

    def sha256(self) -> str:
        """Hash the weights' file and what the options say, or the seed that stands in for weights."""
        weights = f"seed {self._seed}" if self._weights is None else file_sha256(self._weights)
        how = self.preprocess
        sides = how.height, how.width, how.channels
        identity = json.dumps([self._architecture, self._outputs, self._head, sides, weights])
        return hashlib.sha256(identity.encode()).hexdigest()

    def check_ends(self) -> int:
        """Return how many scores an image gets."""
        return self._outputs

    def load(self) -> KerasSource:
        """Return the Keras model; raises `ModelError` with the list of what does not fit."""
        import keras

        function, how = registry.find("architecture", self._architecture), self.preprocess
        settings = {"activation": self._head} if "activation" in inspect.signature(function).parameters else {}
        if self._head != "sigmoid" and not settings:
            raise ModelError(f"architecture {self._architecture} ends in sigmoids alone; leave `head:` out")
        keras.utils.set_random_seed(self._seed)
        model = architectures.build(self._architecture, how.height, how.width, how.channels, self._outputs, **settings)
        if self._weights is not None:
            weights_file.load(model, self._weights)
        return KerasSource(model)
