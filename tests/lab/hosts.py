"""Test devices on this machine: each its own network, processes, home and SSH server, on a cable that can be pulled out."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import uuid
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.domain.device import Device
from tests.lab.armboard import PROCESSORS, Processor
from tests.lab.cable import Quality
from tests.lab.namespaces import Inhabitant
from tests.lab.sshd import make_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab.laboratory import Lab

DATA = Path(__file__).parent / "data"
#: The first /24 holds what the controller reaches; every jump host has one of its own behind it.
NETWORK = "10.77"
#: sshd takes the first value of a setting, so a host's own come before these.
CONFIG = """\
{extra}
Port 22
HostKey /mnt/host/host_key
AuthorizedKeysFile .ssh/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
UseDNS no
PrintMotd no
PrintLastLog no
MaxStartups 200
MaxSessions 64
Subsystem sftp internal-sftp
"""
SHELL = "/bin/sh"


@dataclass(frozen=True, kw_only=True)
class HostSpec:
    """What a host is."""

    name: str
    #: ``openssh``, or ``dropbear``, which has no sftp server.
    server: str = "openssh"
    #: The host through which alone it can be reached.
    behind: str | None = None
    #: An emulated aarch64 board with nothing but Python on it.
    arm: bool = False
    #: A board's: 64, or 32 for an armv7l one, which has Debian's numpy too.
    bits: int = 64
    #: The Python it has; none named means the one that runs this. A board has its own.
    python: str | None = None
    #: Whether it has the packages of the Python that runs this: numpy, LiteRT. A board has none of them.
    packages: bool = False
    #: The login shell.
    shell: str = SHELL
    #: Whether dropbear takes passwords; OpenSSH gets that from ``extra``.
    passwords: bool = False
    #: Lines for sshd's configuration.
    extra: str = ""
    #: Shell commands that its first process runs before it is reachable, as root in its own namespaces.
    dress: str = ""
    #: A folder of this machine that it sees, read-only, as ``/mnt/share``.
    share: str = ""

    @property
    def processor(self) -> Processor:
        """A board's processor."""
        return PROCESSORS[self.bits]


@dataclass(kw_only=True)
class Host:
    """One device of a lab."""

    spec: HostSpec
    lab: Lab = field(repr=False)
    #: Its number in the lab, and the last two numbers of its address.
    number: int
    network: int
    station: int

    @property
    def name(self) -> str:
        """Its name, which is its hostname too."""
        return self.spec.name

    @property
    def folder(self) -> Path:
        """Its files on the machine: ``root`` is its home directory, ``tmp`` its /tmp, ``log`` what its server prints."""
        return self.lab.folder / self.name

    @property
    def address(self) -> str:
        """Its address, of use inside the lab only."""
        return f"{NETWORK}.{self.network}.{self.station}"

    @property
    def device(self) -> Device:
        """Its entry of the inventory."""
        return Device(
            name=self.name,
            address=self.address,
            port=22,
            user="root",
            identity_file=str(self.lab.identity_file),
            via=self.lab[self.spec.behind].device if self.spec.behind else None,
        )

    @property
    def fingerprint(self) -> str:
        """The fingerprint of its host key, by ssh-keygen."""
        shown = output_of("ssh-keygen", "-lf", self.folder / "host_key.pub")
        return shown.split()[1]

    @property
    def known_hosts_line(self) -> str:
        """Its line in a known_hosts file."""
        return " ".join([self.address, *(self.folder / "host_key.pub").read_text().split()[:2]])

    @property
    def log(self) -> str:
        """The output of its first process and of its server so far."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def inhabitant(self) -> Inhabitant | None:
        """Its first process while it is on."""
        return Inhabitant.read(self.folder / "pid")

    def run(self, *argv: str, check: bool = True, timeout: float = 300) -> str:
        """Do something in there as root, without a login; return what it prints."""
        process = self.inhabitant
        assert process is not None, f"{self.name} is off"
        if self.spec.arm:
            argv = ("env", f"QEMU_CPU={self.spec.processor.model}", "chroot", "/mnt/python", *argv)
        return output_of(*process.command(*argv, everything=True), check=check, timeout=timeout)

    def link_down(self) -> None:
        """Pull its cable out: what was sent is lost, without a notice to anyone."""
        self.lab.keeper.ip(f"link set v{self.number} down")

    def link_up(self) -> None:
        """Put its cable back."""
        self.lab.keeper.ip(f"link set v{self.number} up")

    def kill(self) -> None:
        """Cut its power: every process ends at once, what was written to its home stays."""
        if (process := self.inhabitant) is not None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        self._unlay()
        self.lab.reap(self.name)
        wait_for(lambda: self.inhabitant is None, f"{self.name} does not end")

    def start(self) -> None:
        """Switch it on and return before it answers; `ready` waits."""
        assert self.inhabitant is None, f"{self.name} is on already"
        keeper, spec = self.lab.keeper, self.spec
        prefix, python = (str(self.lab.boards[spec.bits].rootfs), "") if spec.arm else _python(spec.python)
        process = subprocess.Popen(
            [
                *("nsenter", f"--target={keeper.pid}", "--net", "--pid", "--"),
                *("unshare", "--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child=SIGKILL"),
                *("sh", DATA / "boot.sh", self.name, self.folder),
                *("arm" if spec.arm else spec.server, prefix, python, spec.share),
                sysconfig.get_path("platlib") if spec.packages else "",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
            cwd="/",
        )
        with process.stdout, process.stdin:
            line = process.stdout.readline()
            if not line.strip():
                process.wait()
                raise AssertionError(f"{self.name} does not boot: {self.log}")
            self.lab.adopt(self.name, process)
            inside = Inhabitant.of(int(line))
            inside.write(self.folder / "pid")
            self._plug(inside)
            process.stdin.write("plugged\n")

    def boot(self) -> None:
        """Switch it on, and return when its SSH server answers."""
        self.start()
        self.ready()

    def ready(self) -> None:
        """Wait until its SSH server answers."""

        def answers() -> bool:
            process = self.inhabitant
            assert process is not None, f"{self.name} went off: {self.log}"
            with suppress(OSError), process.entered(), socket.create_connection(("127.0.0.1", 22), 1) as probe:
                return probe.recv(4) == b"SSH-"
            return False

        wait_for(answers, f"{self.name} does not answer")

    def prepare(self) -> None:
        """Write its files, once in its life."""
        for name in ("root/.ssh", "tmp"):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "tmp").chmod(0o1777)
        for name in ("root", "root/.ssh"):
            (self.folder / name).chmod(0o700)
        shutil.copy(f"{self.lab.identity_file}.pub", self.folder / "root" / ".ssh" / "authorized_keys")
        shutil.copy(DATA / self.spec.processor.cpuinfo, self.folder / "cpuinfo")
        (self.folder / "machine-id").write_text(f"{uuid.uuid4().hex}\n")
        users = (
            f"root:x:0:0:root:/root:{self.spec.shell}",
            "sshd:x:100:65534::/run/sshd:/usr/sbin/nologin",
            "nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin",
        )
        (self.folder / "passwd").write_text("".join(f"{user}\n" for user in users))
        extra = self.spec.extra
        if self.spec.arm:
            extra += f"\nChrootDirectory /mnt/python\nSetEnv QEMU_CPU={self.spec.processor.model}"
        (self.folder / "sshd_config").write_text(CONFIG.format(extra=extra))
        if self.spec.passwords:
            (self.folder / "passwords").touch()
        if self.spec.dress:
            (self.folder / "dress.sh").write_text(self.spec.dress)
        self.make_host_key()

    def make_host_key(self) -> None:
        """Have a new host key, as a re-imaged device; an SSH server that runs keeps the old one."""
        for path in self.folder.glob("host_key*"):
            path.unlink()
        make_key(self.folder / "host_key")
        if self.spec.server == "dropbear":
            output_of("dropbearconvert", "openssh", "dropbear", self.folder / "host_key", self.folder / "dropbear_key")

    def cable(self, **quality: float) -> None:
        """Have a slow or lossy cable (`tests.lab.cable.Quality`) from now on, also after a power cut; changes take 0.2 s."""
        first = not self._quality.exists()
        draft = self.folder / "cable.draft"
        draft.write_text(json.dumps(asdict(Quality(**quality))))
        draft.rename(self._quality)
        if first and (inside := self.inhabitant) is not None:
            self._plug(inside)

    @property
    def _quality(self) -> Path:
        return self.folder / "cable.json"

    def _plug(self, inside: Inhabitant) -> None:
        """Lay a cable from its eth0 to the bridge, and from a jump host's eth1 to the bridge behind it."""
        cables = [("v", self.network, self.station, "eth0")]
        if self.name in self.lab.behind:
            cables.append(("w", self.lab.behind[self.name], 1, "eth1"))
        for kind, network, station, device in cables:
            plug = f"{kind}{self.number}"
            with suppress(AssertionError):  # the other end went with a former life, and this one soon
                self.lab.keeper.ip(f"link del {plug}")
            # A fixed hardware address: after a power cut no old one has to be forgotten.
            hardware = f"02:77:00:{network:02x}:00:{station:02x}"
            if kind == "v" and self._quality.exists():
                self._lay(inside, plug, hardware)
            else:
                self.lab.keeper.ip(
                    f"link add {plug} type veth peer name {device} address {hardware} netns {inside.pid}"
                )
            self.lab.keeper.ip(f"link set {plug} master br{network} addrgenmode none up")
            inside.ip(f"addr add {NETWORK}.{network}.{station}/24 dev {device}", f"link set {device} up")

    def _lay(self, inside: Inhabitant, plug: str, hardware: str) -> None:
        """Start the process that is the cable; it ends with the lab."""
        keeper = self.lab.keeper
        self._unlay()
        process = subprocess.Popen(
            [
                *("nsenter", f"--target={keeper.pid}", "--pid", "--", sys.executable, "-m", "tests.lab.cable"),
                *(str(keeper.pid), str(inside.pid), plug, hardware, self._quality),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            cwd=Path(__file__).parents[2],
        )
        with process.stdout:
            line = process.stdout.readline()
        self.lab.adopt(f"{self.name}/cable", process)
        assert line.strip(), f"{self.name} has no cable"
        Inhabitant.of(int(line)).write(self.folder / "cable.pid")

    def _unlay(self) -> None:
        """End the process that is the cable: it holds the host's network."""
        if (process := Inhabitant.read(self.folder / "cable.pid")) is not None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        self.lab.reap(f"{self.name}/cable")


def _python(named: str | None) -> tuple[str, str]:
    """Return the prefix of a Python and the path of its executable in there."""
    if named is None:
        prefix, executable = sys.base_prefix, sys._base_executable
    else:
        printed = output_of(
            named, "-c", "import sys; print(sys.base_prefix); print(getattr(sys, '_base_executable', sys.executable))"
        )
        prefix, executable = printed.splitlines()
    prefix = os.path.realpath(prefix)
    return prefix, os.path.relpath(os.path.realpath(executable), prefix)


def output_of(*command: str | Path, check: bool = True, timeout: float = 300) -> str:
    """Run a command to its end and return what it prints."""
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0 or not check, f"{' '.join(map(str, command))}: {done.stderr.strip()}"
    return done.stdout


def wait_for(condition: Callable[[], bool], otherwise: str, *, seconds: float = 240) -> None:
    """Return when the condition holds; fail with the words when the time is up."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, otherwise
        time.sleep(0.005)
