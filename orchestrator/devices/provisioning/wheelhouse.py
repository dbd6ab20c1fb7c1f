"""Files of wheels on the controller: out of a cache, out of a folder that someone filled, or fetched by pip.

Wherever one comes from, it is taken for what its sha256 says and nothing else.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.config.atomic_write import locked
from orchestrator.config.child_environment import child_environment
from orchestrator.config.private_folder import make_private
from orchestrator.errors import DeviceUnfit, UsageError
from orchestrator.runtimes.pins import pins

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from orchestrator.runtimes.pins import Pin

#: Fetching one wheel; the biggest has 22 MB.
FETCH_TIMEOUT_S = 900


def obtain(chosen: Sequence[Pin], cache: Path, wheelhouse: Path | None = None) -> tuple[Path, ...]:
    """Return the file of each wheel in ``cache``; what is missing comes from ``wheelhouse``, else from pip.

    Several processes and threads may do this at once. Raises `DeviceUnfit` where a file can't be had, or is another, `UsageError`
    where there is no folder ``wheelhouse``.
    """
    refuse_missing(wheelhouse)
    make_private(cache)
    with locked(cache):  # devices are probed side by side, and most need the same files
        for pin in chosen:
            if not _is_intact(cache / pin.filename, pin):
                _put(pin, cache, wheelhouse)
    return tuple(cache / pin.filename for pin in chosen)


def refuse_missing(wheelhouse: Path | None) -> None:
    """Raise `UsageError` where ``wheelhouse`` is named and no such folder exists."""
    if wheelhouse is not None and not wheelhouse.is_dir():
        raise UsageError(f"wheelhouse {wheelhouse}: no such folder", hint="farm devices wheels DIR fills one")


def wanted(
    runtimes: Collection[str], machines: Collection[str] = (), pythons: Collection[tuple[int, int]] = ()
) -> tuple[Pin, ...]:
    """Return the wheels of these runtimes for these machines and Pythons, each once; nothing named means all of it.

    Raises `UsageError` where a runtime has no wheel for what was named, telling for what it has.
    """
    found: dict[str, Pin] = {}
    for runtime in runtimes:
        table = pins(runtime)
        fitting = [
            pin for pin in table if (not machines or pin.machine in machines) and (not pythons or pin.python in pythons)
        ]
        if not fitting:
            known = sorted({(pin.machine, pin.python) for pin in table})
            words = ", ".join("{} with Python {}.{}".format(machine, *python) for machine, python in known)
            raise UsageError(f"there is no wheel of {runtime} for that; there is: {words or 'none at all'}")
        found.update({pin.filename: pin for pin in fitting})
    return tuple(found.values())


def fill_wheelhouse(folder: Path, chosen: Sequence[Pin]) -> Iterator[tuple[Pin, bool]]:
    """Put the wheels (of `wanted`) into ``folder``, for a controller without internet; yield each once it is there.

    The second value tells whether it was there already. Raises `DeviceUnfit` where one can't be fetched.
    """
    for pin in chosen:
        present = _is_intact(folder / pin.filename, pin)
        if not present:
            obtain([pin], folder)
        yield pin, present


def _put(pin: Pin, cache: Path, wheelhouse: Path | None) -> None:
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
    requirements = folder / "requirements.txt"
    requirements.write_text(pin.requirement + "\n", encoding="utf-8")
    platforms = [word for platform in pin.platforms for word in ("--platform", platform)]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    command += ["--no-deps", "--only-binary=:all:", "--implementation", "cp", "--python-version"]
    command += ["{}.{}".format(*pin.python), *platforms, "--require-hashes", "-r", str(requirements)]
    command += ["--dest", str(folder)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=child_environment(), timeout=FETCH_TIMEOUT_S, check=False
        )
        failed = done.returncode != 0
        words = [line for line in done.stderr.splitlines() if line.strip() and not line.startswith("WARNING")]
    except subprocess.TimeoutExpired:
        failed, words = True, [f"pip was not done within {FETCH_TIMEOUT_S} s"]
    if failed:
        looked = f" (and it is not in {wheelhouse})" if wheelhouse else ""
        raise DeviceUnfit(
            f"{pin.filename} can't be fetched{looked}: {words[-1] if words else 'no output of pip'}",
            hint=f"without internet here: farm devices wheels DIR --machine {pin.machine} --python "
            f"{'.'.join(map(str, pin.python))} where there is internet, then name that folder: --wheelhouse DIR",
        )


def _is_intact(path: Path, pin: Pin) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == pin.sha256
