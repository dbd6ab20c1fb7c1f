"""LiteRT's CompiledModel on the CPU: the interface that replaces the interpreter, over the same kernels."""

from __future__ import annotations

from functools import partial
from typing import Any

from agent.runtimes.compiled import CompiledLoaded, prepare
from agent.runtimes.litert import PACKAGE, version

__all__ = ["PACKAGE", "load", "prepare", "version"]


class OnCpu(CompiledLoaded):
    """An artifact compiled for the CPU, which is done when it returns: the output need not be read to know that."""

    def __init__(self, model: Any, path: str) -> None:
        super().__init__(model, path)
        self.invoke = partial(model.run_by_index, 0, self._inputs, self._outputs)

    def effective(self) -> dict[str, object]:
        """Return nothing: a CompiledModel names neither its delegates nor its nodes.

        ``is_fully_accelerated`` is true of any CPU, and proves nothing.
        """
        return {}


def load(path: str, threads: int) -> OnCpu:
    """Compile an artifact for the CPU with so many threads."""
    from ai_edge_litert.compiled_model import CompiledModel, CpuOptions, HardwareAccelerator, Options

    options = Options(hardware_accelerators=HardwareAccelerator.CPU, cpu_options=CpuOptions(num_threads=threads))
    return OnCpu(CompiledModel.from_file(path, options=options), path)
