"""A command of `farm` in the process of a test: a second sooner than in one of its own."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import traceback
from typing import TYPE_CHECKING
from unittest import mock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


def call(argv: Sequence[str], *, folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `farm` as a shell would in ``folder``: return what it printed and its exit status, which is 1 after a traceback."""
    from orchestrator.cli.main import main

    out, err = _stream(), _stream()
    status: int | str | None = 0
    with (
        open(os.devnull, encoding="utf-8") as nothing,  # noqa: PTH123
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.dict(os.environ, environment, clear=True),
        mock.patch.object(sys, "argv", ["farm", *argv]),
        mock.patch.object(sys, "stdin", nothing),
    ):
        try:
            main()
        except SystemExit as ended:
            status = ended.code
        except Exception:  # noqa: BLE001  what Python itself does with it
            traceback.print_exc()
            status = 1
        if isinstance(status, str):  # what Python itself does with `sys.exit("words")`
            print(status, file=sys.stderr)  # noqa: T201
            status = 1
    return subprocess.CompletedProcess(["farm", *argv], status or 0, _printed(out), _printed(err))


def _stream() -> io.TextIOWrapper:
    """Return a stream like a pipe's: bytes below, so that how text is encoded is part of the test."""
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def _printed(stream: io.TextIOWrapper) -> str:
    return stream.buffer.getvalue().decode()  # type: ignore[attr-defined]
