"""A real OpenSSH server for tests: as many devices as a test wants, each its own process, port and host key."""

from __future__ import annotations

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.domain.device import Device

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Debian and Fedora keep it outside an ordinary user's PATH.
BINARY = shutil.which("sshd", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin:/usr/local/sbin")

#: sshd takes the first value of a setting, so a test's own come before ours.
CONFIG = """\
{extra}
ListenAddress 127.0.0.1:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
MaxAuthTries 20
MaxStartups 200
PrintMotd no
Subsystem sftp internal-sftp
"""


@dataclass(kw_only=True)
class Sshd:
    """One device: a running sshd, with all a controller needs to log in there."""

    name: str
    folder: Path
    port: int
    #: Lines for its configuration, e.g. ``ForceCommand …``.
    extra: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def device(self) -> Device:
        """Its entry of the inventory. The agent's files go into a directory of this device's own."""
        return Device(
            name=self.name,
            address="127.0.0.1",
            port=self.port,
            user=getpass.getuser(),
            identity_file=str(self.identity_file),
            workdir=str(self.folder / "work"),
        )

    @property
    def known_hosts(self) -> Path:
        """A file that trusts this device's first host key."""
        return self.folder / "known_hosts"

    @property
    def identity_file(self) -> Path:
        """A private key the device takes."""
        return self.folder / "client_key"

    @property
    def fingerprint(self) -> str:
        """The fingerprint of its present host key, by ssh-keygen."""
        shown = subprocess.run(
            ["ssh-keygen", "-lf", self.folder / "host_key.pub"], check=True, capture_output=True, text=True
        )
        return shown.stdout.split()[1]

    @property
    def log(self) -> str:
        """The output of the server so far."""
        return (self.folder / "log").read_text()

    def start(self) -> None:
        """Serve; returns when it does."""
        (self.folder / "sshd_config").write_text(CONFIG.format(port=self.port, folder=self.folder, extra=self.extra))
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(BINARY), "-D", "-e", "-f", str(self.folder / "sshd_config")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 120
        while True:
            assert self.process.poll() is None, f"sshd ended: {self.log}"
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=10) as probe:
                if probe.recv(4) == b"SSH-":
                    return
            assert time.monotonic() < deadline, f"sshd does not answer: {self.log}"
            time.sleep(0.01)

    def stop(self) -> None:
        """End the server and every connection to it: the device is off."""
        if self.process is None:
            return
        sessions = self._descendants()
        self.process.kill()
        self.process.wait()
        self.process = None
        _kill(sessions)

    def cut(self) -> int:
        """Kill the live connections and nothing else; return how many server processes that were.

        Programs that run detached on the device survive, as they do when a cable is pulled out.
        """
        sessions = self._descendants()
        _kill(sessions)
        return len(sessions)

    @property
    def connections(self) -> int:
        """How many server processes there are for connections."""
        return len(self._descendants())

    def freeze(self) -> None:
        """Stop the live connections without ending them: the device has hung, its kernel still answers."""
        for process in self._descendants():
            os.kill(process, signal.SIGSTOP)

    def renew_host_key(self) -> None:
        """Come back on the same port as a re-imaged device does: with another host key."""
        self.stop()
        (self.folder / "host_key").unlink()
        (self.folder / "host_key.pub").unlink()
        make_key(self.folder / "host_key")
        self.start()

    def _descendants(self) -> list[int]:
        """Return the sshd processes below the listening one: a monitor and its child for every connection."""
        assert self.process is not None
        table = subprocess.run(["ps", "-eo", "pid=,ppid=,comm="], check=True, capture_output=True, text=True).stdout
        rows = [line.split(None, 2) for line in table.splitlines()]
        family = {self.process.pid}
        for _ in rows:
            more = {int(pid) for pid, parent, comm in rows if int(parent) in family and comm.startswith("sshd")}
            if more <= family:
                break
            family |= more
        return sorted(family - {self.process.pid})


def make_key(path: Path) -> None:
    """Write a fresh key pair without a passphrase to ``path`` and ``path.pub``."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path], check=True)


def free_port() -> int:
    """Return a loopback port on which nothing listens, below those that Linux gives to connections: no other test gets it by chance."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Callable[..., Sshd]]:
    """Give ``sshd(name="pi5-a", extra="")``, which starts a device; all are gone after the test."""
    missing = [name for name, path in (("sshd", BINARY), ("ssh-keygen", shutil.which("ssh-keygen"))) if not path]
    if missing:
        words = f"no {' or '.join(missing)} here: install OpenSSH (Debian: apt-get install openssh-server)"
        pytest.fail(words) if os.environ.get("CI") else pytest.skip(words)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where sshd drops its privileges; a boot script makes it
    started: list[Sshd] = []

    def start(name: str = "pi5-a", *, extra: str = "") -> Sshd:
        folder = tmp_path / f"device-{name}"
        folder.mkdir()
        make_key(folder / "host_key")
        make_key(folder / "client_key")
        shutil.copy(folder / "client_key.pub", folder / "authorized_keys")
        server = Sshd(name=name, folder=folder, port=free_port(), extra=extra)
        kind, blob = (folder / "host_key.pub").read_text().split()[:2]
        server.known_hosts.write_text(f"[127.0.0.1]:{server.port} {kind} {blob}\n")
        server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


def _kill(processes: list[int]) -> None:
    for process in processes:
        with suppress(ProcessLookupError, PermissionError):  # gone already, or root's half of a user's session
            os.kill(process, signal.SIGKILL)
