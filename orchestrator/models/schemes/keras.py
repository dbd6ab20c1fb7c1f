"""The Keras model itself, not converted: the baseline of latency, as an application in TensorFlow has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.domain.artifact import Tolerance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.models.schemes.base import Calibration


class Keras:
    """No conversion: the artifact is a ``.keras`` file with a fixed batch, which only runtime ``tensorflow`` takes."""

    name = "keras"
    format = "keras"
    needs_calibration = False
    options: Mapping[str, Any] = {}
    tolerance = Tolerance(largest=1e-4, mean=2e-5, times_kernels=20.0)

    def configure(self, converter: Any, calibration: Calibration) -> None:
        """Raise `TypeError`: there is nothing to convert."""
        raise TypeError("a Keras model is not converted")
