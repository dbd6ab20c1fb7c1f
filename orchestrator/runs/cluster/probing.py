"""What a device is, asked by a worker near it."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

from orchestrator.domain.event import PreparationStarted
from orchestrator.errors import FarmError
from orchestrator.runs.cluster.errand import TICK_S, WORKER_S, Errand
from orchestrator.runs.cluster.line import error_from_json, event_of
from orchestrator.runs.cluster.orders import to_text

if TYPE_CHECKING:
    from orchestrator.domain.device import Device
    from orchestrator.runs.cluster.cluster import Cluster, Worker
    from orchestrator.runs.cluster.orders import ProbeOrder
    from orchestrator.runs.context import DeviceStage

#: So many workers lost while they asked one device are the end.
MOST_LOST = 3
#: A worker that sends nothing for so long is given up: longer than any exchange with a device may take.
SILENCE_S = 600.0


def ask(cluster: Cluster, order: ProbeOrder, patience_s: float) -> DeviceStage[dict[str, Any]]:
    """Yield what happens while a worker asks a device; return the device's facts, or what has arrived there of blobs.

    A worker is waited for no longer than ``patience_s``. Raises `FarmError`, of the class that it has on the worker.
    """
    name = order.device.name
    for _ in range(MOST_LOST):
        worker = wait_for_worker(cluster, order.device, patience_s)
        errand = Errand(cluster, name, worker, "ask", site=order.device.site)
        with closing(errand.messages(lambda: to_text(order), silence_s=SILENCE_S)) as messages:
            for message in messages:
                kind = message["kind"]
                if kind == "begun":
                    yield PreparationStarted(run=order.run, device=name, what=f"worker {worker.name} asks it")
                elif kind == "event":
                    yield event_of(message["event"], order.run, name, worker.name)
                elif kind == "failed":
                    raise error_from_json(message["error"]) or FarmError(f"{name}: worker {worker.name} fails")
                elif kind == "facts":
                    return dict(message["facts"])
    raise FarmError(f"{name}: {MOST_LOST} workers were lost while they asked it")


def arrived(cluster: Cluster, order: ProbeOrder, patience_s: float) -> dict[str, int]:
    """Return how many bytes a device has of each blob that it lacks, asked by a worker as `ask` says."""
    stage = ask(cluster, order, patience_s)
    while True:
        try:
            next(stage)
        except StopIteration as end:
            return {str(sha256): int(size) for sha256, size in end.value.items()}


def wait_for_worker(cluster: Cluster, device: Device, patience_s: float) -> Worker:
    """Return a worker that may work for ``device``; raises `FarmError` where none comes within ``patience_s``."""
    limit_s = min(WORKER_S, patience_s)
    end = time.monotonic() + limit_s
    while (worker := cluster.worker_for(device)) is None:
        if cluster.lost is not None:
            raise FarmError(f"{device.name}: the Dask scheduler at {cluster.address} is lost: {cluster.lost}")
        if time.monotonic() >= end:
            raise cluster.lack_of_workers(device, limit_s)
        time.sleep(TICK_S)
    return worker
