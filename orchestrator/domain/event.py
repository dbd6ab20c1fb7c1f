"""Events of devices in a run, as values: one stream for store, screen, log."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.domain.case import Case
    from orchestrator.domain.device import Device
    from orchestrator.domain.profile import Profile
    from orchestrator.domain.result import CaseResult, Measurement, Scores


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far the journal of a lane has been read: bytes from its start, always at the end of a record."""

    lane: str
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened in a run; out of a journal it comes with the `Cursor` behind it: both are stored in one transaction."""

    run: str
    at: datetime = field(default_factory=_now)
    device: str | None = None
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparationStarted(Event):
    """A step of making a device ready begins; ``what`` names it, such as ``unpacking litert``, with its bytes in ``size_bytes``."""

    what: str
    #: 0 where the step moves no files, or their size is unknown.
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceProbed(Event):
    """A device answered with its facts."""

    entry: Device
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneSkipped(Event):
    """A device will do nothing in this run (or no more), and why."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneCrashed(LaneSkipped):
    """A bug of farm's ended the work for a device; ``report`` is the file with the details, where it could be written."""

    report: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceTakenOut(Event):
    """A device failed too often in a row: the next runs skip it until a check brings it back."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSkipped(Event):
    """A case is not measured, and why."""

    case: Case
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PushStarted(Event):
    """A device lacks files: ``total_bytes`` come, ``image_bytes`` of them images; ``later_bytes`` when its disk has room for them."""

    total_bytes: int
    image_bytes: int
    later_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobSent(Event):
    """A blob arrived on a device. ``sent_bytes`` is less than ``size_bytes`` where a broken transfer was resumed."""

    what: str
    sha256: str
    size_bytes: int
    sent_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayRefused(Event):
    """The jump host ``gate`` does not pass files on to the devices behind it: each is sent its own."""

    gate: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DamageMended(Event):
    """A file on a device was no longer what had arrived there, and was installed anew: a sign of a dying card."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneStarted(Event):
    """The device works on its own from here on: so many steps, given up after ``at_most_s`` seconds; 0 where an older farm started it."""

    lane: str
    steps: int = 0
    at_most_s: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceTuned(Event):
    """Settings of a device were changed, or put back; ``answer`` is read by `Tuning.from_json`."""

    answer: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted(Event):
    """A worker process was started on the device."""

    attempt: str
    case: Case
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnded(Event):
    """An attempt is over, well or badly."""

    measurement: Measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringStarted(Event):
    """A device began to score the evaluation images."""

    scoring: str
    model: str
    scheme: str
    runtime: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardScored(Event):
    """A device scored some more of the evaluation images; the scores themselves come with `Scored`."""

    scoring: str
    model: str
    scheme: str
    runtime: str
    #: Its place among the ``shards`` of the image set, from 0, and its images.
    place: int
    shards: int
    images: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringPaused(Event):
    """A device scored the images that it had room for; ``absent`` are places of the ``shards`` still to come."""

    scoring: str
    absent: tuple[int, ...]
    shards: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored(Event):
    """A device scored the evaluation images, well or badly."""

    scores: Scores


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileStarted(Event):
    """A device began to time the operators of a case."""

    profile: str
    case: Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiled(Event):
    """A device timed the operators of a case, well or badly."""

    profile: Profile


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkLost(Event):
    """The link to a device died; its lane goes on there by itself, and the link is tried again after ``wait_s``."""

    reason: str
    wait_s: float = 0.0
    #: Which failure in a row this is, and how many are the end.
    failures: int = 0
    most: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneEnded(Event):
    """A lane is over. ``error`` is ``None`` when it walked all its steps."""

    lane: str
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFinished(Event):
    """A device does nothing more in this run; its cases are judged next."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseJudged(Event):
    """A case has its figures and its verdict."""

    result: CaseResult


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseJudgedAgain(CaseJudged):
    """A case that was judged before is judged by the rules of another day; when it was measured stays."""
