"""A ready ``.tflite`` or ``.onnx`` file, not converted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.models.schemes.float16 import Float16
from orchestrator.models.schemes.float32 import Float32
from orchestrator.models.schemes.int8 import Int8

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from orchestrator.domain.artifact import Tolerance
    from orchestrator.models.base import Form, Source
    from orchestrator.models.schemes.base import Calibration

_TOLERANCES: Mapping[str, Tolerance] = {"float32": Float32.tolerance, "float16": Float16.tolerance}


class AsIs:
    """The artifact is the file itself, byte for byte; for another batch than its own the shapes in a ``.tflite`` are changed."""

    name = "as-is"
    format = "tflite"
    takes: Form = "tflite"
    ways: Mapping[Form, str] = {"tflite": "tflite", "onnx": "onnx"}
    needs_calibration = False
    options: Mapping[str, Any] = {}
    #: By how the file computes, once it is known; integers round most.
    tolerance = Int8.tolerance
    #: The file is compared with itself, at its own batch.
    plausible = 1e-2

    def convert(self, source: Source, batch: int, calibration: Calibration, path: Path) -> None:
        """Copy the file."""
        self.tolerance = _TOLERANCES.get(getattr(source, "precision", "int8"), Int8.tolerance)
        self.takes = getattr(source, "form", "tflite")
        self.format = self.ways[self.takes]
        source.write(self.takes, batch, path)
