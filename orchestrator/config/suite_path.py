"""Why a path leads to no suite, with what to type in its place."""

from __future__ import annotations

import difflib
import shlex
from typing import TYPE_CHECKING

from orchestrator.errors import SuiteError

if TYPE_CHECKING:
    from pathlib import Path

#: Endings of models' files.
MODEL_FILES = frozenset({".tflite", ".onnx", ".keras", ".h5", ".hdf5"})


def refuse_model(path: Path) -> None:
    """Raise `SuiteError` for a model's file."""
    if path.suffix.lower() in MODEL_FILES:
        raise SuiteError(f"{path}: a model, not a suite", hint=f"farm bench {shlex.quote(str(path))}")


def explained(path: Path, error: SuiteError) -> SuiteError:
    """Return ``error``, which reading ``path`` ended with, or one with what to type where nothing or a folder is there."""
    if isinstance(error.__cause__, FileNotFoundError):
        return SuiteError(f"{path}: no such suite file", hint=_nearest(path))
    if isinstance(error.__cause__, IsADirectoryError):
        return SuiteError(
            f"{path}: a folder, expected a suite.yaml", hint=f"farm run {shlex.quote(str(path / 'suite.yaml'))}"
        )
    return error


def _nearest(path: Path) -> str:
    if not path.suffix and "/" not in str(path):
        return "a suite is a YAML file; farm results shows results, farm runs the runs, farm devices list the devices"
    folder = path.parent
    files = sorted(file.name for file in folder.glob("*.y*ml")) if folder.is_dir() else []
    near = difflib.get_close_matches(path.name, files, n=3, cutoff=0.5)
    return f"nearest in its folder: {', '.join(near)}" if near else "without a file it is the built-in suite: farm run"
