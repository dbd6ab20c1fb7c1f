"""LiteRT's interpreter without its default delegate: its own kernels, to see what XNNPACK changes."""

from __future__ import annotations

from agent.runtimes.interpreter import InterpreterLoaded
from agent.runtimes.litert import PACKAGE, prepare, version

__all__ = ["PACKAGE", "load", "prepare", "version"]


def load(path: str, threads: int) -> InterpreterLoaded:
    """Load an artifact into LiteRT's interpreter, with its optimized kernels and no delegate."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    own = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    return InterpreterLoaded(Interpreter(model_path=path, num_threads=threads, experimental_op_resolver_type=own))
