"""The settings as they were before tuning, on disk before the first of them is changed."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Optional

from agent.refusals import Refused
from agent.wire import BAD_REQUEST
from agent.workdir import sync_folder, write_atomically

CPU = "sys/devices/system/cpu/"
#: All that is ever written to; a record that names anything else is damaged.
_ALLOWED = re.compile(CPU + r"(?:cpufreq/policy\d+/scaling_governor|intel_pstate/no_turbo|cpufreq/boost)")
_VALUE = re.compile(r"[a-z0-9_]{1,32}")


@dataclass(frozen=True)
class Setting:
    """One file of the kernel's, below the root; ``what`` is its name for people."""

    what: str
    path: str
    before: str
    wanted: str


@dataclass(frozen=True)
class Record:
    """What was before, with the holder it was changed for; on disk from before the first change until after the last."""

    holder: str
    #: The lane that holds it, ``None`` where a person does, until they restore or it expires.
    lane: Optional[str]
    #: Wall clock, for messages; what counts is ``until_boottime_s``, which a step of that clock does not move.
    since_ns: int
    until_ns: int
    until_boottime_s: float
    boot_id: str
    settings: tuple[Setting, ...]
    #: Whether the command that set them came to its end; of a lane it does not matter, it is gone with its process.
    done: bool = True

    def to_answer(self) -> dict[str, Any]:
        """Return the holder, the times and the settings, for the controller."""
        return {
            "holder": self.holder,
            "lane": self.lane,
            "since_ns": self.since_ns,
            "until_ns": self.until_ns,
            "settings": [{"what": each.what, "before": each.before, "now": each.wanted} for each in self.settings],
        }


class RecordFile:
    """The file at ``path`` that holds the record while anything may have to be put back."""

    def __init__(self, path: str) -> None:
        self._path = path

    def exists(self) -> bool:
        """Check whether anything may have to be put back."""
        return os.path.exists(self._path)

    def read(self) -> Optional[Record]:
        """Return the record, ``None`` where there is no file; refuses a damaged one, so that nothing else is written to."""
        try:
            with open(self._path, "rb") as content:
                return _checked(json.loads(content.read()))
        except FileNotFoundError:
            return None
        except (TypeError, ValueError, KeyError) as error:
            message = "%s can't be read as what was before tuning (%s)" % (self._path, error)
            raise Refused(BAD_REQUEST, message) from error

    def write(self, record: Record) -> None:
        """Write the record so that it survives a power cut; raises `OSError`."""
        write_atomically(self._path, json.dumps(asdict(record), indent=1).encode())

    def remove(self) -> None:
        """Remove the file for good."""
        os.unlink(self._path)
        sync_folder(os.path.dirname(self._path))

    def put_aside(self) -> None:
        """Rename a damaged file, so that it is kept and not read again."""
        os.replace(self._path, self._path + ".damaged")


def is_value(text: str) -> bool:
    """Check that ``text`` looks like a value of a setting."""
    return _VALUE.fullmatch(text) is not None


def _checked(payload: dict[str, Any]) -> Record:
    # fields that a later farm may have added are no reason not to put back
    names = {field.name for field in fields(Record)}
    values = {name: value for name, value in payload.items() if name in names}
    record = Record(**{**values, "settings": tuple(Setting(**setting) for setting in payload["settings"])})
    if not all(_ALLOWED.fullmatch(each.path) and is_value(each.before) for each in record.settings):
        raise ValueError("it names what is never set")
    return replace(record, until_boottime_s=float(record.until_boottime_s))
