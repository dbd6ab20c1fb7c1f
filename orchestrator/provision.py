"""Wheels to bring along to a device that lacks a runtime, or the internet to get it from.

Which ones is data: ``orchestrator/wheels/RUNTIME.sha256`` pins every file by its hash, so that an environment's name is
known, and the same everywhere, before anything is fetched.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.domain.blob import Blob, Environment
from orchestrator.errors import DeviceUnfit
from orchestrator.rewrite import locked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Fetching one wheel; the biggest has 22 MB.
FETCH_TIMEOUT_S = 900
#: What ``manylinux2014`` means (PEP 599).
MANYLINUX2014 = (2, 17)

_PLATFORM = re.compile(r"manylinux(?:2014|_(\d+)_(\d+))_(\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What of a device decides which wheels run there."""

    machine: str
    python: tuple[int, int]
    #: ``None`` for another C library, such as musl.
    glibc: tuple[int, int] | None

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Target:
        """Read the facts ``machine``, ``python`` (``3.11.2``) and ``libc`` (``glibc 2.36``) of the agent's probe."""
        python = re.search(r"(\d+)\.(\d+)", str(facts.get("python", "")))
        glibc = re.search(r"glibc\D*(\d+)\.(\d+)", str(facts.get("libc", "")))
        machine = str(facts.get("machine", "unknown"))
        return cls(
            machine={"AMD64": "x86_64", "arm64": "aarch64"}.get(machine, machine),
            python=(int(python[1]), int(python[2])) if python else (0, 0),
            glibc=(int(glibc[1]), int(glibc[2])) if glibc else None,
        )

    def __str__(self) -> str:
        libc = "glibc {}.{}".format(*self.glibc) if self.glibc else "no glibc"
        return "{} with Python {}.{} and {}".format(self.machine, *self.python, libc)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One wheel, known by its hash; its file name says what it runs on (PEP 427, PEP 600)."""

    filename: str
    sha256: str

    @property
    def requirement(self) -> str:
        """The wheel as pip is asked for it, this very file and no other."""
        project, version = self.filename.split("-")[:2]
        return f"{project}=={version} --hash=sha256:{self.sha256}"

    @property
    def project(self) -> str:
        """Its distribution: ``numpy``."""
        return self.filename.split("-")[0]

    @property
    def python(self) -> tuple[int, int]:
        """The one Python it is built for."""
        tag = self.filename.split("-")[2].removeprefix("cp")
        return int(tag[0]), int(tag[1:])

    @property
    def platforms(self) -> tuple[str, ...]:
        """Its platform tags; any one of them suffices."""
        return tuple(self.filename.removesuffix(".whl").split("-")[-1].split("."))

    @property
    def machine(self) -> str:
        """The processor it is built for."""
        return self._platforms[0][1]

    @property
    def glibc(self) -> tuple[int, int]:
        """The oldest C library it runs with."""
        return min(glibc for glibc, _ in self._platforms)

    @property
    def _platforms(self) -> tuple[tuple[tuple[int, int], str], ...]:
        matches = [match for tag in self.platforms if (match := _PLATFORM.fullmatch(tag))]
        return tuple(((int(m[1]), int(m[2])) if m[1] else MANYLINUX2014, m[3]) for m in matches)


def pins(runtime: str) -> tuple[Pin, ...]:
    """Return every wheel we know for ``runtime``, for all devices; none where its name is unknown."""
    listed = files("orchestrator") / "wheels" / f"{runtime}.sha256"
    if not listed.is_file():
        return ()
    rows = [line.split() for line in listed.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return tuple(Pin(sha256=sha256, filename=filename) for sha256, filename in rows)


def choose(target: Target, runtime: str, table: Sequence[Pin] | None = None) -> tuple[Pin, ...]:
    """Return the wheels of ``table`` (`pins`) that give ``target`` the runtime; raises `DeviceUnfit` saying why not."""
    every = pins(runtime) if table is None else table
    if not every:
        raise DeviceUnfit(
            f"the device has no runtime {runtime}, and farm has no wheels of it to bring along",
            hint="install it on the device for the Python that the inventory names",
        )
    if target.glibc is None:
        raise _unfit(target, runtime, "its wheels need glibc")
    for_machine = [pin for pin in every if pin.machine == target.machine]
    if not for_machine:
        raise _unfit(target, runtime, f"there are wheels for {_listed(pin.machine for pin in every)}")
    for_python = [pin for pin in for_machine if pin.python == target.python]
    if {pin.project for pin in for_python} != {pin.project for pin in for_machine}:
        pythons = sorted({pin.python for pin in for_machine})
        raise _unfit(target, runtime, "there are wheels for Python {}.{} to {}.{}".format(*pythons[0], *pythons[-1]))
    needed = max(pin.glibc for pin in for_python)
    if target.glibc < needed:
        raise _unfit(target, runtime, "its wheels need glibc {}.{}".format(*needed))
    return tuple(for_python)


def environment_for(
    facts: Mapping[str, Any],
    runtime: str,
    *,
    cache: Path,
    wheelhouse: Path | None = None,
    table: Sequence[Pin] | None = None,
) -> Environment:
    """Return what to bring to a device with these ``facts`` so that it has ``runtime``.

    Wheels are looked for in ``cache``, then in ``wheelhouse``, then fetched by pip into ``cache``; wherever they come
    from, their hashes are checked. Raises `DeviceUnfit` where none fit, or they can't be had.
    """
    chosen = choose(Target.of(facts), runtime, table)
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache):  # devices are probed side by side, and most need the same files
        missing = [pin for pin in chosen if not _is_intact(cache / pin.filename, pin)]
        for pin in missing:
            _obtain(pin, cache, wheelhouse)
    return Environment(
        name=name_of(chosen),
        wheels=tuple(Blob(what=pin.filename, sha256=pin.sha256, path=cache / pin.filename) for pin in chosen),
    )


def name_of(chosen: Sequence[Pin]) -> str:
    """Return the name of the environment that these wheels make: a sha256 over theirs, in order."""
    return hashlib.sha256("\n".join(sorted(pin.sha256 for pin in chosen)).encode()).hexdigest()


def _obtain(pin: Pin, cache: Path, wheelhouse: Path | None) -> None:
    """Put the wheel into ``cache``, whole and checked, or not at all."""
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        there = Path(folder) / pin.filename
        at_hand = wheelhouse / pin.filename if wheelhouse else None
        if at_hand is not None and at_hand.is_file():
            shutil.copyfile(at_hand, there)
        else:
            _fetch(pin, Path(folder), wheelhouse)
        if not _is_intact(there, pin):
            raise DeviceUnfit(
                f"{at_hand or pin.filename}: its sha256 is not {pin.sha256}", hint="it is damaged or not the original"
            )
        there.replace(cache / pin.filename)


def _fetch(pin: Pin, folder: Path, wheelhouse: Path | None) -> None:
    wanted = folder / "requirements.txt"
    wanted.write_text(pin.requirement + "\n", encoding="utf-8")
    platforms = [word for platform in pin.platforms for word in ("--platform", platform)]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--only-binary=:all:", "--implementation", "cp", "--python-version"]
    command += ["{}.{}".format(*pin.python), *platforms, "--require-hashes", "-r", str(wanted), "--dest", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_TIMEOUT_S, check=False)
        failed = done.returncode != 0
        words = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
    except subprocess.TimeoutExpired:
        failed, words = True, [f"pip was not done within {FETCH_TIMEOUT_S} s"]
    if failed:
        looked = f" (and it is not in {wheelhouse})" if wheelhouse else ""
        raise DeviceUnfit(
            f"{pin.filename} can't be fetched{looked}: {words[-1] if words else 'pip said nothing'}",
            hint="without internet here, put the wheel into a folder and name it: --wheelhouse DIR",
        )


def _is_intact(path: Path, pin: Pin) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == pin.sha256


def _unfit(target: Target, runtime: str, why: str) -> DeviceUnfit:
    return DeviceUnfit(
        f"no {runtime} can be brought to {target}: {why}",
        hint="install the runtime on the device itself, or name another Python there with `python:` in the inventory",
    )


def _listed(words: Any) -> str:
    return " and ".join(sorted(set(words)))
