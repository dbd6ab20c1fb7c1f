"""A Dask cluster whose workers do what a controller orders."""

from __future__ import annotations

import json
import logging
import queue
import threading
import time
from collections import Counter
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self
from uuid import uuid4

from orchestrator.errors import FarmError, UsageError, brief
from orchestrator.runs.cluster.builds import ClusterBuilds
from orchestrator.runs.cluster.line import SEND_S, queue_back, queue_of
from orchestrator.runs.cluster.orders import ProbeOrder
from orchestrator.runs.cluster.probing import arrived, ask
from orchestrator.runs.cluster.walk import ClusterWalk
from orchestrator.runs.cluster.worker import Kind, carry_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from distributed import Client, Future

    from orchestrator.datasets.base import Datasets
    from orchestrator.devices.remote.push_limits import PushLimits
    from orchestrator.domain.device import Device
    from orchestrator.models.artifacts import Placed
    from orchestrator.models.build_processes import Answer, BuildLimits, Order
    from orchestrator.runs.commits import Commits
    from orchestrator.runs.context import DeviceStage
    from orchestrator.runs.walk import LaneWork

#: How long the scheduler may take to answer at first.
CONNECT_S = 5.0
#: How often the scheduler is asked which workers there are.
LOOK_S = 1.0
#: The resource of a worker that is near the devices of site X is called ``site:X``; how much of it there is counts for nothing.
SITE = "site:"
#: The resource of a worker that was started to build.
BUILDS = "builds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A worker that takes tasks."""

    address: str
    name: str
    #: Sites that it is near.
    sites: frozenset[str]
    #: Whether it was started to build.
    builds: bool = False


class Cluster:
    """The controller's end of a cluster: it places tasks, gives each the messages of its worker, knows which workers there are.

    Used by one thread for each task. ``client`` is closed with it.
    """

    def __init__(self, client: Client, address: str) -> None:
        self._client, self.address = client, address
        self._name = f"farm-{uuid4().hex}"
        self._arrived = queue_of(client, self._name)
        self._inboxes: dict[str, queue.SimpleQueue[dict[str, Any]]] = {}
        self._load: Counter[str] = Counter()
        self._begun = 0
        self._lock = threading.Lock()
        #: Those that there were when the scheduler was asked last, by address.
        self.workers: Mapping[str, Worker] = self._ask()
        #: Why the scheduler is lost, ``None`` while it answers.
        self.lost: str | None = None
        self._is_closed = False
        for act in (self._listen, self._look):
            threading.Thread(target=self._repeat, args=(act,), daemon=True).start()

    @classmethod
    def connect(cls, address: str) -> Self:
        """Return the cluster of the scheduler at ``address``; raises `UsageError` where there is none."""
        client_class = _client_class()
        try:
            return cls(client_class(address, timeout=CONNECT_S, set_as_default=False), address)
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            where = address.partition("://")[2] or address
            port = where.rpartition(":")[2]
            hint = f"start one: dask scheduler --port {port if port.isdecimal() else 8786}, and workers: dask worker {address}"
            if address.startswith("tls:"):
                hint += "; certificates for tls:// are named in Dask's settings: docs/scaling.md"
            raise UsageError(f"no Dask scheduler answers at {address}: {brief(error)}", hint=hint) from error

    def walk(self, work: LaneWork, limits: PushLimits, commits: Commits) -> ClusterWalk:
        """Return what walks a lane on a worker."""
        return ClusterWalk(self, work, limits, commits)

    def ask(
        self, run: str, device: Device, runtimes: tuple[str, ...], patience_s: float
    ) -> DeviceStage[dict[str, Any]]:
        """Yield what happens while a worker near ``device`` asks it; return its facts. Raises `FarmError`."""
        return ask(self, ProbeOrder(run=run, device=device, runtimes=runtimes), patience_s)

    def arrived(self, run: str, device: Device, sizes: Mapping[str, int], patience_s: float) -> dict[str, int]:
        """Return how many bytes a device has of each blob that it lacks, asked by a worker near it. Raises `FarmError`."""
        return arrived(self, ProbeOrder(run=run, device=device, sizes=sizes), patience_s)

    def build(
        self, datasets: Datasets, orders: Sequence[Order], limits: BuildLimits, folder: Path, log: Path
    ) -> Iterator[Answer | Placed]:
        """Yield what `build_processes.run_all` would, built by workers, with images of ``datasets``; and where builds begin."""
        return ClusterBuilds(self, datasets, limits, folder, log).answers(orders)

    def worker_for(self, device: Device) -> Worker | None:
        """Return the worker with the fewest lanes among those that may walk the one of ``device``; ``None`` where there is none.

        Where any worker names sites, a device with a site needs one that names it.
        """
        every = tuple(self.workers.values())
        site = device.site if any(each.sites for each in every) else None
        near = [each for each in every if site is None or site in each.sites]
        with self._lock:
            return min(near, key=lambda each: (self._load[each.address], each.name), default=None)

    def builders(self) -> tuple[Worker, ...]:
        """Return the workers that build: those with the resource for it, where there are none, all."""
        every = tuple(self.workers.values())
        return tuple(each for each in every if each.builds) or every

    def lack_of_workers(self, device: Device, waited_s: float) -> FarmError:
        """Return the error of a lane that no worker may walk, with the command that starts one."""
        is_far = device.site is not None and bool(self.workers)
        which = f"no worker of site {device.site}" if is_far else "no worker"
        near = f' --resources "{SITE}{device.site}=1"' if device.site is not None else ""
        return FarmError(
            f"{device.name}: {which} at {self.address} within {waited_s:g} s",
            hint=f"start one near the device: dask worker {self.address}{near}",
        )

    def begin(
        self, kind: Kind, place: Worker, site: str | None
    ) -> tuple[Future[None], queue.SimpleQueue[dict[str, Any]]]:
        """Give a task to a worker; return it, and where its messages come in."""
        key = f"farm-{uuid4().hex}"
        with self._lock:
            self._load[place.address] += 1
            self._begun += 1
            inbox = self._inboxes[key] = queue.SimpleQueue()
        resources = {f"{SITE}{site}": 0} if site is not None and site in place.sites else None
        future = self._client.submit(
            carry_out,
            kind,
            self._name,
            key,
            key=key,
            workers=[place.address],
            resources=resources,
            retries=0,
            pure=False,
        )
        return future, inbox

    def end(self, place: Worker, future: Future[None]) -> None:
        """Take a task from a worker, whatever it does: one that is lost goes on with nothing when it comes back."""
        with self._lock:
            self._load[place.address] -= 1
            self._inboxes.pop(future.key, None)
        with suppress(Exception):  # the scheduler may be gone
            future.cancel(force=True)

    def line_to(self, mark: str) -> Any:
        """Return the queue of the worker that marked its try so."""
        return queue_of(self._client, f"{self._name}-{mark}")

    def line_from(self, mark: str) -> Any:
        """Return the queue for files of the worker that marked its try so."""
        return queue_back(self._client, f"{self._name}-{mark}")

    def close(self) -> None:
        """Let workers leave what they walk, and disconnect."""
        self._is_closed = True
        with suppress(Exception):
            for _ in range(1 + self._begun):  # each task has a share in it, which a killed worker does not give back
                self._arrived.close()
        with suppress(Exception):
            self._client.close(timeout=SEND_S)

    def _listen(self) -> None:
        """Give each message to its task."""
        # without a time limit: the scheduler logs each one that passes as an error
        message = json.loads(self._arrived.get())
        with self._lock:
            inbox = self._inboxes.get(message["task"])
        if inbox is not None:
            inbox.put(message)

    def _look(self) -> None:
        """Note which workers there are."""
        self.workers = self._ask()
        time.sleep(LOOK_S)

    def _repeat(self, act: Callable[[], None]) -> None:
        try:
            while not self._is_closed:
                act()
        except (Exception, CancelledError) as error:  # noqa: BLE001  of a scheduler that is gone, whatever Dask makes of it
            self.lost = brief(error)

    def _ask(self) -> dict[str, Worker]:
        # not `scheduler_info`: its answer may be one of a timer's own questions, in which no worker is named
        answer = self._client.sync(self._client.scheduler.identity, n_workers=-1)["workers"]
        return {
            address: Worker(
                address=address,
                name=str(each["name"]),
                sites=frozenset(name.removeprefix(SITE) for name in each["resources"] if name.startswith(SITE)),
                builds=BUILDS in each["resources"],
            )
            for address, each in answer.items()
            if each.get("status", "running") == "running"
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()


def _client_class() -> type[Client]:
    """Import Dask without what it logs to the terminal; raises `UsageError` where it is not installed."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        import dask

        dask.config.set({"logging": {"distributed": "critical", "distributed.client": "critical"}})
        from distributed import Client
    except ImportError as error:
        hint = "here and where workers run: pip install 'edge-farm[dask]'"
        raise UsageError(f"--executor dask needs the package distributed: {brief(error)}", hint=hint) from error
    return Client  # type: ignore[no-any-return]
