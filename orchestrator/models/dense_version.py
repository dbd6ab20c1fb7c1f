"""Dense layers of one output column, whose version TensorFlow's converter writes too high."""

from __future__ import annotations

import struct

from orchestrator.models import tflite_operators

_DENSE = "FULLY_CONNECTED"
#: What the converter writes for weights with one scale for each output column (``op_version.cc``).
_PER_CHANNEL = 12
#: What it writes for weights with one scale, in a graph whose activations are quantized while running.
_PER_TENSOR = 9


def lowered(content: bytes) -> bytes:
    """Return a ``.tflite`` file whose dense layers declare the version that they need.

    A layer with one output column has one scale whichever way it was quantized; the converter takes it for one a column and
    writes version 12, which TensorFlow Lite before 2.17 refuses although it has the kernel.
    """
    dense = [each for each in tflite_operators.operators(content) if each.name == _DENSE]
    if not any(each.version == _PER_CHANNEL for each in dense) or any(
        operand.scales > 1 for each in dense for operand in each.inputs if operand is not None
    ):
        return content
    changed = bytearray(content)
    for place in tflite_operators.version_places(content, _DENSE):
        if struct.unpack_from("<i", content, place)[0] == _PER_CHANNEL:
            struct.pack_into("<i", changed, place, _PER_TENSOR)
    return bytes(changed)
