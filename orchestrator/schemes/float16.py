"""Weights as float16; most processors compute in float32 all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.schemes.base import Calibration


class Float16:
    """Half-precision weights."""

    name = "float16"
    needs_calibration = False
    options: Mapping[str, Any] = {}

    def configure(self, converter: Any, calibration: Calibration) -> None:
        """Ask for float16 as the type of constants."""
        import tensorflow as tf

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
