"""What a worker of a Dask cluster does on a device, with its own keys, for a controller elsewhere."""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.config.atomic_write import locked
from orchestrator.devices.remote.push_limits import PushLimits
from orchestrator.devices.session import Session, connect
from orchestrator.domain.event import LaneEnded, LaneSkipped, PreparationStarted
from orchestrator.errors import AuthenticationRefused, FarmError, HostKeyRefused
from orchestrator.models.blob_folder import BlobFolder
from orchestrator.runs.cluster.line import error_to_json
from orchestrator.runs.cluster.orders import LaneOrder, ProbeOrder, from_text
from orchestrator.runs.commits import PATIENCE_S, Commits
from orchestrator.runs.crash import contained
from orchestrator.runs.probe import agent_facts
from orchestrator.runs.walk import LocalWalk
from orchestrator.store.event_text import to_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.domain.event import Event
    from orchestrator.runs.cluster.line import WorkerLine
    from orchestrator.runs.cluster.worker import Workplace
    from orchestrator.runs.walk import LaneWork

#: How often a worker asks whether its controller is still there.
LOOK_S = 5.0


def walk(line: WorkerLine, text: str, place: Workplace, is_wanted: Callable[[], bool]) -> None:
    """Walk a lane.

    Ends early where the controller goes, or the scheduler; the device goes on by itself then.
    """
    blobs = BlobFolder(place.state / "blobs")
    try:
        order = from_text(text, LaneOrder)
        work = order.placed(blobs.root, place.state / "cluster-wheels")
        _fetch(line, work, blobs, place)
    except FarmError as error:
        line.send("failed", error=error_to_json(error))
        return
    commits = Commits()
    limits = place.limits.setdefault(work.run, PushLimits(bytes_per_s=order.bytes_per_s, site_pushes=order.site_pushes))
    with Session(place.connector, limits) as session:
        walking = LocalWalk(work, session, commits, commit_patience_s=2 * PATIENCE_S)
        listening = threading.Thread(target=_listen, args=(line, walking, commits, is_wanted), daemon=True)
        listening.start()
        for event in contained(work.run, work.device.name, place.state, walking.events()):
            line.send("event", event=to_line(_explained(event, walking.failure, place)))
        line.send(
            "over",
            is_over=walking.is_over,
            has_left=walking.has_left,
            failure=error_to_json(walking.failure),
            damage=walking.damage,
        )
        line.end()
        listening.join()


def _listen(line: WorkerLine, walking: LocalWalk, commits: Commits, is_wanted: Callable[[], bool]) -> None:
    """Do what the controller asks for while its lane is walked; leave the lane where no controller waits for it."""
    work = walking.work
    while True:
        try:
            message = json.loads(line.receive(LOOK_S))
        except TimeoutError:
            if is_wanted():
                continue
            message = {}
        if "stored" in message:
            commits.note((LaneEnded(run=work.run, device=work.device.name, lane=message["stored"]),))
        elif "stop" in message:
            walking.cancel()
            try:
                line.send("stopped", stopped=walking.stop(message["stop"]), error=None)
            except FarmError as error:
                line.send("stopped", stopped=False, error=error_to_json(error))
        else:
            walking.leave()
            return


def _explained(event: Event, failure: FarmError | None, place: Workplace) -> Event:
    """Return ``event``; where it ends a lane for want of a key, with what counts on a worker."""
    if isinstance(event, LaneSkipped) and isinstance(failure, HostKeyRefused | AuthenticationRefused):
        return replace(event, reason=f"{event.reason}\n  {_keys(place, 'walks the lane')}")
    return event


def _keys(place: Workplace, does: str) -> str:
    return f"worker {place.name} {does}: its own SSH keys count, and {place.connector.known_hosts} there"


def _fetch(line: WorkerLine, work: LaneWork, blobs: BlobFolder, place: Workplace) -> None:
    """Get from the controller what this worker lacks of the lane's files; each arrives once, verified."""
    for blob in work.files:
        with locked(blobs.root):  # lanes of one worker need the same files
            if not blobs.is_whole(blob.sha256):
                what = f"{blob.what}, to worker {place.name}"
                line.send("event", event=to_line(PreparationStarted(run=work.run, device=work.device.name, what=what)))
                line.receive_file(blob.sha256, blobs)
        if blob.path.parent != blobs.root:
            blob.path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                os.link(blobs.path(blob.sha256), blob.path)


def ask(line: WorkerLine, text: str, place: Workplace, is_wanted: Callable[[], bool]) -> None:
    """Ask a device what it is, or what it lacks."""
    del is_wanted  # every exchange with a device has a time limit
    order = from_text(text, ProbeOrder)
    client = connect(order.device, place.connector)
    stage = agent_facts(order.run, client, order.device, order.runtimes)
    try:
        if order.sizes is not None:
            line.send("facts", facts=dict(client.missing(order.sizes).arrived))
            return
        while True:
            line.send("event", event=to_line(next(stage)))
    except StopIteration as end:
        line.send("facts", facts=end.value)
    except FarmError as error:
        line.send("failed", error=error_to_json(explained(error, place)))
    finally:
        client.close()


def explained(error: FarmError, place: Workplace) -> FarmError:
    """Return ``error``; for want of a key, with what counts on a worker."""
    if not isinstance(error, HostKeyRefused | AuthenticationRefused):
        return error
    words = _keys(place, "asks it")
    return type(error)(error.message, hint=f"{error.hint}\n  {words}" if error.hint else words)
