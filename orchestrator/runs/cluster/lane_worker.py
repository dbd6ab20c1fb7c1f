"""A lane that a worker of a Dask cluster walks, with its own keys, for a controller elsewhere."""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.config.atomic_write import locked
from orchestrator.devices.remote.push_limits import PushLimits
from orchestrator.devices.session import Session
from orchestrator.domain.event import LaneEnded, LaneSkipped, PreparationStarted
from orchestrator.errors import AuthenticationRefused, FarmError, HostKeyRefused
from orchestrator.models.blob_folder import BlobFolder
from orchestrator.runs.cluster.orders import Order, error_to_json
from orchestrator.runs.cluster.serving import LOOK_S, receive, serve
from orchestrator.runs.commits import PATIENCE_S, Commits
from orchestrator.runs.crash import contained
from orchestrator.runs.walk import LocalWalk
from orchestrator.store.event_text import to_line

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.domain.event import Event
    from orchestrator.runs.cluster.line import WorkerLine
    from orchestrator.runs.cluster.serving import Workplace


def carry_out(queue: str, task: str) -> None:
    """Walk the lane that the controller behind ``queue`` orders, and send there what happens; never twice at once.

    Ends early where the controller goes, or the scheduler; the device goes on by itself then.
    """
    serve(queue, task, _obey)


def _obey(line: WorkerLine, text: str, place: Workplace, is_wanted: Callable[[], bool]) -> None:
    blobs = BlobFolder(place.state / "blobs")
    try:
        order = Order.from_text(text, blobs=blobs.root, wheels=place.state / "cluster-wheels")
        _fetch(line, order, blobs, place)
    except FarmError as error:
        line.send("failed", error=error_to_json(error))
        return
    work, commits = order.work, Commits()
    limits = place.limits.setdefault(work.run, PushLimits(bytes_per_s=order.bytes_per_s, site_pushes=order.site_pushes))
    with Session(place.connector, limits) as session:
        walk = LocalWalk(work, session, commits, commit_patience_s=2 * PATIENCE_S)
        listening = threading.Thread(target=_listen, args=(line, walk, commits, is_wanted), daemon=True)
        listening.start()
        for event in contained(work.run, work.device.name, place.state, walk.events()):
            line.send("event", event=to_line(_explained(event, walk.failure, place)))
        line.send(
            "over",
            is_over=walk.is_over,
            has_left=walk.has_left,
            failure=error_to_json(walk.failure),
            damage=walk.damage,
        )
        line.end()
        listening.join()


def _listen(line: WorkerLine, walk: LocalWalk, commits: Commits, is_wanted: Callable[[], bool]) -> None:
    """Do what the controller asks for while its lane is walked; leave the lane where no controller waits for it."""
    work = walk.work
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
            walk.cancel()
            try:
                line.send("stopped", stopped=walk.stop(message["stop"]), error=None)
            except FarmError as error:
                line.send("stopped", stopped=False, error=error_to_json(error))
        else:
            walk.leave()
            return


def _explained(event: Event, failure: FarmError | None, place: Workplace) -> Event:
    """Return ``event``; where it ends a lane for want of a key, with what counts on a worker."""
    if isinstance(event, LaneSkipped) and isinstance(failure, HostKeyRefused | AuthenticationRefused):
        words = f"worker {place.name} walks the lane: its own SSH keys count, and {place.connector.known_hosts} there"
        return replace(event, reason=f"{event.reason}\n  {words}")
    return event


def _fetch(line: WorkerLine, order: Order, blobs: BlobFolder, place: Workplace) -> None:
    """Get from the controller what this worker lacks of the lane's files; each arrives once, verified."""
    work = order.work
    for blob in order.files:
        with locked(blobs.root):  # lanes of one worker need the same files
            if not blobs.is_whole(blob.sha256):
                what = f"{blob.what}, to worker {place.name}"
                line.send("event", event=to_line(PreparationStarted(run=work.run, device=work.device.name, what=what)))
                receive(line, blob.sha256, blobs)
        if blob.path.parent != blobs.root:
            blob.path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                os.link(blobs.path(blob.sha256), blob.path)
