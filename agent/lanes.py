"""The lanes of this device: start one detached, describe how one ended, stop one."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import time
import traceback
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Optional

from agent import journal, wire
from agent.lane_runner import LAST_STEP, StepRunner
from agent.lock import DeviceLock, Lock, is_held, wait_until_free
from agent.refusals import Refused, disk_refused
from agent.runtimes import knows, names
from agent.workdir import no_link, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.clean_request import CleanRequest
    from agent.workdir import Workdir

_STARTED = b"ok"
#: In the folder of a lane: a store has its journal to the end.
_STORED = "stored"
#: Of what a request keeps for controllers that do not know its run: text of 256 KiB.
ORIGIN_CHARACTERS = 1 << 18


def start(workdir: Workdir, request: wire.LaneRequest) -> None:
    """Start a lane as a process of its own; returns once it holds the device and its journal has begun.

    Starting the same lane again is a success, whatever became of it: the first answer may have been lost. Refuses
    with `BUSY`, `BLOB_MISSING` and `BAD_REQUEST`.
    """
    _check(workdir, request)
    ordered = wire.to_json(request)
    starting = Lock(workdir.file("start.lock"))
    starting.take(wait=True)
    try:
        if journal.begun(workdir.lane(request.lane, "journal")):
            _check_same(workdir, request)
            return
        device = device_lock(workdir)
        if not device.take():
            raise busy(workdir, device)
        workdir.make_lane(request.lane)
        write_atomically(workdir.lane(request.lane, "request.json"), ordered)
        _detach(workdir, request, device)
    finally:
        starting.release()


def device_lock(workdir: Workdir) -> DeviceLock:
    """Return the lock of this device, not yet taken."""
    return DeviceLock(workdir.file("lane.lock"), workdir.file("lane.holder"))


@contextmanager
def no_lane(workdir: Workdir) -> Iterator[None]:
    """Keep lanes from this device meanwhile; refuses with `BUSY` where one is on its way."""
    starting, device = Lock(workdir.file("start.lock")), device_lock(workdir)
    starting.take(wait=True)
    try:
        if not device.take():
            raise busy(workdir, device)
        yield
    finally:
        device.release()
        starting.release()


def begun(workdir: Workdir, lane: str) -> str:
    """Return the path of a lane's journal; refuses with `UNKNOWN_LANE` where it never began."""
    path = workdir.lane(lane, "journal")
    if not journal.begun(path):
        raise Refused(wire.UNKNOWN_LANE, "no lane %s on this device" % lane)
    return path


def died(workdir: Workdir, lane: str) -> Refused:
    """Return the refusal for a lane whose process is gone without a last record, with the end of its log."""
    try:
        with open(workdir.lane(lane, "log"), errors="replace") as log:
            words = log.read()[-2000:].strip()
    except FileNotFoundError:
        words = ""
    message = "the process of lane %s ended before the lane did (killed, or the device restarted)" % lane
    return Refused(wire.LANE_DIED, message + (": " + words if words else ""))


def listed(workdir: Workdir) -> list[dict[str, Any]]:
    """Return every lane whose journal has begun: what it is of, how far it is, whether a store has all of it."""
    rows = []
    for lane in sorted(os.listdir(workdir.file("lanes"))):
        path = workdir.file("lanes", lane, "journal")
        alive = is_held(workdir.file("lanes", lane, "alive"))  # asked before reading
        try:
            with open(path, "rb") as content:
                written = journal.whole(content.read())
            first = wire.decode_line(written[: written.find(b"\n") + 1])
        except (OSError, ValueError):
            continue
        if isinstance(first, wire.LaneBegan) and first.lane == lane:
            is_done = journal.is_last(written)
            state = "running" if alive and not is_done else "done" if is_done else "died"
            row = {"lane": lane, "run": first.run, "began_at_ns": first.at_ns, "size_bytes": len(written)}
            rows.append({**row, "state": state, "stored": is_stored(workdir, lane)})
    return rows


def note_stored(workdir: Workdir, lane: str) -> bool:
    """Note that a store has all of a lane's journal; return False where it grows still.

    The controller does so once it has committed: what was only sent dies with a controller that is killed.
    """
    path, alive = begun(workdir, lane), is_held(workdir.lane(lane, "alive"))  # asked before reading
    with open(path, "rb") as content:
        if alive and not journal.is_last(journal.whole(content.read())):
            return False
    with disk_refused("the note that a store has the journal"), open(workdir.lane(lane, _STORED), "wb", opener=no_link):
        pass
    return True


def is_stored(workdir: Workdir, lane: str) -> bool:
    """Return whether a store has all of a lane's journal, as its controller noted."""
    return os.path.exists(workdir.lane(lane, _STORED))


def is_wanted(workdir: Workdir, request: CleanRequest, lane: str) -> bool:
    """Return whether a lane has a journal that was never collected, as far as the device and ``request`` know."""
    if request.uncollected or not journal.begun(workdir.file("lanes", lane, "journal")):
        return False
    return lane in request.wanted or not (lane in request.collected or is_stored(workdir, lane))


def stop_gently(workdir: Workdir, lane: str) -> bool:
    """Let a lane end behind the step that it is at, or behind the shard; return False where it was over already."""
    begun(workdir, lane)
    if not is_held(workdir.lane(lane, "alive")):
        return False
    with disk_refused("the request to stop"), open(workdir.lane(lane, LAST_STEP), "wb"):
        pass
    return True


def stop(workdir: Workdir, lane: str) -> bool:
    """End a lane and its worker, and wait until they are gone; return False where it was over already."""
    begun(workdir, lane)
    starting = Lock(workdir.file("start.lock"))
    starting.take(wait=True)
    try:
        device = device_lock(workdir)
        holder = device.holder()
        if holder.get("lane") != lane or not is_held(workdir.file("lane.lock")):
            return False
        if is_held(workdir.lane(lane, "alive")):
            with (
                suppress(OSError),
                open(workdir.lane(lane, LAST_STEP), "wb"),
            ):  # a full disk keeps no lane from being stopped
                pass
            os.kill(int(holder["pid"]), signal.SIGTERM)
            os.kill(int(holder["pid"]), signal.SIGCONT)  # a stopped process takes no SIGTERM
            wait_until_free(workdir.lane(lane, "alive"))
        else:  # its worker was left alone: its answer would be lost
            os.killpg(int(holder["group"]), signal.SIGKILL)
            wait_until_free(workdir.file("lane.lock"))
        return True
    finally:
        starting.release()


def _check(workdir: Workdir, request: wire.LaneRequest) -> None:
    workdir.lane(request.lane)
    if request.version != wire.VERSION:
        raise Refused(wire.BAD_REQUEST, "the agent speaks version %d, not %d" % (wire.VERSION, request.version))
    if not isinstance(request.origin, str) or len(request.origin) > ORIGIN_CHARACTERS:
        raise Refused(wire.BAD_REQUEST, "origin: it is no text of at most %d characters" % ORIGIN_CHARACTERS)
    absent = []
    for step in request.steps:
        if step.kind not in wire.RECORD_OF:
            raise Refused(wire.BAD_REQUEST, "step %s: unknown kind %r" % (step.id, step.kind))
        if not knows(step.runtime):
            message = "step %s: unknown runtime %r; there are %s" % (step.id, step.runtime, ", ".join(names()))
            raise Refused(wire.BAD_REQUEST, message)
        images = [workdir.blob(shard.sha256) for shard in step.shards]  # refuses what is no name of a blob
        if step.kind == "measure" and not images:
            raise Refused(wire.BAD_REQUEST, "step %s: it has no images" % step.id)
        needed = [step.artifact, step.golden]
        needed += [step.shards[0].sha256] if step.kind == "measure" else []
        needed += [step.labels] if step.kind == "score" else []
        absent += [sha for sha in needed if sha is not None and not os.path.exists(workdir.blob(sha))]
        if step.environment is not None and not os.path.isdir(workdir.environment(step.environment)):
            absent.append("environment " + step.environment)
    if absent:
        unique = list(dict.fromkeys(absent))
        raise Refused(wire.BLOB_MISSING, "push first: %s" % ", ".join(unique), missing=unique)


def _check_same(workdir: Workdir, request: wire.LaneRequest) -> None:
    """Refuse another lane of the same name; its origin may differ: facts change while a controller is started anew."""
    kept = kept_request(workdir, request.lane)
    if kept is None or wire.to_json(dataclasses.replace(kept, origin=request.origin)) != wire.to_json(request):
        message = "another lane %s is on this device already; choose a new name" % request.lane
        raise Refused(wire.BAD_REQUEST, message)


def kept_request(workdir: Workdir, lane: str) -> Optional[wire.LaneRequest]:
    """Return what a lane was started with, ``None`` where this agent can't read it: another version may have kept it."""
    try:
        with open(workdir.lane(lane, "request.json"), "rb") as content:
            return wire.read_request(content.read())
    except (OSError, ValueError):
        return None


def busy(workdir: Workdir, device: DeviceLock) -> Refused:
    """Return the refusal that names the holder of the device."""
    holder = device.holder()
    lane, who = str(holder.get("lane", "?")), str(holder.get("holder", "someone"))
    message = "the device is busy with lane %s of %s" % (lane, who)
    if "lane" in holder and not is_held(workdir.lane(lane, "alive")):
        message += "; the lane's process died, its worker still runs"
    return Refused(wire.BUSY, message, holder=who, lane=lane)


def _detach(workdir: Workdir, request: wire.LaneRequest, device: DeviceLock) -> None:
    """Run the lane in a process that no terminal, SSH session or parent can take down with it."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setsid()
            if os.fork() == 0:
                _cut_loose(workdir.lane(request.lane, "log"), keep=(device.descriptor, writer))
                with disk_refused("the records of lane %s" % request.lane):
                    _live(workdir, request, device, writer)
            status = 0
        except Refused as refusal:
            sys.stderr.write(refusal.message + "\n")
            sys.stderr.flush()
        except BaseException:  # noqa: BLE001  this process can raise to its log alone
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(status)
    os.close(writer)
    device.drop()
    os.waitpid(child, 0)
    with open(reader, "rb") as answer:
        if answer.read() != _STARTED:
            raise died(workdir, request.lane)


def _cut_loose(log: str, keep: tuple[int, ...]) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.chdir("/")
    nothing = os.open(os.devnull, os.O_RDONLY)
    words = no_link(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(nothing, 0)
    os.dup2(words, 1)
    os.dup2(words, 2)
    # The start lock, above all, must not live as long as the lane.
    first = 3
    for descriptor in sorted(keep):
        os.closerange(first, descriptor)
        first = descriptor + 1
    os.closerange(first, 1024)


def _live(workdir: Workdir, request: wire.LaneRequest, device: DeviceLock, started: int) -> None:
    alive = Lock(workdir.lane(request.lane, "alive"))
    alive.take(wait=True)
    device.sign(holder=request.holder, lane=request.lane, pid=os.getpid(), group=os.getpgrp(), since_ns=time.time_ns())
    writer = journal.Writer(workdir.lane(request.lane, "journal"))
    runner = StepRunner(workdir, request, writer, device)
    signal.signal(signal.SIGTERM, lambda *_: runner.stop())
    writer.append(wire.LaneBegan(lane=request.lane, run=request.run, at_ns=time.time_ns()))
    os.write(started, _STARTED)
    os.close(started)
    runner.run()
