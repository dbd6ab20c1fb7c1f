"""The names that a Python module defines, found without running it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


#: What a module may give itself names with that are written nowhere.
_DYNAMIC = frozenset({"*", "__getattr__", "globals", "locals", "vars", "setattr", "exec", "eval", "modules"})


def of_module(source: Path) -> frozenset[str] | None:
    """Return the names that the module defines or imports, ``None`` where only running it can tell.

    Raises `OSError`; `SyntaxError`, `ValueError` or `RecursionError` for what is no Python.
    """
    names = frozenset(_names(ast.parse(source.read_bytes(), str(source)).body))
    return None if names & _DYNAMIC else names


def _names(statements: list[ast.stmt]) -> Iterator[str]:
    """Yield what statements of a module define or mention, also below ``if``, ``try``, ``with``, loops: too many rather than too few."""
    for each in statements:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield each.name
            continue
        for node in ast.walk(each):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield node.name
            elif isinstance(node, ast.Import | ast.ImportFrom):
                yield from ((alias.asname or alias.name).partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.Name) and (isinstance(node.ctx, ast.Store) or node.id in _DYNAMIC):
                yield node.id
            elif isinstance(node, ast.Attribute) and node.attr in _DYNAMIC:  # sys.modules
                yield node.attr
