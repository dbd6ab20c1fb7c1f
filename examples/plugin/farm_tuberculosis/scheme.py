"""Full int8 with few calibration images."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from orchestrator.models.schemes.int8 import Int8

if TYPE_CHECKING:
    from orchestrator.models.schemes.base import Calibration


class Int8Few(Int8):
    """``int8`` whose ranges come from the first ``batches`` of calibration images, to see how few are enough."""

    name = "int8-few"

    def __init__(self, *, batches: int = 10) -> None:
        super().__init__()
        self._batches = batches
        self.options = {**self.options, "batches": batches}  # part of the artifact's identity

    def configure(self, converter: Any, calibration: Calibration) -> None:
        """Set up the converter as int8 does, with fewer images."""
        super().configure(converter, lambda: islice(calibration(), self._batches))
