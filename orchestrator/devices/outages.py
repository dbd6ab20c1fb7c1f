"""What devices failed at, with those that are out of runs until a check brings them back."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from orchestrator.config.atomic_write import rewriting
from orchestrator.config.private_folder import make_private
from orchestrator.errors import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: So many failures in a row take a device out.
MOST_FAILURES = 3
#: In farm's own folder.
FOLDER = "outages"
_SHOWN = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a device finished nothing more in a run, or did not answer a check."""

    at: datetime
    reason: str

    @property
    def sentence(self) -> str:
        """Return ``failed when it was last asked, 2026-11-27 21:04 UTC: REASON``."""
        return f"failed when it was last asked, {self.at:%Y-%m-%d %H:%M} UTC: {self.reason}"

    def to_json(self) -> dict[str, str]:
        """Return it for programs."""
        return {"at": self.at.isoformat(), "reason": self.reason}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A device that is out, and why."""

    device: str
    since: datetime
    reason: str

    @property
    def sentence(self) -> str:
        """Return ``pi4 is out since 2026-11-27 21:04 UTC: REASON``."""
        return f"{self.device} is out since {self.words}"

    @property
    def words(self) -> str:
        """Return ``2026-11-27 21:04 UTC: REASON``."""
        return f"{self.since:%Y-%m-%d %H:%M} UTC: {self.reason}"

    @property
    def command(self) -> str:
        """Return what brings it back."""
        return f"farm devices check {self.device}"


class Outages:
    """What devices failed at, a file each below ``folder``: the only place that says whether a device is out.

    A file that can't be read takes no device out. Raises `OSError` where one can't be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, device: str) -> Outage | None:
        """Return why ``device`` is out, ``None`` where it is not."""
        failures, since, _ = self._read(device)
        if since is None or not failures:
            return None
        return Outage(device=device, since=since, reason=failures[-1].reason)

    def last_failure(self, device: str) -> Failure | None:
        """Return what ``device`` failed at last, ``None`` where it did well since, or was never asked."""
        failures, _, unanswered = self._read(device)
        return unanswered or (failures[-1] if failures else None)

    def note_failure(self, device: str, reason: str, *, at: datetime, most: int = MOST_FAILURES) -> Outage | None:
        """Add a failure to the row of ``device``; return its outage where this is the ``most``-th in a row or a later one."""
        before, since, _ = self._read(device)
        failures = (*before, _failure(reason, at))[-MOST_FAILURES:]
        if len(failures) >= most:
            since = since or at
        self._write(device, failures, since, None)
        return self.of(device)

    def note_unanswered(self, device: str, reason: str, *, at: datetime) -> None:
        """Remember why ``device`` did not answer a check, which takes it out of no run."""
        failures, since, _ = self._read(device)
        self._write(device, failures, since, _failure(reason, at))

    def take_out(self, device: str, reason: str, *, at: datetime) -> Outage | None:
        """Take ``device`` out at once."""
        return self.note_failure(device, reason, at=at, most=1)

    def clear(self, device: str) -> Outage | None:
        """Forget what ``device`` failed at; return the outage that this ends."""
        outage = self.of(device)
        if self._is_name(device):
            self._path(device).unlink(missing_ok=True)
        return outage

    def rename(self, old: str, new: str) -> None:
        """Give what ``old`` failed at to ``new``."""
        if self._is_name(old) and self._is_name(new) and self._path(old).exists():
            self._path(old).replace(self._path(new))

    def _read(self, device: str) -> tuple[Sequence[Failure], datetime | None, Failure | None]:
        try:
            content = json.loads(self._path(device).read_text()) if self._is_name(device) else {}
            failures = tuple(map(_parsed, content["failures"]))
            since, unanswered = content["out_since"], content.get("unanswered")
            return failures, since and _time(since), unanswered and _parsed(unanswered)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
            return (), None, None

    def _write(
        self, device: str, failures: Sequence[Failure], since: datetime | None, unanswered: Failure | None
    ) -> None:
        content = {
            "out_since": since and since.isoformat(),
            "failures": [each.to_json() for each in failures],
            "unanswered": unanswered and unanswered.to_json(),
        }
        make_private(self._folder)
        if len(failures) + (unanswered is not None) == 1:  # the first one; what is no text can't be rewritten
            self._path(device).unlink(missing_ok=True)
        with rewriting(self._path(device), mode=0o600) as text:
            text.after = json.dumps(content, indent=2) + "\n"

    def _path(self, device: str) -> Path:
        return self._folder / f"{device}.json"

    @staticmethod
    def _is_name(device: str) -> bool:
        """Check that a name is a file's own: no path leads out of the folder."""
        return re.fullmatch(r"[A-Za-z0-9][\w.-]*", device) is not None


def _failure(reason: str, at: datetime) -> Failure:
    return Failure(at=at, reason=printable(reason.splitlines()[0] if reason else "")[:_SHOWN])


def _parsed(plain: dict[str, Any]) -> Failure:
    return Failure(at=_time(plain["at"]), reason=str(plain["reason"]))


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
