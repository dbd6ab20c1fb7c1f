"""What executes an artifact on a device, one file each."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from agent.runtimes.base import Runtime

#: Name in a suite -> module with the functions of `agent.runtimes.base.Runtime`.
RUNTIMES = {
    "litert": "agent.runtimes.litert",
    "tflite": "agent.runtimes.tflite",
    "null": "agent.runtimes.null",
}


def find(name: str) -> Runtime:
    """Import the module of a runtime; the runtime itself is imported by what it loads. Raises `KeyError`."""
    return cast("Runtime", importlib.import_module(RUNTIMES[name]))
