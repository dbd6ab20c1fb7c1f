"""Options that let the workers of a cluster do the work of a run."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from orchestrator.runs.cluster.cluster import Cluster

THREADS, DASK = "threads", "dask"
ExecutorOption = Annotated[
    str,
    typer.Option(
        "--executor",
        metavar="threads|dask",
        help="What builds artifacts, asks devices, walks lanes: this command with its threads, or the workers of a Dask cluster (--scheduler).",
    ),
]
SchedulerOption = Annotated[
    str,
    typer.Option(
        "--scheduler",
        metavar="tcp://HOST:8786",
        help="Where the scheduler of the Dask cluster is.",
        show_default="none",
    ),
]


def cluster_of(executor: str, scheduler: str) -> AbstractContextManager[Cluster | None]:
    """Return the cluster that the two options name, ``None`` for threads; it is left at the end. Raises `UsageError`."""
    from orchestrator.errors import UnknownName, UsageError

    if executor not in {THREADS, DASK}:
        raise UnknownName("executor", executor, (THREADS, DASK))
    if executor == THREADS:
        if scheduler:
            raise UsageError("--scheduler is for a Dask cluster", hint=f"add: --executor {DASK}")
        return nullcontext()
    if not scheduler:
        hint = "docs/scaling.md says how to start one; then add: --scheduler tcp://10.0.0.1:8786"
        raise UsageError("--executor dask needs --scheduler", hint=hint)
    from orchestrator.runs.cluster.cluster import Cluster

    return Cluster.connect(scheduler)
