"""The interface of a quantization scheme: a model in, an artifact out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from orchestrator import registry
from orchestrator.config import plugin_options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.domain.artifact import Tolerance
    from orchestrator.domain.suite import Suite
    from orchestrator.models.base import Form, Source

    #: Yields preprocessed float32 batches [batch, height, width, channels].
    Calibration = Callable[[], Iterator[NDArray[np.float32]]]

#: Largest plausible difference of a score from the model's own, for scores within 0..1, where a scheme knows no better.
PLAUSIBLE = 0.6


def make_scheme(name: str, options: Mapping[str, Any] | None = None) -> Scheme:
    """Return the scheme called ``name`` in a suite; ``options`` hold its ``kind`` where that is another, and what the kind takes.

    A ``compat`` among them is for schemes that have a way to serve it. Raises `UnknownName`, or `PluginError` for one of a package
    that can't be used.
    """
    settings = dict(options or {})
    kind = settings.pop("kind", name)
    if "compat" not in plugin_options.names(registry.find("scheme", kind)):
        settings.pop("compat", None)
    return cast("Scheme", registry.make("scheme", kind, **settings))


def options_in(suite: Suite, name: str) -> dict[str, Any]:
    """Return the options that a suite gives the scheme called ``name``, the suite's ``compat`` among them."""
    compat = suite.compat_of(name)
    return {**suite.scheme_options.get(name, {}), **({} if compat is None else {"compat": compat})}


def ways(scheme: Scheme | type[Scheme]) -> Mapping[Form, str]:
    """Return what a scheme converts -> the format of what it makes of that."""
    listed: Mapping[Form, str] = getattr(scheme, "ways", {scheme.takes: scheme.format})
    return listed


class Scheme(Protocol):
    """A way to quantize.

    A scheme that stores weights in less than a byte has a ``least_bytes_per_weight`` (0.5 elsewhere): smaller files are refused.
    One that takes more packages has ``missing()``: the sentence that names those that are not installed, or ``None``.
    One that has lost an option has ``former_options``: option -> the sentence that a suite with it is refused with.
    One with a ``compat`` option is given the suite's. One that takes several forms has
    ``ways``: form -> format of the artifact.
    """

    name: str
    #: Of the artifact: ``tflite``, ``keras`` or ``onnx``; runtimes say which they take.
    format: str
    #: What it converts; models say which forms they can be written as.
    takes: Form
    #: True where `convert` needs images; their hash is then part of the recipe.
    needs_calibration: bool
    #: What else the result depends on, JSON values only; part of the recipe.
    options: Mapping[str, Any]
    #: How far a device's scores may be from the controller's before it is taken to compute something else.
    tolerance: Tolerance
    #: Largest plausible difference of a score from the model's own, for scores within 0..1. Kernels add in another order,
    #: which costs float32 some 1e-5; float16 and int8 are far below their bounds on trained networks, files without
    #: weights or with a wrong scale far above.
    plausible: float

    def convert(self, source: Source, batch: int, calibration: Calibration, path: Path) -> None:
        """Write the artifact for batches of ``batch`` images to ``path``; raises `BuildError` with what to do."""
        ...
