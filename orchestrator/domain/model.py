"""Models with their preprocessing, as a suite names them before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Models that need no file: the first is what a bare `farm run` measures, the second is for first contacts.
SHIPPED = ("small-cxr", "tiny-cxr")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preprocess:
    """How pixels become a model's input: ``x = (pixel * scale - mean) / std``, per channel.

    Pixels are uint8 of shape [n, height, width, channels]; ``x`` is float32 of the same shape. Grey images
    are repeated over the channels when the model wants three.
    """

    height: int
    width: int
    channels: int
    scale: float = 1 / 255
    #: One value, or one for each channel.
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Preprocess:
        """Undo `dataclasses.asdict` and a trip through JSON."""
        return cls(**{**plain, "mean": tuple(plain["mean"]), "std": tuple(plain["std"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """A model as the suite names it; plain values, so that it can travel to another process."""

    name: str
    #: A name of kind ``model`` in the registry: ``small-cxr``, ``keras``, ``tflite``, ``onnx``.
    kind: str
    #: Keyword arguments of that plug-in, e.g. ``path`` for ``keras``. JSON values only.
    options: Mapping[str, Any] = field(default_factory=dict)
    #: ``None``: the model knows its own preprocessing.
    preprocess: Preprocess | None = None
    #: What the columns of its output are called, ``None`` for one without a name; ``None`` where the suite does not say.
    classes: tuple[str | None, ...] | None = None
    #: What becomes of the dataset's classes that the model lacks: ``skip`` scores the others alone.
    absent: Literal["refuse", "skip"] = "refuse"
    #: Where a suite names it, ``suite.yaml:3``; empty for one that no file names.
    place: str = field(default="", compare=False)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> ModelSpec:
        """Undo `dataclasses.asdict` and a trip through JSON."""
        preprocess, classes = plain["preprocess"], plain.get("classes")
        values = {
            "preprocess": Preprocess.from_json(preprocess) if preprocess is not None else None,
            "classes": tuple(classes) if classes is not None else None,
        }
        return cls(**{**plain, **values})


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSpec:
    """A dataset as the suite names it; plain values, so that it can travel to another process."""

    #: A name of kind ``dataset`` in the registry: ``phantom``, ``folder``.
    kind: str
    #: Keyword arguments of that plug-in. JSON values only.
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What tables call it: ``options['name']`` where the suite gives one, else the kind."""
        return str(self.options.get("name", self.kind))
