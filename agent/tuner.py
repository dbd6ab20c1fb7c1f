"""Set the device for steady timings until a lane, a person or the clock ends that."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Callable, Optional

from agent.facts.system_files import Root
from agent.refusals import Refused
from agent.setting_writer import SettingWriter
from agent.tuning_record import CPU, Record, RecordFile, Setting, is_value
from agent.wire import BAD_REQUEST
from agent.workdir import write_atomically

if TYPE_CHECKING:
    from agent import wire
    from agent.setting_writer import Write
    from agent.workdir import Workdir

#: Settings are held for no longer: one that was forgotten is put back at the next contact after that.
LONGEST_S = 24 * 3600.0
#: One hour: everybody at work with the device hears of it.
NEWS_NS = 3600 * 10**9

_NO_TURBO = CPU + "intel_pstate/no_turbo"
_BOOST = CPU + "cpufreq/boost"
_BOOT_ID = "proc/sys/kernel/random/boot_id"


def since_boot() -> float:
    """Return the seconds since the machine was switched on, sleep included; no step of the wall clock moves it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME if hasattr(time, "CLOCK_BOOTTIME") else time.CLOCK_MONOTONIC)


class Tuner:
    """The settings of this machine, files below ``root``, with the record of what they were.

    The caller of `hold`, `recover` or `restore` holds the device's lock, so that no lane measures meanwhile and any other
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
        self._file, self._news = RecordFile(workdir.file("tuning.json")), workdir.file("tuning.mended.json")
        self._root = Root(root)
        self._write: Write = write or SettingWriter.of_this_user()
        self._clock = clock

    def is_recorded(self) -> bool:
        """Check whether anything may have to be put back."""
        return self._file.exists()

    def status(self) -> Optional[dict[str, Any]]:
        """Return the holder, the times and the settings, ``None`` where nothing is held; refuses a damaged record."""
        return _answer(self._file.read())

    def hold(self, request: wire.TuneRequest, lane: Optional[str] = None) -> dict[str, Any]:
        """Record what is, then set what ``request`` asks for; return ``set``, ``kept``, ``failed`` and ``tuned``.

        Where settings are held already, a person adds to them and stays until the later time; a lane uses them as they are.
        """
        if not 0 < request.seconds <= LONGEST_S:
            raise Refused(BAD_REQUEST, "settings can be held for %g hours at most" % (LONGEST_S / 3600))
        wanted, kept, failed = self._wishes(no_turbo=request.no_turbo)
        held = self._file.read()
        if held is not None and lane is not None:
            return {"set": [], "kept": kept, "failed": failed, "tuned": _answer(held)}
        old = held.settings if held else ()
        recorded = {setting.path for setting in old}
        new = tuple(setting for setting in wanted if setting.path not in recorded)
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
            self._file.write(record)
        except OSError as error:
            unwritten = "nothing is changed that can't be written down first: %s" % (error.strerror or error)
            failed += [{"what": setting.what, "why": unwritten} for setting in wanted]
            return {"set": [], "kept": kept, "failed": failed, "tuned": _answer(held)}
        done = []
        for setting in wanted:
            why = self._set(setting.path, setting.wanted)
            if why is None:
                done.append({"what": setting.what, "before": setting.before, "now": setting.wanted})
            else:
                failed.append({"what": setting.what, "why": why})
        if not old and not done:
            self._file.remove()
            return {"set": [], "kept": kept, "failed": failed, "tuned": None}
        self._file.write(replace(record, done=True))
        return {"set": done, "kept": kept, "failed": failed, "tuned": _answer(record)}

    def recover(self) -> Optional[dict[str, Any]]:
        """Put back what has no holder any more; return the answer of `restore` with ``why``, ``None`` where all is well."""
        answer = self._recover()
        if answer is not None:
            with suppress(OSError):  # a full disk is no reason to fail: it is put back
                write_atomically(self._news, json.dumps({"at_ns": time.time_ns(), **answer}).encode())
        return answer

    def last_recovery(self) -> Optional[dict[str, Any]]:
        """Return what `recover` answered within `NEWS_NS`, with ``at_ns``: its caller may not have shown it."""
        try:
            with open(self._news, "rb") as content:
                answer = dict(json.loads(content.read()))
            return answer if abs(time.time_ns() - answer["at_ns"]) < NEWS_NS else None
        except (OSError, TypeError, ValueError, KeyError):
            return None

    def _recover(self) -> Optional[dict[str, Any]]:
        try:
            record = self._file.read()
        except Refused as damaged:
            self._file.put_aside()
            return {"restored": [], "failed": [], "holder": "?", "since_ns": None, "why": damaged.message}
        why = record and self._why_over(record)
        if record is None or why is None:
            return None
        about = {"holder": record.holder, "since_ns": record.since_ns, "why": why}
        if self._has_restarted(record):
            self._file.remove()
            return {"restored": [], "failed": [], **about}
        return {**self.restore(), **about}

    def release(self, lane: str) -> Optional[dict[str, Any]]:
        """Restore what ``lane`` holds; return the answer of `restore`, ``None`` where the lane holds nothing."""
        record = self._file.read()
        return self.restore() if record is not None and record.lane == lane else None

    def restore(self) -> dict[str, Any]:
        """Put everything back as it was; return ``restored``, ``failed``, and ``tuned``: what could not be put back.

        What another program has changed since stays as it is.
        """
        record = self._file.read()
        restored, failed, left = [], [], []
        for setting in reversed(record.settings if record else ()):
            now = self._root.text(setting.path)
            if now == setting.before:  # never got so far, or was put back already
                continue
            if now not in (setting.wanted, ""):
                failed.append({"what": setting.what, "why": "it has been set to %s since: left alone" % now})
                continue
            why = self._set(setting.path, setting.before)
            if why is None:
                restored.append({"what": setting.what, "before": now, "now": setting.before})
            else:
                failed.append({"what": setting.what, "why": why})
                left.append(setting)
        if record is not None and left:
            record = replace(record, settings=tuple(reversed(left)))
            self._file.write(record)
            return {"restored": restored, "failed": failed, "tuned": _answer(record)}
        if record is not None:
            self._file.remove()
        return {"restored": restored, "failed": failed, "tuned": None}

    def _why_over(self, record: Record) -> Optional[str]:
        """Return why the holder is gone, ``None`` where it is still there."""
        if self._has_restarted(record):
            return "the device restarted, which undid it"
        if record.lane is not None:
            return "lane %s is gone" % record.lane
        if not record.done:
            return "the process that set it was killed"
        return "its time is over" if self._clock() >= record.until_boottime_s else None

    def _has_restarted(self, record: Record) -> bool:
        return record.boot_id != self._root.text(_BOOT_ID)

    def _wishes(self, *, no_turbo: bool) -> tuple[list[Setting], list[dict[str, str]], list[dict[str, str]]]:
        """Return what is to be changed, what is right already, and what can't be changed, with why."""
        wanted: list[Setting] = []
        kept: list[dict[str, str]] = []
        failed: list[dict[str, str]] = []

        def wish(what: str, path: str, value: str) -> None:
            before = self._root.text(path)
            if before == value:
                kept.append({"what": what, "now": value})
            elif is_value(before):
                wanted.append(Setting(what=what, path=path, before=before, wanted=value))
            else:
                failed.append({"what": what, "why": "can't be read at /%s" % path})

        policies = self._root.names(CPU + "cpufreq", "policy")
        for policy in policies:
            folder = "%scpufreq/%s/" % (CPU, policy)
            offered = self._root.text(folder + "scaling_available_governors").split()
            if offered and "performance" not in offered:
                why = "its kernel offers %s, not performance" % ", ".join(offered)
                failed.append({"what": "governor of " + policy, "why": why})
            else:
                wish("governor of " + policy, folder + "scaling_governor", "performance")
        if not policies:
            why = "the kernel shows no frequency scaling here, as in most virtual machines: set it on their host"
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
            return "it took %s and reads %s" % (value, self._root.text(path) or "nothing")
        return why


def _answer(record: Optional[Record]) -> Optional[dict[str, Any]]:
    return None if record is None else record.to_answer()
