"""Set what makes timings steady, and put it back: what was is on disk before anything is changed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Callable, Optional

from agent.facts.system_files import Root
from agent.refusals import Refused
from agent.wire import BAD_REQUEST
from agent.workdir import sync_folder, write_atomically

if TYPE_CHECKING:
    from agent import wire
    from agent.workdir import Workdir

#: Nothing is held for longer; whoever forgot to restore is forgiven at the next contact after that.
LONGEST_S = 24 * 3600.0
#: One hour: everybody at work with the device hears of it.
TOLD_FOR_NS = 3600 * 10**9

_CPU = "sys/devices/system/cpu/"
_NO_TURBO = _CPU + "intel_pstate/no_turbo"
_BOOST = _CPU + "cpufreq/boost"
_BOOT_ID = "proc/sys/kernel/random/boot_id"
#: All that is ever written to; a record that names anything else is damaged.
_ALLOWED = re.compile(_CPU + r"(?:cpufreq/policy\d+/scaling_governor|intel_pstate/no_turbo|cpufreq/boost)")
_VALUE = re.compile(r"[a-z0-9_]{1,32}")
#: A password is never asked for, so sudo answers at once.
_PATIENCE_S = 20.0

#: Given a path and a value, writes it there and returns why that was impossible, ``None`` where it was done.
Write = Callable[[str, str], Optional[str]]


@dataclass(frozen=True)
class Setting:
    """One file of the kernel's, below the root; ``what`` is how people call it."""

    what: str
    path: str
    before: str
    wanted: str


@dataclass(frozen=True)
class Record:
    """What was before, and for whom it was changed; on disk from before the first change until after the last."""

    holder: str
    #: The lane that holds it, ``None`` where a person does, until they restore or it expires.
    lane: Optional[str]
    #: Wall clock, to be told; what counts is ``until_boottime_s``, which a step of that clock does not move.
    since_ns: int
    until_ns: int
    until_boottime_s: float
    boot_id: str
    settings: tuple[Setting, ...]
    #: Whether whoever set them lived to tell; of a lane it does not matter, it is gone with its process.
    done: bool = True


def since_boot() -> float:
    """Return the seconds since the machine was switched on, sleep included; no step of the wall clock moves it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME if hasattr(time, "CLOCK_BOOTTIME") else time.CLOCK_MONOTONIC)


class SettingWriter:
    """Writes settings, by ``sudo -n`` where this user may not; what sudo refused once is not asked again."""

    def __init__(self, sudo: Optional[str] = None) -> None:
        self._sudo = sudo
        self._refused = None if sudo else "this user may not write it, and there is no sudo: log in as root to tune"

    @classmethod
    def of_this_user(cls) -> SettingWriter:
        """Return the hands of the user we run as."""
        return cls(shutil.which("sudo"))

    def __call__(self, path: str, value: str) -> Optional[str]:
        """Write ``value``; return why that was impossible."""
        try:
            with open(os.open(path, os.O_WRONLY | os.O_TRUNC), "w") as file:
                file.write(value)
        except PermissionError as error:
            return error.strerror if os.geteuid() == 0 else self._by_sudo(path, value)
        except OSError as error:
            return error.strerror or str(error)
        return None

    def _by_sudo(self, path: str, value: str) -> Optional[str]:
        if self._refused is None and self._sudo is not None:
            try:
                done = subprocess.run(
                    [self._sudo, "-n", "tee", path],
                    input=value.encode(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    env={**os.environ, "LC_ALL": "C"},
                    timeout=_PATIENCE_S,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                self._refused = "this user may not write it, and sudo does not answer: %s" % error
            else:
                if done.returncode == 0:
                    return None
                words = done.stderr.decode(errors="replace").strip()[-300:]
                self._refused = (
                    "this user may not write it, and `sudo -n` says: %s (docs/tuning.md has a line for sudoers)"
                    % (words or "no")
                )
        return self._refused


class Tuning:
    """The settings of this machine, files below ``root``, with the record of what they were.

    Whoever calls `hold`, `mend` or `restore` holds the device's lock, so that no lane measures meanwhile and any other
    lane that is named in the record is over.
    """

    def __init__(
        self,
        workdir: Workdir,
        root: str = "/",
        *,
        write: Optional[Write] = None,
        clock: Callable[[], float] = since_boot,
    ) -> None:
        self._path, self._mended = workdir.file("tuning.json"), workdir.file("tuning.mended.json")
        self._root = Root(root)
        self._write: Write = write or SettingWriter.of_this_user()
        self._clock = clock

    def is_recorded(self) -> bool:
        """Say whether anything may have to be put back."""
        return os.path.exists(self._path)

    def told(self) -> Optional[dict[str, Any]]:
        """Return who holds what since when, for the controller; ``None`` where nothing is held."""
        record = self._read()
        return None if record is None else _told(record)

    def hold(self, request: wire.TuneRequest, lane: Optional[str] = None) -> dict[str, Any]:
        """Record what is, then set what ``request`` asks for; return ``set``, ``kept``, ``failed`` and ``tuned``.

        Where somebody holds settings already, a person adds to them and stays until the later time; a lane uses them as they are.
        """
        if not 0 < request.seconds <= LONGEST_S:
            raise Refused(BAD_REQUEST, "settings can be held for %g hours at most" % (LONGEST_S / 3600))
        wanted, kept, failed = self._wishes(no_turbo=request.no_turbo)
        held = self._read()
        if held is not None and lane is not None:
            return {"set": [], "kept": kept, "failed": failed, "tuned": _told(held)}
        old = held.settings if held else ()
        known = {setting.path for setting in old}
        new = tuple(setting for setting in wanted if setting.path not in known)
        if not old and not new:
            return {"set": [], "kept": kept, "failed": failed, "tuned": None}
        record = Record(
            holder=request.holder,
            lane=lane,
            since_ns=held.since_ns if held else time.time_ns(),
            until_ns=max(held.until_ns if held else 0, time.time_ns() + round(request.seconds * 1e9)),
            until_boottime_s=max(held.until_boottime_s if held else 0, self._clock() + request.seconds),
            boot_id=self._root.text(_BOOT_ID),
            settings=old + new,
            done=False,
        )
        try:
            self._record(record)
        except OSError as error:
            unwritten = "nothing is changed that can't be written down first: %s" % (error.strerror or error)
            failed += [{"what": setting.what, "why": unwritten} for setting in wanted]
            return {"set": [], "kept": kept, "failed": failed, "tuned": _told(held) if held else None}
        done = []
        for setting in wanted:
            why = self._set(setting.path, setting.wanted)
            if why is None:
                done.append({"what": setting.what, "before": setting.before, "now": setting.wanted})
            else:
                failed.append({"what": setting.what, "why": why})
        if not old and not done:
            self._forget()
            return {"set": [], "kept": kept, "failed": failed, "tuned": None}
        self._record(replace(record, done=True))
        return {"set": done, "kept": kept, "failed": failed, "tuned": _told(record)}

    def mend(self) -> Optional[dict[str, Any]]:
        """Put back what nobody holds any more; return what `restore` says with ``why``, ``None`` where all is well."""
        said = self._mend()
        if said is not None:
            with suppress(OSError):  # a full disk is no reason to fail: it is put back
                write_atomically(self._mended, json.dumps({"at_ns": time.time_ns(), **said}).encode())
        return said

    def lately_mended(self) -> Optional[dict[str, Any]]:
        """Return what `mend` said within `TOLD_FOR_NS`, and when: whoever asked then may not have shown it."""
        try:
            with open(self._mended, "rb") as content:
                said = dict(json.loads(content.read()))
            return said if abs(time.time_ns() - said["at_ns"]) < TOLD_FOR_NS else None
        except (OSError, TypeError, ValueError, KeyError):
            return None

    def _mend(self) -> Optional[dict[str, Any]]:
        try:
            record = self._read()
        except Refused as damaged:
            os.replace(self._path, self._path + ".damaged")
            return {"restored": [], "failed": [], "holder": "?", "since_ns": None, "why": damaged.message}
        why = record and self._over(record)
        if record is None or why is None:
            return None
        about = {"holder": record.holder, "since_ns": record.since_ns, "why": why}
        if self._has_restarted(record):
            self._forget()
            return {"restored": [], "failed": [], **about}
        return {**self.restore(), **about}

    def release(self, lane: str) -> Optional[dict[str, Any]]:
        """Restore what ``lane`` holds; return what `restore` says, ``None`` where it holds nothing."""
        record = self._read()
        return self.restore() if record is not None and record.lane == lane else None

    def restore(self) -> dict[str, Any]:
        """Put everything back as it was; return ``restored``, ``failed``, and ``tuned``: what could not be put back.

        What somebody else has changed since is theirs, and stays.
        """
        record = self._read()
        restored, failed, left = [], [], []
        for setting in reversed(record.settings if record else ()):
            now = self._root.text(setting.path)
            if now == setting.before:  # never got so far, or was put back already
                continue
            if now not in (setting.wanted, ""):
                failed.append({"what": setting.what, "why": "somebody has set it to %s since: left alone" % now})
                continue
            why = self._set(setting.path, setting.before)
            if why is None:
                restored.append({"what": setting.what, "before": now, "now": setting.before})
            else:
                failed.append({"what": setting.what, "why": why})
                left.append(setting)
        if record is not None and left:
            record = replace(record, settings=tuple(reversed(left)))
            self._record(record)
            return {"restored": restored, "failed": failed, "tuned": _told(record)}
        if record is not None:
            self._forget()
        return {"restored": restored, "failed": failed, "tuned": None}

    def _over(self, record: Record) -> Optional[str]:
        """Return why nobody holds it any more, ``None`` where somebody does."""
        if self._has_restarted(record):
            return "the device restarted, which undid it"
        if record.lane is not None:
            return "lane %s is gone" % record.lane
        if not record.done:
            return "who set it was killed"
        return "its time is over" if self._clock() >= record.until_boottime_s else None

    def _has_restarted(self, record: Record) -> bool:
        return record.boot_id != self._root.text(_BOOT_ID)

    def _wishes(self, *, no_turbo: bool) -> tuple[list[Setting], list[dict[str, str]], list[dict[str, str]]]:
        """Return what is to be changed, what is right already, and what there is no way to change, with why."""
        wanted: list[Setting] = []
        kept: list[dict[str, str]] = []
        failed: list[dict[str, str]] = []

        def wish(what: str, path: str, value: str) -> None:
            before = self._root.text(path)
            if before == value:
                kept.append({"what": what, "now": value})
            elif _VALUE.fullmatch(before):
                wanted.append(Setting(what=what, path=path, before=before, wanted=value))
            else:
                failed.append({"what": what, "why": "can't be read at /%s" % path})

        policies = self._root.names(_CPU + "cpufreq", "policy")
        for policy in policies:
            folder = "%scpufreq/%s/" % (_CPU, policy)
            offered = self._root.text(folder + "scaling_available_governors").split()
            if offered and "performance" not in offered:
                why = "its kernel offers %s, and no performance" % ", ".join(offered)
                failed.append({"what": "governor of " + policy, "why": why})
            else:
                wish("governor of " + policy, folder + "scaling_governor", "performance")
        if not policies:
            why = (
                "the kernel shows no frequency scaling here, as in most virtual machines: it is up to the machine below"
            )
            failed.append({"what": "governor", "why": why})
        if no_turbo:
            if self._root.exists(_NO_TURBO):
                wish("no_turbo", _NO_TURBO, "1")
            elif self._root.exists(_BOOST):
                wish("boost", _BOOST, "0")
            else:
                failed.append({"what": "turbo", "why": "the kernel shows no switch for it"})
        return wanted, kept, failed

    def _set(self, path: str, value: str) -> Optional[str]:
        why = self._write(self._root.at(path), value)
        if why is None and self._root.text(path) != value:
            return "it took %s and says %s" % (value, self._root.text(path) or "nothing")
        return why

    def _record(self, record: Record) -> None:
        write_atomically(self._path, json.dumps(asdict(record), indent=1).encode())

    def _forget(self) -> None:
        os.unlink(self._path)
        sync_folder(os.path.dirname(self._path))

    def _read(self) -> Optional[Record]:
        """Return the record; refuses one that is not as we write it, so that nothing else is ever written to."""
        try:
            with open(self._path, "rb") as content:
                return _checked(json.loads(content.read()))
        except FileNotFoundError:
            return None
        except (TypeError, ValueError, KeyError) as error:
            message = "%s can't be read as what was before tuning (%s)" % (self._path, error)
            raise Refused(BAD_REQUEST, message) from error


def _checked(said: dict[str, Any]) -> Record:
    # what a later farm may have added is no reason not to put back
    names = {field.name for field in fields(Record)}
    known = {name: value for name, value in said.items() if name in names}
    record = Record(**{**known, "settings": tuple(Setting(**setting) for setting in said["settings"])})
    if not all(_ALLOWED.fullmatch(each.path) and _VALUE.fullmatch(each.before) for each in record.settings):
        raise ValueError("it names what is never set")
    return replace(record, until_boottime_s=float(record.until_boottime_s))


def _told(record: Record) -> dict[str, Any]:
    return {
        "holder": record.holder,
        "lane": record.lane,
        "since_ns": record.since_ns,
        "until_ns": record.until_ns,
        "settings": [{"what": each.what, "before": each.before, "now": each.wanted} for each in record.settings],
    }
