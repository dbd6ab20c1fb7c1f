"""What executes an artifact on a device, one file each."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from agent.runtimes.base import Runtime

#: Name in a suite -> module with the functions of `agent.runtimes.base.Runtime`.
RUNTIMES = {
    "litert": "agent.runtimes.litert",
    "litert-builtin": "agent.runtimes.litert_builtin",
    "litert-compiled": "agent.runtimes.litert_compiled",
    "litert-gpu": "agent.runtimes.litert_gpu",
    "tflite": "agent.runtimes.tflite",
    "tensorflow": "agent.runtimes.tensorflow",
    "onnxruntime": "agent.runtimes.onnxruntime",
    "delegate": "agent.runtimes.delegate",
    "null": "agent.runtimes.null",
}


def knows(name: str) -> bool:
    """Say whether `find` would find it: ``delegate`` takes an argument, the others take none."""
    word, colon, argument = name.partition(":")
    return word in RUNTIMES and bool(colon and argument) == (word == "delegate")


def find(name: str) -> Runtime:
    """Import the module of a runtime; the package it runs is imported by its `prepare`. Raises `KeyError`.

    What follows a colon (``delegate:/usr/lib/libedgetpu.so.1``) is for the module's ``bind``, which returns the runtime.
    """
    name, colon, argument = name.partition(":")
    module = importlib.import_module(RUNTIMES[name])
    return cast("Runtime", module.bind(argument) if colon else module)
