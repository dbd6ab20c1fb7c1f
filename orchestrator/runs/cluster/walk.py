"""A lane that a worker of a cluster walks, seen from the controller."""

from __future__ import annotations

import json
import queue
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from orchestrator.domain.event import (
    Cursor,
    LaneEnded,
    LaneSkipped,
    LaneStarted,
    LinkLost,
    PreparationStarted,
)
from orchestrator.errors import FarmError
from orchestrator.runs.cluster.errand import Errand
from orchestrator.runs.cluster.line import error_from_json, event_of
from orchestrator.runs.cluster.orders import LaneOrder, to_text
from orchestrator.runs.cluster.probing import wait_for_worker
from orchestrator.runs.commits import PATIENCE_S
from orchestrator.runs.lane_progress import LaneProgress

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from orchestrator.devices.remote.push_limits import PushLimits
    from orchestrator.domain.event import Event
    from orchestrator.runs.cluster.cluster import Cluster, Worker
    from orchestrator.runs.commits import Commits
    from orchestrator.runs.context import DeviceStage
    from orchestrator.runs.walk import LaneWork

#: So many workers lost in the middle of one lane are its end.
MOST_LOST = 5
STOP_S = 30.0


class ClusterWalk:
    """A lane that a worker walks; a lost worker's is given to another one, which goes on as a resumed run does.

    What was read of its journals by then is neither read nor measured again. ``commits`` says what is stored.
    """

    def __init__(self, cluster: Cluster, work: LaneWork, limits: PushLimits, commits: Commits) -> None:
        self.work = work
        self._cluster, self._limits, self._commits = cluster, limits, commits
        self._progress = LaneProgress(work.lane.steps, work.inputs, work.done)
        #: Lanes that are on their way, with what was read of their journals, in bytes.
        self._read = {cursor.lane: cursor.offset for cursor in work.unfinished}
        self._started = work.lanes_before
        self._errand: Errand | None = None  #: of the worker that walks the lane now
        self._cancelled = False
        self._stopped: queue.SimpleQueue[FarmError | bool] = queue.SimpleQueue()
        self.is_over = self.has_left = False
        self.failure: FarmError | None = None
        self.damage: str | None = None

    def events(self) -> DeviceStage[None]:
        """Yield what a worker sends; what is wrong with the cluster, rather than with the device, ends the lane here."""
        lost = 0
        try:
            while not self._cancelled:
                worker = wait_for_worker(self._cluster, self.work.device, self.work.patience_s)
                if (yield from self._at(worker)) or self._cancelled:
                    return
                lost += 1
                reason = f"{self._name}: worker {worker.name} is lost; another one goes on with its lane"
                if lost >= MOST_LOST:
                    raise FarmError(f"{self._name}: {lost} workers were lost while they walked its lane")  # noqa: TRY301  one end for all
                yield LinkLost(run=self.work.run, device=self._name, reason=reason, failures=lost, most=MOST_LOST)
        except FarmError as error:
            if not self._cancelled:
                hint = f"{error.hint}; then go on: " if error.hint else "go on with: "
                skipped = FarmError(error.message, hint=f"{hint}farm run --resume {self.work.run}")
                yield LaneSkipped(run=self.work.run, device=self._name, reason=str(skipped))

    def cancel(self) -> str | None:
        """Try nothing anew from here on, and return the lane that is on its way on the device."""
        self._cancelled = True
        return next(iter(self._read), None)

    def stop(self, lane: str) -> bool:
        """Let the worker stop a lane on its device; return False where it was over already. Raises `FarmError`."""
        try:
            if self._errand is None:
                raise queue.Empty  # noqa: TRY301  no worker has the lane
            self._errand.put(json.dumps({"stop": lane}), STOP_S)
            answer = self._stopped.get(timeout=STOP_S)
        except (queue.Empty, OSError) as error:
            raise FarmError(f"{self._name}: no worker stops its lane {lane}") from error
        if isinstance(answer, FarmError):
            raise answer
        return answer

    def left(self) -> LaneWork:
        """Return the work as it would be resumed now."""
        return replace(
            self.work,
            done=frozenset(self._progress.done),
            unfinished=tuple(Cursor(lane=lane, offset=offset) for lane, offset in self._read.items()),
            lanes_before=self._started,
        )

    @property
    def _name(self) -> str:
        return self.work.device.name

    def _at(self, worker: Worker) -> Generator[Event, None, bool]:
        """Yield what ``worker`` sends; return whether the lane is over, or False where the worker is lost."""
        errand = self._errand = Errand(self._cluster, self._name, worker, "walk", site=self.work.device.site)
        with closing(errand.messages(lambda: to_text(LaneOrder.of(self.left(), self._limits)))) as messages:
            for message in messages:
                if message["kind"] == "begun":
                    what = f"worker {worker.name} walks its lane"
                    yield PreparationStarted(run=self.work.run, device=self._name, what=what)
                elif (yield from self._obey(message, errand)):
                    return True
        return False

    def _obey(self, message: dict[str, Any], errand: Errand) -> Generator[Event, None, bool]:
        """Do what a message of the worker asks for; return whether the lane is over."""
        kind = message["kind"]
        if kind == "event":
            event = event_of(message["event"], self.work.run, self._name, errand.worker.name)
            self._note(event)
            yield event
            if isinstance(event, LaneEnded) and event.cursor is not None and self._commits.wait(event.lane, PATIENCE_S):
                errand.put(json.dumps({"stored": event.lane}))
        elif kind == "want":
            errand.send(self._file(message["sha256"], errand.worker))
        elif kind == "stopped":
            self._stopped.put(error_from_json(message["error"]) or bool(message["stopped"]))
        elif kind == "failed":
            raise error_from_json(message["error"]) or FarmError(f"{self._name}: worker {errand.worker.name} fails")
        elif kind == "over":
            self.is_over, self.has_left = bool(message["is_over"]), bool(message["has_left"])
            self.failure, self.damage = error_from_json(message["failure"]), message["damage"]
            return True
        return False

    def _note(self, event: Event) -> None:
        self._progress.note(event)
        if isinstance(event, LaneStarted):
            self._started += 1
            self._read[event.lane] = 0
        if event.cursor is not None:
            self._read[event.cursor.lane] = event.cursor.offset
        if isinstance(event, LaneEnded):
            self._read.pop(event.lane, None)

    def _file(self, sha256: str, worker: Worker) -> Path:
        """Return where a file of the lane is; raises `FarmError` for any other one."""
        path = next((blob.path for blob in self.work.files if blob.sha256 == sha256), None)
        if path is None:
            raise FarmError(f"{self._name}: worker {worker.name} asks for a file that its lane does not need")
        return path
