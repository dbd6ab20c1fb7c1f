"""Capture what native libraries print on standard error: some print their reasons nowhere else."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def capture_stderr() -> Iterator[Callable[[], str]]:
    """Capture descriptor 2; the function returns what was printed since. All of it is passed on as well.

    Where standard error is a file that can be read back, as a worker's is, nothing is redirected: what a library
    prints before it crashes stays in that file.
    """
    sys.stderr.flush()
    began = _end_of(2)
    if began is not None:
        yield lambda: os.pread(2, (_end_of(2) or began) - began, began).decode(errors="replace")
        return
    passed_on = os.dup(2)
    with tempfile.TemporaryFile() as heard:
        os.dup2(heard.fileno(), 2)
        try:
            yield lambda: os.pread(2, os.fstat(2).st_size, 0).decode(errors="replace")
        finally:
            sys.stderr.flush()
            os.dup2(passed_on, 2)
            os.close(passed_on)
            with open(2, "wb", closefd=False) as out:
                out.write(os.pread(heard.fileno(), os.fstat(heard.fileno()).st_size, 0))


def _end_of(descriptor: int) -> int | None:
    """Return where the next byte would go, ``None`` for what is no file or can't be read back."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        return None
    try:
        os.pread(descriptor, 1, 0)
    except OSError:
        return None
    return os.fstat(descriptor).st_size
