"""Full int8 from input to output, scaled by the range of calibration images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.models.schemes.int8 import Int8

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.models.schemes.base import Calibration


class Int8Io(Int8):
    """``int8`` whose input and output are integers too: whoever calls it quantizes, by the artifact's scale and zero point."""

    name = "int8-io"
    options: Mapping[str, Any] = {"input": "int8", "output": "int8"}

    def __init__(self) -> None:
        super().__init__()

    def configure(self, converter: Any, calibration: Calibration) -> None:
        """Set up the converter as int8 does, and ask for integers at both ends."""
        import tensorflow as tf

        super().configure(converter, calibration)
        converter.inference_input_type = tf.int8
        converter.inference_output_type = tf.int8
