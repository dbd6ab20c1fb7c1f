"""Choose the runtime that a device can have, with the wheels to bring where it lacks one.

Wheels are pinned by their hashes (`orchestrator.runtimes.pins`), so that an environment's name is known, and the same
everywhere, before anything is fetched.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from orchestrator.devices.provisioning.wheelhouse import obtain
from orchestrator.domain.blob import Blob, Environment
from orchestrator.domain.runtime import RuntimeChoice
from orchestrator.domain.units import format_bytes
from orchestrator.errors import DeviceUnfit
from orchestrator.runtimes import catalogue
from orchestrator.runtimes.catalogue import BEST_FIRST, OLDEST_PYTHON
from orchestrator.runtimes.pins import ROOM, Pin, pins, system_packages, versions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from orchestrator.runtimes.pins import SystemPackage

#: What runs on a kernel for the first machine in a userland of so many bits.
_USERLAND = {("aarch64", 32): "armv7l", ("x86_64", 32): "i686"}
_SPELLINGS = {"AMD64": "x86_64", "arm64": "aarch64", "armv8l": "armv7l"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What of a device decides which wheels run there."""

    machine: str
    python: tuple[int, int]
    #: ``None`` for another C library, such as musl.
    glibc: tuple[int, int] | None
    libc: str = ""
    #: The kernel's own machine, where the userland is another.
    kernel: str | None = None
    has_ctypes: bool = True
    #: Whether the work directory is on a mount from which nothing may be executed.
    noexec: bool = False
    #: Version of the numpy that this Python has by itself.
    numpy: str | None = None
    #: All Pythons there, with their paths.
    pythons: tuple[tuple[tuple[int, int], str], ...] = ()
    free_bytes: int | None = None
    #: Names of those it has already, which need no more room.
    environments: frozenset[str] = frozenset()
    #: Whether there is a sign of a Vulkan driver: an adapter, or a manifest of a driver that did not answer in time.
    vulkan: bool = False

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> Target:
        """Read the facts of the agent's probe, of which each may be absent.

        They are ``machine``, ``bits`` (of the userland), ``python`` (``3.11.2``), ``libc`` (``glibc 2.36``),
        ``has_ctypes``, ``noexec``, ``numpy`` (``1.24.2``), ``pythons`` (``{"3.11": "/usr/bin/python3.11"}``),
        ``disk_free_bytes``, ``environments``, ``vulkan`` and ``vulkan_adapters``.
        """
        libc = str(facts.get("libc", ""))
        glibc = re.search(r"glibc\D*(\d+)\.(\d+)", libc)
        uname = str(facts.get("machine", "unknown"))
        kernel = _SPELLINGS.get(uname, uname)
        machine = _USERLAND.get((kernel, facts.get("bits", 64)), kernel)
        pythons, free, here = facts.get("pythons"), facts.get("disk_free_bytes"), facts.get("environments")
        return cls(
            machine=machine,
            python=_python(facts.get("python")),
            glibc=(int(glibc[1]), int(glibc[2])) if glibc else None,
            libc=libc,
            kernel=kernel if kernel != machine else None,
            has_ctypes=facts.get("has_ctypes") is not False,
            noexec=bool(facts.get("noexec")),
            numpy=str(facts["numpy"]) if facts.get("numpy") else None,
            pythons=tuple((_python(version), str(path)) for version, path in pythons.items())
            if isinstance(pythons, dict)
            else (),
            free_bytes=free if isinstance(free, int) else None,
            environments=frozenset(map(str, here)) if isinstance(here, list) else frozenset(),
            vulkan=bool(facts.get("vulkan") or facts.get("vulkan_adapters")),
        )

    def __str__(self) -> str:
        libc = "glibc {}.{}".format(*self.glibc) if self.glibc else self.libc or "no glibc"
        userland = f" (a 32-bit system on a 64-bit {self.kernel} kernel)" if self.kernel else ""
        return "{}{} with Python {}.{} and {}".format(self.machine, userland, *self.python, libc)


def choose(target: Target, runtime: str, table: Sequence[Pin] | None = None) -> tuple[Pin, ...]:
    """Return the wheels of ``table`` (`pins`) that give ``target`` the runtime; raises `DeviceUnfit` saying why not."""
    every = pins(runtime) if table is None else table
    if not every:
        raise DeviceUnfit(
            f"the device has no runtime {runtime}, and farm has no wheels of it to bring along",
            hint="install it on the device for the Python that the inventory names",
        )
    entry = catalogue.find(runtime)
    if entry is not None and entry.needs_vulkan and not target.vulkan:
        raise DeviceUnfit(
            f"the device has no Vulkan driver, and {runtime} reaches a GPU through one",
            hint="install the driver of its GPU and libvulkan1 (docs/gpu.md)",
        )
    companions = system_packages(runtime) if table is None else ()
    try:
        return _fitting(target, every, companions)
    except _Misfit as misfit:
        another = _another_python(target, every, companions)
        others = _other_versions(target, runtime) if table is None else ()
        hint = misfit.hint
        if another:
            hint = f"the device has one that fits; put `python: {another}` into its inventory entry"
        elif others:
            hint = f"of {RuntimeChoice.parse(runtime).name} it can have {', '.join(others)}"
        raise DeviceUnfit(f"no {runtime} can be brought to {target}: {misfit}", hint=hint) from None


def _other_versions(target: Target, runtime: str) -> tuple[str, ...]:
    """Return the versions that ``target`` can have of a runtime whose version is asked for; none for one without."""
    choice = RuntimeChoice.parse(runtime)
    fitting = []
    for version in versions(choice.name) if choice.version else ():
        other = str(replace(choice, version=version))
        with contextlib.suppress(_Misfit):
            _fitting(target, pins(other), system_packages(other))
            fitting.append(version)
    return tuple(fitting)


class _Misfit(Exception):  # noqa: N818  half a DeviceUnfit: it does not know the runtime's name yet
    """Why wheels do not fit."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why)
        self.hint = hint


def _fitting(target: Target, every: Sequence[Pin], companions: Sequence[SystemPackage]) -> tuple[Pin, ...]:
    _refuse_unfit_system(target)
    for_machine = [pin for pin in every if pin.machine == target.machine]
    if not for_machine:
        hint = "install a 64-bit system on the device" if target.kernel or target.machine == "armv7l" else _ELSEWHERE
        raise _Misfit(f"there are wheels for {_listed(pin.machine for pin in every)}", hint)
    for_python = [pin for pin in for_machine if pin.python == target.python]
    projects = {pin.project for pin in for_machine}
    if {pin.project for pin in for_python} != projects:
        of = {
            python: {pin.project for pin in for_machine if pin.python == python}
            for python in {pin.python for pin in for_machine}
        }
        pythons = sorted(python for python, theirs in of.items() if theirs == projects)
        first, last = ("{}.{}".format(*python) for python in (pythons[0], pythons[-1]))
        words = f"there are wheels for Python {first}" + (f" to {last}" if last != first else "")
        raise _Misfit(words, _ELSEWHERE)
    needed = max(pin.glibc for pin in for_python)
    if target.glibc is None or target.glibc < needed:
        words = "its wheels need glibc {}.{}".format(*needed)
        raise _Misfit(words, "install a newer system on the device, or the runtime itself if there is one for it")
    for companion in companions:
        ours = (companion.machine, companion.python) == (target.machine, target.python)
        if ours and not companion.accepts(target.numpy):
            has = f"the device has {target.numpy}" if target.numpy else "the device has none"
            words = f"it needs {companion.requirement}, which is not published for {target.machine}, and {has}"
            raise _Misfit(words, f"on the device: sudo apt install python3-{companion.project}")
    _refuse_too_little_room(target, for_python)
    return tuple(for_python)


#: The C library of Android, as the agent's facts call it.
BIONIC = "bionic"
_WITH_GLIBC = "Debian, Ubuntu or Raspberry Pi OS"
_ELSEWHERE = "install the runtime on the device itself, or name another Python there with `python:` in the inventory"


def _refuse_unfit_system(target: Target) -> None:
    """Raise `_Misfit` where no wheel whatever would do."""
    if target.glibc is None:
        words = f"its wheels need glibc, not {target.libc}" if target.libc else "its wheels need glibc"
        debian = "a Debian inside Termux (docs/device-phone.md)" if target.libc == BIONIC else _WITH_GLIBC
        raise _Misfit(words, f"use a system with glibc there, such as {debian}")
    if target.python < OLDEST_PYTHON:
        raise _Misfit(
            "farm needs Python {}.{} or later there".format(*OLDEST_PYTHON),
            "install a newer Python on the device and name it with `python:` in the inventory",
        )
    if not target.has_ctypes:
        raise _Misfit(
            "its Python has no module ctypes",
            "install all of Python there (Debian: sudo apt install python3; OpenWrt: opkg install python3-ctypes), or "
            "name another Python with `python:` in the inventory",
        )
    if target.noexec:
        raise _Misfit(
            "its work directory is on a mount with `noexec`, from which no library can be loaded",
            "name a directory on another mount with `workdir:` in the inventory",
        )


def _refuse_too_little_room(target: Target, chosen: Sequence[Pin]) -> None:
    needed = ROOM * sum(pin.size_bytes for pin in chosen)
    if target.free_bytes is None or target.free_bytes >= needed or name_of(chosen) in target.environments:
        return
    raise _Misfit(
        f"it takes about {format_bytes(needed)}, and {format_bytes(target.free_bytes)} are free there",
        "make room (`farm devices clean` removes what farm no longer uses there), or name a directory on another disk "
        "with `workdir:` in the inventory",
    )


def _another_python(target: Target, every: Sequence[Pin], companions: Sequence[SystemPackage]) -> str | None:
    """Return the path of the newest other Python there with which the wheels would fit."""
    for version, path in sorted(target.pythons, reverse=True):
        if version == target.python:
            continue
        try:  # what we know of ctypes and numpy, we know of the Python that was asked
            _fitting(replace(target, python=version, has_ctypes=True, numpy=None), every, companions)
        except _Misfit:
            continue
        return path
    return None


def choose_runtime(facts: Mapping[str, Any], allowed: Collection[str] = ()) -> str:
    """Return the best runtime for a device; raises `DeviceUnfit` saying of each why it does not fit."""
    judged = _judged(facts, allowed)
    for runtime, unfit in judged.items():
        if unfit is None:
            return runtime
    reasons = [f"{runtime}: {unfit.message}" for runtime, unfit in judged.items() if unfit is not None]
    hints = dict.fromkeys(unfit.hint for unfit in judged.values() if unfit is not None and unfit.hint)
    raise DeviceUnfit("no runtime fits the device\n  " + "\n  ".join(reasons), hint="; or ".join(hints))


def _judged(facts: Mapping[str, Any], allowed: Collection[str]) -> dict[str, DeviceUnfit | None]:
    """Return why each runtime does not fit, ``None`` for one that does, best first; ``null`` measures nothing."""
    tried = facts.get("runtimes")
    by_itself = {
        name
        for name, answer in (tried.items() if isinstance(tried, dict) else ())
        if catalogue.find(name) and isinstance(answer, dict) and answer.get("works")
    }
    names = [*BEST_FIRST, *sorted(by_itself.difference(BEST_FIRST)), *sorted(set(allowed).difference(BEST_FIRST))]
    target = Target.of(facts)
    judged: dict[str, DeviceUnfit | None] = {}
    for name in names:
        if not catalogue.has_scores(name) or (allowed and name not in allowed):
            continue
        judged[name] = None
        if name not in by_itself:
            try:
                choose(target, name)
            except DeviceUnfit as unfit:
                judged[name] = unfit
    return judged


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
    paths = obtain(chosen, cache, wheelhouse)
    return Environment(
        name=name_of(chosen),
        wheels=tuple(
            Blob(what=pin.filename, sha256=pin.sha256, path=path) for pin, path in zip(chosen, paths, strict=True)
        ),
    )


def name_of(chosen: Sequence[Pin]) -> str:
    """Return the name of the environment that these wheels make: a sha256 over theirs, in order."""
    return hashlib.sha256("\n".join(sorted(pin.sha256 for pin in chosen)).encode()).hexdigest()


def _python(version: Any) -> tuple[int, int]:
    numbers = re.search(r"(\d+)\.(\d+)", str(version))
    return (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)


def _listed(words: Iterable[str]) -> str:
    return " and ".join(sorted(set(words)))
