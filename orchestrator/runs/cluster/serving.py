"""How a worker of a Dask cluster serves a controller, whatever the task."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.config.private_folder import make_private
from orchestrator.errors import TransferBroken
from orchestrator.runs.cluster.line import WorkerLine
from orchestrator.transports.connector import Connector

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.devices.remote.push_limits import PushLimits
    from orchestrator.models.blob_folder import BlobFolder

    #: Does what an order says: of the line, the order's text, what the worker's tasks share, whether it is still wanted.
    Act = Callable[[WorkerLine, str, "Workplace", Callable[[], bool]], None]

#: Farm's own folder of a worker, in the folder in which it was started.
STATE = ".farm"
#: Under this name a worker keeps its `Workplace`.
NAME = "farm"
#: How long a controller may take to send an order or a piece of a file, and how often a worker asks whether it is still there.
ANSWER_S = 60.0
LOOK_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """What all tasks of one worker share."""

    name: str
    state: Path
    connector: Connector
    #: run -> what holds for all that is sent in it
    limits: dict[str, PushLimits] = field(default_factory=dict)


def serve(queue: str, task: str, act: Act) -> None:
    """Do what the controller behind ``queue`` orders, and send there what happens.

    The task's thread is none of those that a worker counts: it does as many as it gets.
    """
    from distributed import get_client, get_worker, secede

    worker, client = get_worker(), get_client()
    key = worker.get_current_task()
    secede()
    place = _workplace(worker)

    def is_wanted() -> bool:
        known = worker.state.tasks.get(key)
        return known is not None and known.state in {"executing", "long-running"}

    line = WorkerLine(client, queue, task)
    try:
        with suppress(OSError):  # the controller or the scheduler is gone
            line.send("begun", version=version("edge-farm"))
            act(line, line.receive(ANSWER_S), place, is_wanted)
    finally:
        with suppress(OSError):
            line.end()
        line.close()


def _workplace(worker: Any) -> Workplace:
    """Return what the tasks of this worker share, made by the first one."""
    from distributed.utils import sync

    state = Path(STATE).absolute()
    make_private(state)
    connector = Connector(known_hosts=state / "known_hosts")
    place = Workplace(name=str(worker.name), state=state, connector=connector)

    async def kept() -> Workplace:  # in the worker's event loop, where nothing else touches its plugins meanwhile
        return worker.plugins.setdefault(NAME, place)  # type: ignore[no-any-return]

    return sync(worker.loop, kept)  # type: ignore[no-any-return]


def receive(line: WorkerLine, sha256: str, blobs: BlobFolder) -> None:
    """Get one file into ``blobs``; raises `TransferBroken` where it arrives with another hash, `TimeoutError` where it stops."""
    line.send("want", sha256=sha256)
    left = json.loads(line.receive(ANSWER_S))["size_bytes"]
    digest = hashlib.sha256()
    with blobs.unfinished() as file:
        while left > 0:
            piece = line.receive(ANSWER_S)
            file.write(piece)
            digest.update(piece)
            left -= len(piece)
        if digest.hexdigest() != sha256:
            raise TransferBroken(f"a file arrived on the worker with another hash: {sha256[:12]}…")
    blobs.keep_file(Path(file.name))
