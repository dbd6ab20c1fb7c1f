"""The files that a Python module imports from its own folder, found without running it."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def beside(source: Path) -> frozenset[Path]:
    """Return ``source`` with the modules and packages of its folder that it imports, and those that they import.

    What can't be read as Python imports nothing: importing it says what is wrong.
    """
    folder = source.parent
    found: set[Path] = set()
    waiting = [source]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        for name in _imported(path):
            waiting += (file for file in (folder / f"{name}.py",) if file.is_file())
            if (folder / name / "__init__.py").is_file():
                waiting += (folder / name).rglob("*.py")
    return frozenset(found)


def _imported(path: Path) -> Iterator[str]:
    """Yield the first part of the name of each module that is imported, whether or not there is one of that name."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0]
