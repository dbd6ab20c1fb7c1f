"""TensorFlow's converter to ``.tflite``, as several schemes use it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from orchestrator.errors import BuildError
from orchestrator.models import situations
from orchestrator.models.schemes.base import PLAUSIBLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.domain.artifact import Tolerance
    from orchestrator.models.base import Form, Source
    from orchestrator.models.schemes.base import Calibration


class TFLiteScheme:
    """A scheme that sets up the converter in its own way: `configure`."""

    name: ClassVar[str]
    tolerance: ClassVar[Tolerance]
    format = "tflite"
    takes: Form = "saved_model"
    needs_calibration = False
    options: Mapping[str, Any] = {}
    plausible = PLAUSIBLE

    def configure(self, converter: Any, calibration: Calibration) -> None:
        """Set up a ``tf.lite.TFLiteConverter``."""

    def convert_with(self, converter: Any, calibration: Calibration) -> bytes:
        """Return the file that a configured converter makes."""
        return bytes(converter.convert())

    def convert(self, source: Source, batch: int, calibration: Calibration, path: Path) -> None:
        """Convert from a SavedModel: converting a Keras 3 model directly was seen to give files without weights."""
        import tensorflow as tf

        with tempfile.TemporaryDirectory() as folder:
            try:
                source.write("saved_model", batch, Path(folder))
                converter = tf.lite.TFLiteConverter.from_saved_model(folder)
                self.configure(converter, calibration)
                path.write_bytes(self.convert_with(converter, calibration))
            except Exception as error:  # the converter raises what it likes
                raise situations.translated(error, situations.CONVERTING, BuildError, f"scheme {self.name}") from error
