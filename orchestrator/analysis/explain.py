"""Why a scheme is slower than float32: how many nodes of each graph ran inside the delegate, in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.domain.runtime import RuntimeChoice
from orchestrator.domain.units import format_ratio
from orchestrator.runtimes.catalogue import DELEGATES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.domain.result import Measurement
    from orchestrator.store.rows import ResultRow

#: The scheme that all others are compared with.
BASELINE = "float32"
#: Two runs of the same thing differ by as much on a machine that does other work too; less needs no explanation.
SLOWER = 1.1
#: Versions that are recorded beside the runtime's own.
_SURROUNDINGS = ("python", "numpy")


def than_float32(row: ResultRow, attempts: Sequence[Measurement], of_float32: Sequence[Measurement]) -> str | None:
    """Return a sentence where ``row`` is slower than float32 and a smaller share of its nodes was delegated, else ``None``.

    ``attempts`` are those of ``row``, ``of_float32`` those of the same case as float32, in the same run.
    """
    if row.scheme == BASELINE or row.speedup is None or row.speedup * SLOWER > 1:
        return None
    ours, theirs = _nodes(attempts), _nodes(of_float32)
    if ours is None or theirs is None or ours[0] * theirs[1] >= theirs[0] * ours[1]:
        return None
    delegate = next(filter(None, (_delegate(attempt) for attempt in (*attempts, *of_float32))), "a delegate")
    return (
        f"{row.scheme} is {format_ratio(1 / row.speedup)} slower than float32 here; {_runtime(row, attempts)} gave "
        f"{ours[0]} of {ours[1]} nodes of {row.scheme} to {delegate}, and {theirs[0]} of {theirs[1]} of float32"
    )


def _nodes(attempts: Sequence[Measurement]) -> tuple[int, int] | None:
    """Return (delegated nodes, all nodes) of the first attempt that tells; not every runtime does."""
    for attempt in attempts:
        effective = attempt.effective or {}
        delegated, nodes = effective.get("delegated_nodes"), effective.get("nodes")
        if isinstance(delegated, int) and isinstance(nodes, int) and nodes > 0:
            return delegated, nodes
    return None


def _delegate(attempt: Measurement) -> str | None:
    name = (attempt.effective or {}).get("delegate")
    return DELEGATES.get(str(name), str(name)) if name else None


def _runtime(row: ResultRow, attempts: Sequence[Measurement]) -> str:
    """Return the runtime with the version that was measured: ``tflite 2.14.0``."""
    choice = RuntimeChoice.parse(row.runtime)
    versions = next((attempt.versions for attempt in attempts if attempt.versions), {})
    version = next((version for what, version in versions.items() if what not in _SURROUNDINGS), choice.version)
    return f"{choice.on_device} {version}" if version else choice.on_device
