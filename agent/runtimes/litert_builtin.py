"""LiteRT's interpreter without its default delegate: its own kernels, to see what XNNPACK changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.runtimes.interpreter import InterpreterLoaded
from agent.runtimes.litert import PACKAGE, prepare, version

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PACKAGE", "load", "prepare", "version"]


def load(path: str, threads: int, outputs: Sequence[int] = ()) -> InterpreterLoaded:
    """Load an artifact into LiteRT's interpreter, with its optimized kernels and no delegate."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    own = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_path=path, num_threads=threads, experimental_op_resolver_type=own)
    return InterpreterLoaded(interpreter, outputs)
