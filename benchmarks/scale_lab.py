"""What benchmarks of many devices share: a lab of them, a program watched while it runs."""

from __future__ import annotations

import os
import pty
import struct
import subprocess
import sys
import termios
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from fcntl import ioctl
from pathlib import Path

from tests.lab import quick_hosts
from tests.lab.laboratory import Lab

REPOSITORY = Path(__file__).parents[1]
FARM = (sys.executable, "-m", "orchestrator.cli.main")
#: Lines and columns of the terminal in which a run is watched.
TERMINAL = (60, 160)


def up(folder: Path, count: int) -> Lab:
    """Start ``count`` hosts of `tests.lab.quick_hosts`."""
    return Lab.up(folder / "lab", quick_hosts.specs(folder / "share", count))


@dataclass(kw_only=True)
class Cost:
    """What a program took, at most at any moment."""

    wall_s: float = 0.0
    cpu_s: float = 0.0
    rss_bytes: int = 0
    threads: int = 0
    #: Without the reader that paramiko has for each connection.
    own_threads: int = 0
    files: int = 0
    #: To one device.
    connections: int = 0
    #: ``(seconds, bytes)`` of its memory.
    course: list[tuple[float, int]] = field(default_factory=list)
    status: int = 0
    shown: bytes = b""


class Watched:
    """A program in the lab's network on a terminal of its own, looked at five times a second."""

    def __init__(self, lab: Lab, argv: tuple[str, ...], folder: Path) -> None:
        self.cost = Cost()
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("FARM_", "PYTHONDONT"))}
        environment |= {"HOME": str(folder), "PYTHONPATH": str(REPOSITORY), "TERM": "xterm"}
        ours, theirs = pty.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *TERMINAL, 0, 0))
        self._began = time.monotonic()
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *lab.command(*argv)],
            cwd=folder,
            env=environment,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        self._terminal = ours
        self._threads = [threading.Thread(target=target, daemon=True) for target in (self._read, self._look)]
        for thread in self._threads:
            thread.start()

    def end(self) -> Cost:
        """Wait for its end and return what it took."""
        for thread in self._threads:
            thread.join()
        os.close(self._terminal)
        return self.cost

    def _read(self) -> None:
        with suppress(OSError):
            while chunk := os.read(self._terminal, 1 << 16):
                self.cost.shown = (self.cost.shown + chunk)[-(1 << 16) :]

    def _look(self) -> None:
        cost, folder = self.cost, Path(f"/proc/{self.process.pid}")
        while self.process.poll() is None:
            with suppress(OSError, ValueError, LookupError):
                fields = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
                rss = int(fields["VmRSS"].split()[0]) * 1024
                times = (folder / "stat").read_text().rpartition(")")[2].split()
                cost.cpu_s = (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")
                threads, connections = int(fields["Threads"]), _connections(folder)
                cost.rss_bytes, cost.threads = max(cost.rss_bytes, rss), max(cost.threads, threads)
                cost.own_threads = max(cost.own_threads, threads - connections.total())
                cost.files = max(cost.files, len(list((folder / "fd").iterdir())))
                cost.course.append((time.monotonic() - self._began, rss))
                cost.connections = max(cost.connections, *connections.values(), 0)
            time.sleep(0.2)
        cost.wall_s, cost.status = time.monotonic() - self._began, self.process.returncode


def _connections(process: Path) -> Counter[str]:
    """Return how many connections to port 22 each address has, of all that the process's network shows."""
    rows = [line.split() for line in (process / "net" / "tcp").read_text().splitlines()[1:]]
    ends = {
        (row[1], row[2]) for row in rows if row[3] == "01"
    }  # the kernel may list one twice while others come and go
    return Counter(there for _, there in ends if there.endswith(":0016"))


def machine() -> str:
    """Return when and on what a benchmark runs."""
    load = os.getloadavg()[0]
    return f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, load {load:.1f} before it, Python {sys.version.split()[0]}"
