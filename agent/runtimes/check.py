"""Check that a runtime works by running a tiny artifact in a process of its own.

Importing a runtime proves little: tflite-runtime beside numpy 2 imports, and fails at its first interpreter.
``probe.tflite`` and ``probe.onnx`` compute 2x + 1 on float32 [1, 2]; ``tests/data/make_artifacts.py`` makes it.
"""

from __future__ import annotations

import json
import os
import pkgutil
import re
import subprocess
import sys
import tempfile
from typing import Any, Optional

from agent import spawn
from agent.runtimes import find, knows, names

#: A Raspberry Pi Zero needs about 10 s to import numpy and a runtime from a cold card.
TIMEOUT_S = 90.0
#: ``numpy-2.4.6.dist-info``, or as Debian names it, ``numpy-1.24.2.egg-info`` and ``numpy-1.19.5-py3.9.egg-info``.
_NUMPY = re.compile(r"numpy-([^-]+)(?:-.*)?\.(?:dist|egg)-info$")


def try_runtime(name: str, environment: Optional[str] = None) -> dict[str, Any]:
    """Return ``{"works": true, "version": …}`` or ``{"error": words}``.

    ``environment`` is a directory of unpacked packages. A runtime that crashes its process is an error like others.
    """
    if not knows(name):
        return {"error": "unknown runtime %r; this agent has %s" % (name, ", ".join(names()))}
    try:
        done = subprocess.run(
            spawn.command(__name__, name, environment or ""),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_S,
            env=spawn.child_env(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return {"error": "it ran a tiny artifact for %g s without an answer" % TIMEOUT_S}
    try:
        answer = dict(json.loads(done.stdout.splitlines()[-1]))
    except (IndexError, ValueError):
        return {"error": spawn.last_words(done.stderr, done.returncode)}
    return answer if done.returncode == 0 else {"error": spawn.last_words(done.stderr, done.returncode)}


def numpy_version() -> Optional[str]:
    """Return the version of this Python's numpy, by the folder that its installer left; ``None`` without one."""
    for folder in sys.path:  # `importlib.metadata` finds the same, and takes 40 ms where this takes one
        try:
            names = os.listdir(folder or ".")
        except OSError:
            continue
        for name in names:
            match = _NUMPY.match(name)
            if match:
                return match[1]
    return None


def main(arguments: list[str]) -> int:
    """Run the tiny artifact and print the answer; in the process that `try_runtime` started."""
    name, environment = arguments
    if environment:
        sys.path.insert(0, environment)
    try:
        answer = _run(name)
    except ImportError as error:
        answer = {"error": _remedy(environment, error) + str(error)}
    except Exception as error:  # noqa: BLE001  whatever a foreign package raises is the answer
        answer = {"error": "%s%s: %s" % (_remedy(environment, error), type(error).__name__, error)}
    sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def _remedy(environment: str, error: Exception) -> str:
    """Return what a person can repair, to put before an error that names a library alone."""
    if environment and os.statvfs(environment).f_flag & getattr(os, "ST_NOEXEC", 0):
        return "%s is on a mount with `noexec`, so that no library can be loaded from there: " % environment
    if "libstdc++.so.6: cannot open" in str(error):  # Python itself does without
        return "the device lacks the C++ library (Debian: sudo apt install libstdc++6): "
    return ""


def _run(name: str) -> dict[str, Any]:
    runtime = find(name)
    content = pkgutil.get_data("agent.runtimes", getattr(runtime, "PROBE", "probe.tflite"))
    assert content is not None  # noqa: S101  it ships with this file
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "probe")
        with open(path, "wb") as out:
            out.write(content)
        loaded = runtime.load(path, 1)
        if loaded.output is not None:
            import numpy as np

            loaded.set_input(np.array([[1, 2]], np.float32))
            loaded.invoke()
            result = loaded.get_output().tolist()
            if result != [[3.0, 5.0]]:
                return {"error": "it computed %r instead of [[3.0, 5.0]]" % (result,)}
    return {"works": True, "version": runtime.version()}
