"""Start another process of the agent, from its zip or its folder."""

from __future__ import annotations

import os
import signal
import sys

import agent

#: The zip or folder that this program was started from.
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(agent.__file__)))

#: Whatever Python would put in front (the current directory) goes: nothing there may shadow a module of ours.
_BOOTSTRAP = (
    "import sys; sys.path[:] = [sys.argv[1], *(entry for entry in sys.path if entry)];"
    "from importlib import import_module; sys.exit(import_module(sys.argv[2]).main(sys.argv[3:]))"
)


def command(module: str, *arguments: str) -> list[str]:
    """Return the words that run ``module.main(arguments)`` in a fresh process of this Python."""
    return [sys.executable, "-c", _BOOTSTRAP, ROOT, module, *arguments]


def child_env() -> dict[str, str]:
    """Return the environment variables for such a process: numpy starts no threads beside the measurement."""
    return {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def last_words(text: bytes, returncode: int) -> str:
    """Return how a process ended and the end of what it printed, 2000 characters at most of that."""
    words = text.decode(errors="replace").strip()[-2000:]
    if returncode < 0:
        try:
            ending = "killed by %s" % signal.Signals(-returncode).name
        except ValueError:
            ending = "killed by signal %d" % -returncode
    else:
        ending = "exit status %d" % returncode
    return "%s (%s)" % (words or "it printed nothing", ending)
