"""A Python process that crashes when it opens a certain file, as kernels do with some damaged ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

CODE = """
import os, signal, sys

def hook(event, arguments):
    if event == "open" and str(arguments[0]).endswith("crash.tflite"):
        os.kill(os.getpid(), signal.SIGSEGV)

if {module!r} in " ".join(sys.orig_argv):
    sys.addaudithook(hook)
"""


def on_open(folder: Path, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    """Make ``python -m module`` die of SIGSEGV when it opens a file called ``crash.tflite``; ``folder`` keeps what does it."""
    (folder / "sitecustomize.py").write_text(CODE.format(module=module))
    monkeypatch.setenv("PYTHONPATH", str(folder))
