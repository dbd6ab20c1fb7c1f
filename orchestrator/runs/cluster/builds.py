"""Artifacts built by the workers of a cluster, those of one model by one of them."""

from __future__ import annotations

import queue
import threading
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from orchestrator.errors import FarmError
from orchestrator.models.artifacts import Placed
from orchestrator.models.blob_folder import BlobFolder
from orchestrator.models.build_processes import Answer, run_all
from orchestrator.runs.cluster import build_errand
from orchestrator.runs.cluster.build_errand import Sent, WorkerUnfitError
from orchestrator.runs.cluster.errand import TICK_S, Errand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from orchestrator.datasets.base import Datasets
    from orchestrator.models.build_processes import BuildLimits, Order
    from orchestrator.runs.cluster.cluster import Cluster

#: A model's builds that so many workers were lost with are tried no more.
MOST_LOST = 3
#: How long each place may take to end where nothing more is wanted.
END_S = 5.0
#: Kinds of models whose code is in files of the controller's.
NOT_SENT = frozenset({"python"})


@dataclass(kw_only=True, eq=False, slots=True)
class _Group:
    """Builds of one model that are still to be done, by their numbers."""

    name: str
    orders: dict[int, Order]
    #: Addresses of workers that would not, or are gone.
    tried: set[str] = field(default_factory=set)
    lost: int = 0
    sent: Sent | None = None
    #: The worker that builds, ``None`` where this process does.
    errand: Errand | None = None
    is_cancelled: bool = False

    @property
    def is_sent(self) -> bool:
        return next(iter(self.orders.values())).plain["model"]["kind"] not in NOT_SENT

    def cancel(self) -> None:
        self.is_cancelled = True
        if self.errand is not None:
            self.errand.cancel()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ended:
    """A place, ``None`` for this process, has no more to do for a group; ``error`` says why builds are left."""

    group: _Group
    address: str | None
    error: Exception | None = None


class ClusterBuilds:
    """Has workers build, one model at a time each; what none of them can build, this process builds.

    Used once.
    """

    def __init__(self, cluster: Cluster, datasets: Datasets, limits: BuildLimits, folder: Path, log: Path) -> None:
        self._cluster, self._datasets, self._limits = cluster, datasets, limits
        self._folder, self._log = folder, log
        self._blobs = BlobFolder(folder / "to-workers")
        self._waiting: deque[_Group] = deque()
        #: Address of a worker, ``None`` for this process -> what it builds.
        self._running: dict[str | None, _Group] = {}
        self._threads: list[threading.Thread] = []
        self._inbox: queue.SimpleQueue[tuple[_Group, Answer | Placed] | _Ended] = queue.SimpleQueue()

    def answers(self, orders: Sequence[Order]) -> Iterator[Answer | Placed]:
        """Yield each answer as it is there, and where builds begin; whoever stops listening ends them everywhere."""
        groups: dict[str, _Group] = {}
        for order in orders:
            groups.setdefault(order.group, _Group(name=order.group, orders={})).orders[order.number] = order
        self._waiting.extend(groups.values())
        try:
            while self._waiting or self._running:
                yield from self._begin()
                try:
                    item = self._inbox.get(timeout=TICK_S)
                except queue.Empty:
                    continue
                if isinstance(item, _Ended):
                    yield from self._end(item)
                    continue
                group, happened = item
                if isinstance(happened, Answer):
                    del group.orders[happened.number]
                yield happened
        finally:
            for group in self._running.values():
                group.cancel()
            for thread in self._threads:
                thread.join(END_S)

    def _begin(self) -> Iterator[Placed]:
        """Give those that wait to places that are free: to workers, and what no worker can build to this process."""
        workers = self._cluster.builders() if self._cluster.lost is None else ()
        for group in list(self._waiting):
            able = [each for each in workers if group.is_sent and each.address not in group.tried]
            free = next((each for each in able if each.address not in self._running), None)
            if free is not None:
                errand = group.errand = Errand(self._cluster, f"builds of {group.name}", free, "build")
                yield Placed(what=f"worker {free.name} builds {self._words(group)}")
                self._start(group, free.address, partial(self._on_worker, group, errand))
            elif not able and None not in self._running:
                why = "no worker can" if group.is_sent else "its code is not sent to workers"
                yield Placed(what=f"this machine builds {self._words(group)}: {why}")
                group.errand = None
                self._start(group, None, partial(self._here, group))

    @staticmethod
    def _words(group: _Group) -> str:
        schemes = dict.fromkeys(order.plain["scheme"] for order in group.orders.values())
        return f"{group.name} ({', '.join(schemes)})"

    def _start(self, group: _Group, address: str | None, act: Callable[[], Iterator[Answer | Placed]]) -> None:
        self._waiting.remove(group)
        self._running[address] = group

        def run() -> None:
            error = None
            try:
                for happened in act():
                    self._inbox.put((group, happened))
            except Exception as raised:  # noqa: BLE001  of a scheduler that is gone, whatever Dask makes of it
                error = raised
            self._inbox.put(_Ended(group=group, address=address, error=error))

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _on_worker(self, group: _Group, errand: Errand) -> Iterator[Answer | Placed]:
        try:
            orders = tuple(group.orders.values())
            group.sent = group.sent or Sent(orders, self._datasets, self._blobs)
            text = group.sent.order(orders, self._limits)
        except FarmError as error:  # the model's files, or its images: no place can build it
            for number in tuple(group.orders):
                yield Answer(number=number, seconds=0.0, plain={"error": str(error)})
            return
        wanted = frozenset(order.number for order in orders)
        yield from build_errand.answers(
            errand, group.sent, text, wanted, self._folder, timeout_s=self._limits.timeout_s
        )

    def _here(self, group: _Group) -> Iterator[Answer]:
        return run_all(
            list(group.orders.values()),
            self._limits,
            self._folder,
            self._log,
            is_wanted=lambda: not group.is_cancelled,
        )

    def _end(self, ended: _Ended) -> Iterator[Answer | Placed]:
        """Let a place go; what it leaves waits for another one."""
        group, error = ended.group, ended.error
        del self._running[ended.address]
        if not group.orders:
            return
        if ended.address is None:
            raise error or FarmError(f"the builds of {group.name} ended too early")
        group.tried.add(ended.address)
        worker = "it" if group.errand is None else group.errand.worker.name
        if isinstance(error, FarmError | WorkerUnfitError):
            yield Placed(what=f"worker {worker} does not build {group.name}: {error}")
        else:
            group.lost += 1
            yield Placed(what=f"worker {worker} is lost in the middle of building {self._words(group)}")
        if group.lost < MOST_LOST:
            self._waiting.append(group)
            return
        for number in list(group.orders):
            del group.orders[number]
            yield Answer(number=number, seconds=0.0, plain={"error": f"{group.lost} workers were lost with its build"})
