"""The modules of the project, each parsed once."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def modules() -> dict[str, ast.Module]:
    """Return the syntax tree of every module of the controller and of the agent, by its path below the root."""
    paths = sorted(path for part in ("orchestrator", "agent", "edge_farm") for path in (ROOT / part).rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in paths}
