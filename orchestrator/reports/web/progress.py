"""How far a run is, by what was stored of it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from orchestrator.store.rows import EventRow

#: Lines of what happened that a page shows.
LATEST = 12


@dataclass(slots=True, kw_only=True)
class DeviceProgress:
    """How far a device is."""

    #: Steps of its lane: scorings, attempts, profiles; ``None`` where an older farm planned it.
    total: int | None = None
    done: int = 0
    failed: int = 0
    doing: str = "waiting"
    #: ``measuring``, ``finished``, ``skipped``: a class of the style sheet.
    state: str = "waiting"


@dataclass(slots=True, kw_only=True)
class Progress:
    """A run up to its last known event; it follows events in the order in which they are stored."""

    devices: dict[str, DeviceProgress] = field(default_factory=dict)
    built: int = 0
    to_build: int | None = None
    last_id: int = 0
    last_at: datetime | None = None
    ended: bool = False
    latest: deque[tuple[datetime, str, str]] = field(default_factory=lambda: deque(maxlen=LATEST))

    def follow(self, events: Iterable[EventRow]) -> bool:
        """Count what happened; return whether anything did."""
        before = self.last_id
        for event in events:
            self.last_id, self.last_at = event.id, event.at
            self._count(event)
            words = _words(event.kind, event.detail)
            if words:
                self.latest.appendleft((event.at, event.device or "", words))
        return self.last_id != before

    def _count(self, event: EventRow) -> None:
        detail = event.detail
        if event.kind == "Planned":
            for name, steps in _steps(detail).items():
                device = self._device(name)
                device.total = device.done + steps
        elif event.kind == "BuildStarted":
            self.to_build, self.built = _whole(detail.get("total")), 0
        elif event.kind == "ArtifactReady" and not detail.get("reused"):
            self.built += 1
        elif event.kind == "RunEnded":
            self.ended = True
        elif event.kind == "RunResumed":
            self.ended = False
        if event.device is not None:
            self._count_of_device(self._device(event.device), event.kind, detail)

    def _count_of_device(self, device: DeviceProgress, kind: str, detail: Mapping[str, Any]) -> None:
        if kind in ("AttemptEnded", "Scored", "Profiled"):
            device.done += 1
            device.failed += bool(detail.get("error"))
            device.state = "measuring"
        elif kind in (
            "AttemptStarted",
            "ScoringStarted",
            "ProfileStarted",
            "BlobSent",
            "LaneStarted",
            "LinkLost",
            "PreparationStarted",
        ):
            device.doing, device.state = _words(kind, detail) or device.doing, "measuring"
        elif kind in ("LaneSkipped", "LaneCrashed"):
            device.doing, device.state = f"skipped: {detail.get('reason', '')}", "skipped"
        elif kind == "DeviceFinished":
            device.doing, device.state = "finished", "finished"

    def _device(self, name: str) -> DeviceProgress:
        return self.devices.setdefault(name, DeviceProgress())


def _words(kind: str, detail: Mapping[str, Any]) -> str:
    """Return what happened in words, empty where it is not worth a line."""
    get = detail.get
    failed = f" failed: {_last_line(get('error'))}" if get("error") else ""
    words = {
        "RunStarted": "the run began",
        "RunResumed": "the run goes on",
        "PreparationStarted": str(get("what")),
        "DeviceProbed": f"answered by {get('entry')}",
        "LaneSkipped": f"skipped: {get('reason')}",
        "DeviceTakenOut": f"out of the next runs: {get('reason')}",
        "LaneCrashed": f"stopped by a bug in farm: {get('reason')}",
        "Planned": f"planned {get('cases')} cases, {get('skips')} skipped",
        "BuildsPlaced": str(get("what")),
        "ArtifactReady": f"{'found' if get('reused') else 'built'} {get('model')} {get('scheme')}",
        "BuildFailed": f"{get('model')} {get('scheme')} can't be built: {_last_line(get('error'))}",
        "BlobSent": f"pushed {get('what')}",
        "LaneStarted": "lane started",
        "ScoringStarted": f"scoring {get('model')} {get('scheme')} {get('runtime')}",
        "Scored": f"scored {get('model')} {get('scheme')}{failed}",
        "ProfileStarted": f"timing the operators of {get('case')}",
        "AttemptStarted": f"attempt {get('number')} of {get('case')}",
        "AttemptEnded": f"attempt of {get('case')}{failed or ' done'}",
        "LinkLost": f"link lost, tried again: {_last_line(get('reason'))}",
        "CaseJudged": f"{get('case')} is {get('verdict')}",
        "DeviceFinished": "finished",
        "RunEnded": "the run ended",
    }
    return words.get(kind, "")


def _steps(detail: Mapping[str, Any]) -> Mapping[str, int]:
    steps = detail.get("steps")
    return {name: _whole(count) or 0 for name, count in steps.items()} if isinstance(steps, dict) else {}


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _last_line(text: object) -> str:
    lines = str(text or "").strip().splitlines()
    return lines[-1][:300] if lines else ""
