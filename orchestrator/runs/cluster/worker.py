"""What a worker of a Dask cluster runs for a controller elsewhere, whatever the task."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from orchestrator.config.private_folder import make_private
from orchestrator.runs.cluster.build_worker import build
from orchestrator.runs.cluster.device_worker import ask, walk
from orchestrator.runs.cluster.line import ANSWER_S, WorkerLine
from orchestrator.transports.connector import Connector

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.devices.remote.push_limits import PushLimits


#: Farm's own folder of a worker, in the folder in which it was started.
STATE = ".farm"
#: Under this name a worker keeps its `Workplace`.
NAME = "farm"


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """What all tasks of one worker share."""

    name: str
    state: Path
    connector: Connector
    #: run -> what holds for all that is sent in it
    limits: dict[str, PushLimits] = field(default_factory=dict)


#: All that a controller can order.
Kind = Literal["walk", "ask", "build"]
_ACTS: Mapping[Kind, Callable[[WorkerLine, str, Workplace, Callable[[], bool]], None]] = {
    "walk": walk,
    "ask": ask,
    "build": build,
}


def carry_out(kind: Kind, queue: str, task: str) -> None:
    """Do what the controller behind ``queue`` orders, which is of this ``kind``, and send there what happens.

    Each act takes the line to the controller, its order as text, what the worker's tasks share, whether the order is still wanted.
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
            _ACTS[kind](line, line.receive(ANSWER_S), place, is_wanted)
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
