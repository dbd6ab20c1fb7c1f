"""Weights and activations as they were trained: what the other schemes are compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.schemes.base import Calibration


class Float32:
    """No quantization."""

    name = "float32"
    needs_calibration = False
    options: Mapping[str, Any] = {}

    def configure(self, converter: Any, calibration: Calibration) -> None:
        """Leave the converter as it is."""
