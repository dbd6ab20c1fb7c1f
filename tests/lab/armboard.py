"""The files of an emulated ARM board: Debian's Python and nothing else, made once by the machine's own apt, kept in a cache."""

from __future__ import annotations

import fcntl
import hashlib
import inspect
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What the board has. Its dependencies come along; Python's own are the C library, zlib, expat, libffi, OpenSSL and such.
PACKAGES = ("busybox-static", "libpython3-stdlib", "libstdc++6", "python3-minimal")
#: The commands of a small Linux that busybox gives; what Debian's packages bring themselves comes first.
COMMANDS = (Path(__file__).parent / "data" / "commands").read_text().split()
FOLDERS = (
    "bin",
    "dev",
    "etc",
    "home",
    "mnt",
    "proc",
    "root",
    "run",
    "sys",
    "tmp",
    "usr/bin",
    "usr/local/bin",
    "var/tmp",
)
ACCOUNTS = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n"
#: In /usr/share, of no use on a board that installs nothing.
NEEDLESS = ("doc", "info", "lintian", "locale", "man")

BINFMT = Path("/proc/sys/fs/binfmt_misc")
#: How the kernel knows a program: the ELF header's class (1 or 2), its type (2 or 3) and its machine.
MAGIC = r"\x7fELF\x0{elf_class}\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x{elf_machine:02x}\x00"
MASK = r"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"
#: P hands over argv[0], which this QEMU expects by the ending of its name; F opens it now, so it works in every root.
FLAGS, ENDING = "PF", "binfmt-P"


@dataclass(frozen=True, kw_only=True)
class Processor:
    """What a board may have."""

    #: As `uname -m` prints it.
    machine: str
    #: Debian's word for it, and QEMU's.
    architecture: str
    qemu: str
    #: QEMU's name of the very processor, and the file of tests/lab/data with its /proc/cpuinfo.
    model: str
    cpuinfo: str
    elf_class: int
    elf_machine: int
    packages: tuple[str, ...] = PACKAGES


#: By bits: a Raspberry Pi 4's, and a Raspberry Pi 2's. Nobody publishes a numpy for the latter: it has Debian's.
PROCESSORS = {
    64: Processor(
        machine="aarch64",
        architecture="arm64",
        qemu="aarch64",
        model="cortex-a72",
        cpuinfo="cpuinfo-pi4",
        elf_class=2,
        elf_machine=183,
    ),
    32: Processor(
        machine="armv7l",
        architecture="armhf",
        qemu="arm",
        model="cortex-a7",
        cpuinfo="cpuinfo-pi2",
        elf_class=1,
        elf_machine=40,
        packages=(*PACKAGES, "python3-numpy"),
    ),
}


class BoardError(RuntimeError):
    """The board can't be made here, for the reason in the message."""


@dataclass(frozen=True, kw_only=True)
class Board:
    """What the cache holds."""

    folder: Path
    processor: Processor

    @property
    def rootfs(self) -> Path:
        """The board's root file system; mount it read-only, for every board shares it."""
        return self.folder / "rootfs"

    @property
    def qemu(self) -> Path:
        """The emulator, a static program of this machine."""
        return self.folder / f"{self.processor.qemu}-{ENDING}"


def cache_folder() -> Path:
    """Return where boards are kept: FARM_LAB_CACHE, or a folder in the user's cache."""
    folder = os.environ.get("FARM_LAB_CACHE")
    return Path(folder) if folder else Path.home() / ".cache" / "farm-lab"


def missing() -> str | None:
    """Return why no board can be made here; ``None`` where one can."""
    if platform.machine() != "x86_64" or release().get("ID") != "debian":
        return "the emulated board is made from Debian's packages on an x86-64 Debian; this machine is another"
    if _sources() is None:
        return "the emulated board needs the machine's own apt sources, and /etc/apt names none"
    programs = [name for name in ("apt-get", "dpkg-deb", "mmdebstrap") if shutil.which(name) is None]
    return f"the emulated board needs {', '.join(programs)}: apt install mmdebstrap" if programs else None


def prepare(bits: int = 64) -> Board:
    """Return the board, made now if it is not in the cache, with the kernel ready to run its programs.

    Raises:
        BoardError: A package can't be had, or the kernel refuses an emulator.
    """
    if words := missing():
        raise BoardError(words)
    cache = cache_folder()
    cache.mkdir(parents=True, exist_ok=True)
    processor = PROCESSORS[bits]
    recipe = (
        processor,
        COMMANDS,
        FOLDERS,
        ACCOUNTS,
        inspect.getsource(_fill),
        sorted(release().items()),
        sys.version_info[:2],
    )
    key = hashlib.sha256(repr(recipe).encode()).hexdigest()[:16]
    board = Board(folder=cache / f"{processor.machine}-{key}", processor=processor)
    with _locked(cache / f"{board.folder.name}.lock"):
        if not board.folder.exists():
            with tempfile.TemporaryDirectory(dir=cache, prefix=f".{processor.machine}-") as scratch:
                made = Board(folder=Path(scratch) / "board", processor=processor)
                made.folder.mkdir(mode=0o755)
                _fetch_qemu(made)
                _fill(made)
                made.folder.rename(board.folder)
        _register(board)
    done = subprocess.run(
        ["chroot", board.rootfs, "/bin/uname", "-m"], capture_output=True, text=True, cwd="/", check=False
    )
    if done.stdout.strip() != processor.machine:
        raise BoardError(f"the kernel does not run the board's programs: {(done.stderr or done.stdout).strip()}")
    return board


def _fetch_qemu(board: Board) -> None:
    """Take the one program out of its package, of which the machine needs nothing else."""
    with tempfile.TemporaryDirectory(dir=board.folder) as scratch:
        folder = Path(scratch)
        folder.chmod(0o755)
        try:
            _run("apt-get", "-qq", "download", "qemu-user-static", cwd=folder)
        except BoardError:  # a machine that never asked for the lists of packages
            _run("apt-get", "-qq", "update", cwd=folder)
            _run("apt-get", "-qq", "download", "qemu-user-static", cwd=folder)
        (package,) = folder.glob("*.deb")
        _run("dpkg-deb", "--extract", package.name, "unpacked", cwd=folder)
        (folder / "unpacked" / "usr" / "bin" / f"qemu-{board.processor.qemu}-static").rename(board.qemu)


def _fill(board: Board) -> None:
    """Unpack the packages and make of them what logs in."""
    rootfs, processor = board.rootfs, board.processor
    _run(
        *("mmdebstrap", "--quiet", "--mode=root", f"--architectures={processor.architecture}", "--variant=extract"),
        *(f"--include={','.join(processor.packages)}", '--aptopt=APT::Install-Recommends "false"'),
        *(release()["VERSION_CODENAME"], str(rootfs), str(_main_sources(board.folder))),
        cwd=rootfs.parent,
    )
    for name in (*(f"usr/share/{name}" for name in NEEDLESS), "dev", "var/cache", "var/lib/apt"):
        shutil.rmtree(rootfs / name, ignore_errors=True)
    for name in FOLDERS:
        (rootfs / name).mkdir(parents=True, exist_ok=True)
    for name in ("tmp", "var/tmp"):
        (rootfs / name).chmod(0o1777)
    (rootfs / "root").chmod(0o700)
    for name in COMMANDS:
        if not os.path.lexists(rootfs / "bin" / name) and not os.path.lexists(rootfs / "usr" / "bin" / name):
            (rootfs / "bin" / name).symlink_to("busybox")
    for library in (*rootfs.glob("usr/lib/*/blas/*.so.3"), *rootfs.glob("usr/lib/*/lapack/*.so.3")):
        # an alternative, which an installation would have linked
        (library.parents[1] / library.name).symlink_to(library.relative_to(library.parents[1]))
    sources = release()
    described = "".join(f'{key}="{sources[key]}"\n' for key in ("PRETTY_NAME", "VERSION_ID", "ID") if key in sources)
    for name, text in (
        ("passwd", ACCOUNTS),
        ("group", "root:x:0:\nnogroup:x:65534:\n"),
        ("hosts", "127.0.0.1 localhost\n"),
        ("machine-id", ""),
        ("os-release", described),
    ):
        path = rootfs / "etc" / name
        path.unlink(missing_ok=True)
        path.write_text(text)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if (library := rootfs / "usr" / "lib" / f"python{version}").is_dir():
        # The same on both machines; without it every import there costs a second more.
        _run(sys.executable, "-m", "compileall", "-q", "-j2", "-s", str(rootfs), "-p", "/", str(library), cwd=rootfs)


def _register(board: Board) -> None:
    """Register the emulator with the kernel where it is not yet; the registration stays until the next boot."""
    processor = board.processor
    name = f"qemu-{processor.qemu}"
    magic = MAGIC.format(elf_class=processor.elf_class, elf_machine=processor.elf_machine)
    try:
        if not (BINFMT / "register").exists():
            _run("mount", "-t", "binfmt_misc", "binfmt_misc", str(BINFMT), cwd=Path("/"))
        if not (BINFMT / name).exists():
            (BINFMT / "register").write_bytes(f":{name}:M::{magic}:{MASK}:{board.qemu}:{FLAGS}".encode())
    except (OSError, BoardError) as error:
        raise BoardError(
            f"the kernel takes no emulator for {processor.machine} programs (binfmt_misc): {error}"
        ) from error


def release() -> dict[str, str]:
    """Return the fields of /etc/os-release, none where it is missing."""
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def _sources() -> Path | None:
    """Return Debian's part of the machine's apt sources."""
    places = (Path("/etc/apt/sources.list.d/debian.sources"), Path("/etc/apt/sources.list"))
    return next((path for path in places if path.is_file() and path.stat().st_size), None)


def _main_sources(folder: Path) -> Path:
    """Write the machine's sources without those of security updates: a test board needs none, and a list less to fetch."""
    sources = _sources()
    assert sources is not None
    between = "\n\n" if sources.suffix == ".sources" else "\n"
    parts = [part for part in sources.read_text().split(between) if "-security" not in part]
    written = folder / sources.name
    written.write_text(between.join(parts) + "\n")
    return written


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run(*command: str, cwd: Path) -> None:
    done = subprocess.run(
        command,
        cwd=cwd,
        env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        words = (done.stderr or done.stdout).strip()[-2000:]
        raise BoardError(f"{' '.join(command)} exited {done.returncode}: {words}")
