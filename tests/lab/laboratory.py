"""A lab of test devices on one machine: a network with no way out, and the hosts in it.

A lab is one network namespace with a bridge in it. Its *keeper* is the first process of a process namespace in which every
host lives: when it ends, the kernel ends all of them, and their networks and mounts go with them. The keeper of a test's lab
reads a pipe from the test's process, so even a killed pytest leaves nothing behind. The machine's own network is never
touched: who wants to reach the hosts enters the lab's (`Lab.command`, `Lab.entered`).
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import pytest

from tests.lab import armboard, namespaces
from tests.lab.hosts import NETWORK, Host, HostSpec, wait_for
from tests.lab.namespaces import Inhabitant
from tests.lab.sshd import make_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

KEEPER = "read -r pid rest </proc/self/stat; echo $pid; exec >&-; ip link set lo up; "
#: The read ends with the pipe; nothing ends the sleep but `down`.
HELD, STANDING = KEEPER + "read -r never", KEEPER + "exec sleep infinity"


@dataclass(kw_only=True)
class Lab:
    """Hosts on one machine, from `up` to `down`."""

    folder: Path
    specs: tuple[HostSpec, ...]
    _processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict, repr=False)

    @classmethod
    def up(cls, folder: Path, specs: Iterable[HostSpec], *, standing: bool = False) -> Lab:
        """Start a lab in a new folder, and return when every host answers.

        A lab ends with the process that started it, unless it is ``standing``; then `down` ends it.

        Raises:
            BoardError: A board is wanted and can't be made here.
        """
        lab = cls(folder=folder.resolve(), specs=tuple(specs))
        lab.folder.mkdir(parents=True)
        (lab.folder / "lab.json").write_text(json.dumps([asdict(spec) for spec in lab.specs], indent=1) + "\n")
        _ = lab.boards
        make_key(lab.identity_file)
        try:
            lab._keep(standing=standing)
            for host in lab:
                host.prepare()
                host.start()
            lab.write_client_files()
            for host in lab:
                host.ready()
        except BaseException:
            lab.down()
            raise
        return lab

    @classmethod
    def find(cls, folder: Path) -> Lab:
        """Return the lab that a folder holds."""
        specs = json.loads((folder / "lab.json").read_text())
        return cls(folder=folder.resolve(), specs=tuple(HostSpec(**spec) for spec in specs))

    @cached_property
    def hosts(self) -> dict[str, Host]:
        """Every host by its name."""
        stations: dict[int, int] = {}
        hosts = {}
        for number, spec in enumerate(self.specs):
            network = self.behind[spec.behind] if spec.behind else 1
            station = stations[network] = stations.get(network, 9) + 1
            hosts[spec.name] = Host(spec=spec, lab=self, number=number, network=network, station=station)
        return hosts

    @cached_property
    def behind(self) -> dict[str, int]:
        """The number of the network behind each jump host."""
        names = dict.fromkeys(spec.behind for spec in self.specs if spec.behind)
        assert set(names) <= {spec.name for spec in self.specs}, f"no such jump host: {', '.join(names)}"
        return {name: number for number, name in enumerate(names, 2)}

    @cached_property
    def boards(self) -> dict[int, armboard.Board]:
        """The files of its emulated boards, by their bits."""
        return {bits: armboard.prepare(bits) for bits in sorted({spec.bits for spec in self.specs if spec.arm})}

    @property
    def keeper(self) -> Inhabitant:
        """The process with which the lab ends, in the controller's network."""
        found = Inhabitant.read(self.folder / "keeper")
        assert found is not None, f"no lab is up in {self.folder}"
        return found

    @property
    def is_up(self) -> bool:
        """Whether it is up; single hosts may be off."""
        return Inhabitant.read(self.folder / "keeper") is not None

    @property
    def identity_file(self) -> Path:
        """The private key that every host takes."""
        return self.folder / "client_key"

    @property
    def known_hosts(self) -> Path:
        """A file that trusts every host's key, where farm looks for it beside the inventory."""
        return self.folder / ".farm" / "known_hosts"

    @property
    def inventory(self) -> Path:
        """An inventory of every host."""
        return self.folder / "inventory.yaml"

    @property
    def ssh_config(self) -> Path:
        """A configuration with which `ssh NAME` works, inside the lab."""
        return self.folder / "ssh_config"

    def __getitem__(self, name: str) -> Host:
        """Return a host by its name."""
        return self.hosts[name]

    def __iter__(self) -> Iterator[Host]:
        """Go through the hosts in their order."""
        return iter(self.hosts.values())

    def command(self, *argv: str | Path) -> list[str]:
        """Return a command as the controller runs it: in the lab's network, otherwise on this machine."""
        return self.keeper.command(*argv)

    def entered(self) -> AbstractContextManager[None]:
        """Have this thread be the controller: its connections, and threads started meanwhile, are in the lab's network."""
        return self.keeper.entered()

    def ssh(self, name: str, *argv: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        """Log in to a host with OpenSSH, as a person would."""
        return subprocess.run(
            self.command("ssh", "-F", self.ssh_config, name, *argv),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
            check=False,
        )

    def write_client_files(self) -> None:
        """Write known_hosts, an inventory and a configuration of ssh for the hosts as they are."""
        self.known_hosts.parent.mkdir(exist_ok=True)
        self.known_hosts.write_text("".join(f"{host.known_hosts_line}\n" for host in self))
        entries = {
            host.name: {"address": host.address, "user": "root", "identity_file": str(self.identity_file)}
            | ({"via": host.spec.behind} if host.spec.behind else {})
            for host in self
        }
        self.inventory.write_text(json.dumps({"devices": entries}, indent=1) + "\n")  # which is YAML too
        text = (
            f"Host *\n  User root\n  IdentityFile {self.identity_file}\n  IdentitiesOnly yes\n  BatchMode yes\n"
            f"  UserKnownHostsFile {self.known_hosts}\n  GlobalKnownHostsFile /dev/null\n  StrictHostKeyChecking yes\n"
            "  ConnectTimeout 10\n"
        )
        for host in self:
            text += f"Host {host.name}\n  HostName {host.address}\n"
            text += f"  ProxyJump {host.spec.behind}\n" if host.spec.behind else ""
        self.ssh_config.write_text(text)

    def down(self) -> None:
        """End every host and the network; the files stay."""
        keeper = Inhabitant.read(self.folder / "keeper")
        if keeper is not None:
            with suppress(ProcessLookupError):
                os.kill(keeper.pid, signal.SIGKILL)
        for name in list(self._processes):
            self.reap(name)
        wait_for(lambda: Inhabitant.read(self.folder / "keeper") is None, "the lab does not end")
        wait_for(lambda: all(host.inhabitant is None for host in self), "a host does not end")

    def adopt(self, name: str, process: subprocess.Popen[str]) -> None:
        """Remember a process of ours."""
        self._processes[name] = process

    def reap(self, name: str) -> None:
        """Wait for a process of ours that has been ended."""
        if (process := self._processes.pop(name, None)) is not None:
            if process.stdin:
                process.stdin.close()
            process.wait(timeout=300)

    def _keep(self, *, standing: bool) -> None:
        """Start the keeper and lay its bridges."""
        process = subprocess.Popen(
            [
                *("unshare", "--net", "--pid", "--fork", "--kill-child=SIGKILL"),
                *("sh", "-c", STANDING if standing else HELD),
            ],
            stdin=subprocess.DEVNULL if standing else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            cwd="/",
        )
        self.adopt("/keeper", process)
        with process.stdout:
            keeper = Inhabitant.of(int(process.stdout.readline()))
        keeper.write(self.folder / "keeper")
        for number in (1, *self.behind.values()):
            keeper.ip(
                f"link add br{number} type bridge forward_delay 0",
                f"link set br{number} addrgenmode none",
                f"link set br{number} up",
            )
        keeper.ip(f"addr add {NETWORK}.1.1/24 dev br1")


def missing(specs: Iterable[HostSpec]) -> str | None:
    """Say why this machine can't have such hosts; ``None`` where it can."""
    specs = tuple(specs)
    words = namespaces.missing()
    if words is None and any(spec.server == "dropbear" for spec in specs):
        absent = [name for name in ("dropbear", "dropbearconvert") if shutil.which(name) is None]
        words = f"test devices need {', '.join(absent)} (Debian: apt install dropbear-bin)" if absent else None
    if words is None and any(spec.arm for spec in specs):
        words = armboard.missing()
    return words


def needed() -> bool:
    """Tell whether this is a place where labs must work: a job of continuous integration on Debian, as root."""
    debian = armboard.release().get("ID") == "debian" and platform.machine() == "x86_64"
    return bool(os.environ.get("CI")) and debian and os.geteuid() == 0


@pytest.fixture(scope="module")
def lab(tmp_path_factory) -> Iterator[Callable[..., Lab]]:
    """Give ``lab(HostSpec(name="x86-a"), …)``, which starts one; it is down after the module's tests."""
    started: list[Lab] = []

    def start(*specs: HostSpec) -> Lab:
        words = missing(specs)
        if words is None:
            try:
                started.append(Lab.up(tmp_path_factory.mktemp("lab") / "hosts", specs))
            except armboard.BoardError as error:
                words = str(error)
            else:
                return started[-1]
        pytest.fail(words) if needed() else pytest.skip(words)
        raise AssertionError(words)

    yield start
    for each in started:
        each.down()
