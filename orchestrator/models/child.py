"""Questions that a process of its own answers: a crash stays in it, as does what TensorFlow prints."""

from __future__ import annotations

import importlib.abc
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

from orchestrator.config.child_environment import child_environment
from orchestrator.domain.units import format_seconds
from orchestrator.errors import FarmError, ModelError, brief

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


#: What Keras imports where it is installed, to take tables and to be an estimator; a build needs neither.
UNUSED_BY_KERAS = frozenset({"pandas", "sklearn"})
#: What a question may take; the slowest, layer errors of a large network over a hundred images, takes some minutes.
LIMIT_S = 1800.0


def ask(module: str, order: Mapping[str, Any], subject: str, *, limit_s: float = LIMIT_S) -> Any:
    """Return the JSON that ``python -m module`` answers to ``order``; raises `ModelError` about ``subject``, after ``limit_s`` too."""
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", module],  # -P: no module of the folder that farm is called in
            input=json.dumps(order),
            capture_output=True,
            text=True,
            errors="replace",
            env=child_environment(TF_CPP_MIN_LOG_LEVEL="2", CUDA_VISIBLE_DEVICES="-1"),
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(
            f"{subject}: the process that looks into it gave no answer within {format_seconds(limit_s)}, and was ended",
            hint="try it again while the machine is idle; a file that always takes so long is damaged, or too large for farm",
        ) from error
    if done.returncode < 0:
        words = f"{subject}: it crashes the process that looks into it (signal {-done.returncode})"
        raise ModelError(words, hint="copy it again, or convert the model again")
    if done.returncode:
        last = brief(Exception((done.stderr.strip().splitlines() or ["no words"])[-1]))
        raise ModelError(f"{subject}: the process that looks into it ended with status {done.returncode}: {last}")
    answer = json.loads(done.stdout)
    if "error" in answer:
        raise ModelError(answer["error"], hint=answer["hint"])
    return answer["answer"]


def answer(work: Callable[[dict[str, Any]], Any]) -> int:
    """Print what ``work`` returns for the order on standard input, or its `FarmError`, as JSON; return the exit status."""
    keras_alone()
    order = json.load(sys.stdin)
    # TensorFlow prints to descriptor 1 whatever Python thinks of it; from here on that is standard error.
    ours = os.dup(1)
    os.dup2(2, 1)
    try:
        result: dict[str, Any] = {"answer": work(order)}
    except FarmError as error:
        result = {"error": error.message, "hint": error.hint}
    with os.fdopen(ours, "w") as answers:
        json.dump(result, answers)
    return 0


class _Without(importlib.abc.MetaPathFinder):
    """Finds none of the packages that Keras can do without, as long as Keras or TensorFlow is being imported."""

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:  # noqa: ARG002
        """Refuse ``fullname`` to Keras; leave it to the other finders otherwise; raises `ModuleNotFoundError`."""
        if fullname in UNUSED_BY_KERAS and any(_is_importing(name) for name in ("tensorflow", "keras", "tf_keras")):
            raise ModuleNotFoundError(fullname, name=fullname)


def _is_importing(package: str) -> bool:
    spec = getattr(sys.modules.get(package), "__spec__", None)
    return getattr(spec, "_initializing", False)


def keras_alone() -> None:
    """Have Keras import no package for what only its users do, which takes a quarter of the import of TensorFlow."""
    sys.meta_path.insert(0, _Without())


def orders() -> Iterator[dict[str, Any]]:
    """Yield the orders on standard input, a line each, up to ``null``.

    Where the input ends without that, whoever gave orders was killed: this process ends at once, with those that it
    started, and the ``folder`` of the orders is removed.
    """
    keras_alone()
    lines: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    folders: set[str] = set()

    def read() -> None:
        for line in sys.stdin:
            order = json.loads(line)
            lines.put(order)
            if order is None:
                return
            folders.add(order["folder"])
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
        if os.getpgrp() == os.getpid():
            os.killpg(0, signal.SIGKILL)
        os._exit(1)

    threading.Thread(target=read, daemon=True).start()
    while (order := lines.get()) is not None:
        yield order
