"""Models with their preprocessing, as a suite names them before anything is loaded."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


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
    #: A name of kind ``model`` in the registry: ``tiny-cxr``, ``keras``, ``tflite``.
    kind: str
    #: Keyword arguments of that plug-in, e.g. ``path`` for ``keras``. JSON values only.
    options: Mapping[str, Any] = field(default_factory=dict)
    #: ``None``: the model knows its own preprocessing.
    preprocess: Preprocess | None = None

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> ModelSpec:
        """Undo `dataclasses.asdict` and a trip through JSON."""
        preprocess = plain["preprocess"]
        return cls(**{**plain, "preprocess": Preprocess.from_json(preprocess) if preprocess is not None else None})


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
