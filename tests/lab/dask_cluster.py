"""A Dask cluster for tests: a scheduler and workers, each a process of its own on the loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.project import wait_for
from tests.lab.sshd import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DASK = [sys.executable, "-m", "dask"]


@dataclass(kw_only=True)
class DaskCluster:
    """A scheduler, with workers that are started one by one, each in a folder with farm's own files."""

    folder: Path
    port: int
    protocol: str = "tcp"
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where the scheduler is."""
        return f"{self.protocol}://127.0.0.1:{self.port}"

    def start(self, *words: str, folder: Path) -> subprocess.Popen[bytes]:
        """Start a program of Dask's in ``folder``."""
        folder.mkdir(parents=True, exist_ok=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FARM_")}
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*DASK, *words], cwd=folder, env=kept, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.processes.append(process)
        return process

    def worker(self, name: str, known_hosts: str, *more: str) -> subprocess.Popen[bytes]:
        """Start a worker with one thread that trusts ``known_hosts``."""
        folder = self.folder / f"worker-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / ".farm").mkdir(parents=True, mode=0o700)
        (folder / ".farm" / "known_hosts").write_text(known_hosts)
        words = ("worker", self.address, "--name", name, "--nthreads", "1", "--no-nanny", "--no-dashboard")
        return self.start(*words, "--local-directory", str(folder / "scratch"), *more, folder=folder)

    def wait_for_workers(self) -> None:
        """Return when every worker that was started is known to the scheduler."""
        logs = [folder / "log" for folder in self.folder.glob("worker-*")]
        wait_for(lambda: all("Registered to:" in log.read_text() for log in logs))

    def log(self, name: str) -> str:
        """Return what a worker printed."""
        return (self.folder / f"worker-{name}" / "log").read_text()

    def end(self) -> None:
        """End every process that is still there."""
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def dask_scheduler(tmp_path: Path) -> Iterator[Callable[..., DaskCluster]]:
    """Give ``dask_scheduler(*words, protocol="tcp")``: a scheduler of the test's own, which is gone after it with its workers."""
    started: list[DaskCluster] = []

    def start(*words: str, protocol: str = "tcp") -> DaskCluster:
        started.append(_started(tmp_path / "dask", *words, protocol=protocol))
        return started[-1]

    yield start
    for cluster in started:
        cluster.end()


@pytest.fixture(scope="module")
def shared_scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    """Give a scheduler that the tests of a module share."""
    cluster = _started(tmp_path_factory.mktemp("scheduler"))
    yield cluster
    cluster.end()


@pytest.fixture
def dask_cluster(tmp_path: Path, shared_scheduler: DaskCluster) -> Iterator[DaskCluster]:
    """Give a running scheduler without workers; those that the test starts are gone after it."""
    cluster = DaskCluster(folder=tmp_path / "dask", port=shared_scheduler.port)
    yield cluster
    cluster.end()


def _started(folder: Path, *words: str, protocol: str = "tcp") -> DaskCluster:
    cluster = DaskCluster(folder=folder, port=free_port(), protocol=protocol)
    where = ("--host", f"{protocol}://127.0.0.1", "--port", str(cluster.port), "--no-dashboard")
    cluster.start("scheduler", *where, *words, folder=folder)
    try:
        wait_for(lambda: _answers(cluster.port))
    except BaseException:
        cluster.end()
        raise
    return cluster


def _answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
