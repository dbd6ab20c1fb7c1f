"""Runtimes, which execute artifacts on a device: one file each."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from types import ModuleType

    from agent.runtimes.base import Runtime

#: Modules of this folder that several runtimes share; every other one is a runtime.
SHARED = frozenset({"base", "check", "compiled", "interpreter", "captured_stderr"})


def names() -> tuple[str, ...]:
    """Return the names of all runtimes: ``litert-gpu`` is the module ``litert_gpu``."""
    modules = {module.name for module in pkgutil.iter_modules(__path__)}
    return tuple(sorted(module.replace("_", "-") for module in modules - SHARED))


def knows(name: str) -> bool:
    """Check whether `find` has it: one whose module has a ``bind`` takes an argument, the others take none."""
    word, colon, argument = name.partition(":")
    return word in names() and bool(colon and argument) == hasattr(_module(word), "bind")


def find(name: str) -> Runtime:
    """Import the module of a runtime; the package it runs is imported by its `prepare`. Raises `KeyError`.

    What follows a colon (``delegate:/usr/lib/libedgetpu.so.1``) is for the module's ``bind``, which returns the runtime.
    """
    word, colon, argument = name.partition(":")
    if word not in names():
        raise KeyError(word)
    module = _module(word)
    return cast("Runtime", module.bind(argument) if colon else module)


def _module(name: str) -> ModuleType:
    return importlib.import_module("agent.runtimes." + name.replace("-", "_"))
