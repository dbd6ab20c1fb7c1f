"""The Keras model itself, not converted: the baseline of latency, as an application in TensorFlow has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.domain.artifact import Tolerance
from orchestrator.models.schemes.base import PLAUSIBLE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from orchestrator.models.base import Form, Source
    from orchestrator.models.schemes.base import Calibration


class Keras:
    """No conversion: the artifact is a ``.keras`` file with a fixed batch, which only runtime ``tensorflow`` takes."""

    name = "keras"
    format = "keras"
    takes: Form = "keras"
    needs_calibration = False
    options: Mapping[str, Any] = {}
    tolerance = Tolerance(largest=1e-4, mean=2e-5, times_kernels=20.0)
    plausible = PLAUSIBLE

    def convert(self, source: Source, batch: int, calibration: Calibration, path: Path) -> None:
        """Save the model as Keras does."""
        source.write("keras", batch, path)
