"""Linux namespaces for test devices: whether there are any, and how a process or a thread gets into one."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: From linux/sched.h: "new network namespace".
CLONE_NEWNET = 0x40000000
#: sshd is where Debian and Fedora keep it; the rest comes with util-linux, iproute2 and OpenSSH's client.
PROGRAMS = ("unshare", "nsenter", "mount", "hostname", "ip", "ssh", "ssh-keygen", "/usr/sbin/sshd")


@dataclass(frozen=True)
class Inhabitant:
    """A process in namespaces of its own, distinct from a later one with the same number by its network namespace."""

    pid: int
    network: int

    @classmethod
    def of(cls, pid: int) -> Inhabitant:
        """Look at a living process."""
        return cls(pid, Path(f"/proc/{pid}/ns/net").stat().st_ino)

    @classmethod
    def read(cls, path: Path) -> Inhabitant | None:
        """Return the one a file names, while it lives."""
        try:
            pid, network = map(int, path.read_text().split())
            found = cls.of(pid)
        except (OSError, ValueError):
            return None
        return found if found.network == network else None

    def write(self, path: Path) -> None:
        """Remember it in a file."""
        path.write_text(f"{self.pid} {self.network}\n")

    def command(self, *argv: str | Path, everything: bool = False) -> list[str]:
        """Return a command that runs in its network, or in all of its namespaces."""
        spaces = ("--net", "--mount", "--uts", "--ipc", "--pid", "--root", "--wd=/") if everything else ("--net",)
        return ["nsenter", f"--target={self.pid}", *spaces, "--", *map(str, argv)]

    def ip(self, *lines: str) -> None:
        """Let iproute2 do things in its network."""
        done = subprocess.run(
            self.command("ip", "-batch", "-"),
            input="".join(f"{line}\n" for line in lines),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"ip: {done.stderr.strip()}"

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Have this thread's network be its network; threads started meanwhile stay in there."""
        before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        inside = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY)
        try:
            _set_network(inside)
            try:
                yield
            finally:
                _set_network(before)
        finally:
            os.close(before)
            os.close(inside)


def missing() -> str | None:
    """Say why this machine can't have test devices in namespaces; ``None`` where it can."""
    if platform.system() != "Linux":
        return "test devices are made of Linux's namespaces, and this is no Linux"
    if os.geteuid() != 0:
        return "test devices need root: namespaces, mounts and a bridge (sudo)"
    if absent := [name for name in PROGRAMS if shutil.which(name) is None]:
        return f"test devices need {', '.join(absent)} (Debian: apt install iproute2 openssh-server util-linux)"
    spaces = ("--net", "--mount", "--uts", "--ipc", "--pid")
    tried = subprocess.run(
        ["unshare", *spaces, "--fork", "--mount-proc", "ip", "link", "add", "br1", "type", "bridge"],
        capture_output=True,
        text=True,
        check=False,
    )
    return f"this machine gives no namespaces or bridges: {tried.stderr.strip()}" if tried.returncode else None


def _set_network(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")
