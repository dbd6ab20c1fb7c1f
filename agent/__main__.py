"""The commands of `agent.wire`, one function each: from a request to one line of JSON.

Commands, as ``python3 agent.zip --workdir DIR COMMAND …``:

==================== ============================ ===========================================================
command              standard input               standard output
==================== ============================ ===========================================================
``probe``            ProbeRequest                 the device's facts, one JSON object
``have``             JSON list of sha256          ``{"missing": {sha256: bytes already received}, "used_bytes": …,
                                                  "free_bytes": …}``: what is ours there, what is left on that disk
``receive SHA``      the blob from ``--offset``   ``{"sha256": …, "size_bytes": …}``
``environment``      EnvironmentRequest           ``{"environment": …, "reused": bool}``
``start``            LaneRequest                  ``{"lane": …}``
``follow LANE``      (held open; its end stops)   `JOURNAL_MARK` line, then journal lines from ``--from OFFSET``
``collect LANE``     nothing                      the same, without waiting for more
``stop LANE``        nothing                      ``{"stopped": bool}``
``tune``             TuneRequest                  ``{"set": […], "kept": […], "failed": […], "tuned": …, "mended": …}``:
                                                  `agent.tuner`
``restore``          nothing                      ``{"restored": […], "failed": […], "tuned": …, "mended": …}``
``gc``               nothing                      ``{"removed_bytes": …, "removed": {"environments": …, "blobs": …,
                                                  "agents": …, "lanes": …}, "kept_bytes": …}``
==================== ============================ ===========================================================
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
from contextlib import suppress
from functools import partial
from typing import Any, Callable, Optional

from agent import blobs, cleanup, environments, facts, journal, lanes, spawn, wire
from agent.kept_scores import distrust
from agent.lock import is_held, wait_until_free
from agent.refusals import Refused, disk_refused
from agent.runtimes import check
from agent.tuner import Tuner
from agent.workdir import Workdir


def main(arguments: Optional[list[str]] = None) -> int:
    """Carry out one command; return its exit status."""
    options = _parser().parse_args(arguments)
    streams = options.command in ("follow", "collect")
    try:
        with disk_refused("the files of %s" % options.command):
            workdir = Workdir(options.workdir).make()
            answer = COMMANDS[options.command](workdir, options)
    except Refused as refusal:
        print(json.dumps(refusal.to_json()), file=sys.stderr if streams else sys.stdout, flush=True)
        return wire.REFUSED
    except BrokenPipeError:  # the reader is gone; Python shall not complain of it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    if answer is not None:
        print(json.dumps(answer))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="agent", description="The device half of farm.")
    parser.add_argument("--workdir", default=".farm-agent", help="where it keeps its files, below the home directory")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("probe", "have", "environment", "start", "tune", "restore"):
        commands.add_parser(name)
    receive = commands.add_parser("receive")
    receive.add_argument("sha256")
    receive.add_argument("--size", type=int, required=True)
    receive.add_argument("--offset", type=int, default=0)
    for name in ("follow", "collect"):
        reading = commands.add_parser(name)
        reading.add_argument("lane")
        reading.add_argument("--from", type=int, default=0, dest="offset")
    commands.add_parser("stop").add_argument("lane")
    commands.add_parser("gc").add_argument("--unused-days", type=float, default=30.0)
    return parser


def _request(kind: Any) -> Any:
    body = _json()
    try:
        return wire.from_json(kind, body)
    except ValueError as error:
        raise Refused(wire.BAD_REQUEST, "not a %s: %s" % (kind.__name__, error)) from error


def _json() -> Any:
    try:
        return json.load(sys.stdin)
    except ValueError as error:
        raise Refused(wire.BAD_REQUEST, "standard input is not JSON: %s" % error) from error


def _probe(workdir: Workdir, options: argparse.Namespace) -> dict[str, Any]:
    del options
    request: wire.ProbeRequest = _request(wire.ProbeRequest)
    directory = None
    if request.environment is not None:
        directory = workdir.environment(request.environment)
        if not os.path.isdir(directory):
            raise Refused(wire.BLOB_MISSING, "no environment %s on this device" % request.environment)
    tuned = _tuned(workdir)  # before the facts: they describe the device after it
    tried = {name: check.try_runtime(name, directory) for name in request.runtimes}
    here = {"environments": environments.names(workdir), "numpy": check.numpy_version(), **tuned}
    return {**facts.gather(workdir.path), **{name: fact for name, fact in here.items() if fact}, "runtimes": tried}


def _have(workdir: Workdir, options: argparse.Namespace) -> dict[str, Any]:
    del options
    hashes = _json()
    if not isinstance(hashes, list):
        raise Refused(wire.BAD_REQUEST, "standard input is not a list of sha256")
    with suppress(OSError):
        os.utime(spawn.ROOT)  # what is used now, no garbage collection takes away
    absent, damaged = blobs.missing(workdir, hashes)
    for sha256 in damaged:
        distrust(workdir, sha256)
    return {
        "missing": absent,
        "damaged": damaged,
        "used_bytes": cleanup.size_of(workdir.path),
        "free_bytes": shutil.disk_usage(workdir.path).free,
    }


def _receive(workdir: Workdir, options: argparse.Namespace) -> dict[str, Any]:
    size = blobs.receive(workdir, options.sha256, sys.stdin.buffer, size=options.size, offset=options.offset)
    return {"sha256": options.sha256, "size_bytes": size}


def _environment(workdir: Workdir, options: argparse.Namespace) -> dict[str, Any]:
    del options
    request: wire.EnvironmentRequest = _request(wire.EnvironmentRequest)
    return {"environment": request.environment, **environments.ensure(workdir, request)}


def _start(workdir: Workdir, options: argparse.Namespace) -> dict[str, Any]:
    del options
    request: wire.LaneRequest = _request(wire.LaneRequest)
    lanes.start(workdir, request)
    return {"lane": request.lane}


def _follow(workdir: Workdir, options: argparse.Namespace) -> None:
    path = lanes.begun(workdir, options.lane)
    journal.check_offset(path, options.offset)
    alive = workdir.lane(options.lane, "alive")
    # The session that asked may be gone; a follower started under nohup would stay behind.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    follower = journal.Follower(path, options.offset, wait_for_death=partial(wait_until_free, alive), hangup=0)
    _print(wire.JOURNAL_MARK + b"\n")
    for chunk in follower.chunks():
        _print(chunk)
    if follower.died:
        raise lanes.died(workdir, options.lane)


def _collect(workdir: Workdir, options: argparse.Namespace) -> None:
    path = lanes.begun(workdir, options.lane)
    journal.check_offset(path, options.offset)
    alive = is_held(workdir.lane(options.lane, "alive"))  # asked before reading: what it wrote last is then read
    with open(path, "rb") as content:
        written = journal.whole(content.read())
    _print(wire.JOURNAL_MARK + b"\n" + written[options.offset :])
    if not alive and not journal.is_last(written):
        raise lanes.died(workdir, options.lane)


def _print(content: bytes) -> None:
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _stop(workdir: Workdir, options: argparse.Namespace) -> dict[str, Any]:
    return {"stopped": lanes.stop(workdir, options.lane)}


def _gc(workdir: Workdir, options: argparse.Namespace) -> dict[str, Any]:
    with lanes.no_lane(workdir):
        return cleanup.collect(workdir, unused_days=options.unused_days, running=spawn.ROOT)


def _tune(workdir: Workdir, options: argparse.Namespace) -> dict[str, Any]:
    del options
    request: wire.TuneRequest = _request(wire.TuneRequest)
    tuner = Tuner(workdir)
    with lanes.no_lane(workdir):
        mended = tuner.recover()
        return {**tuner.hold(request), "mended": mended}


def _restore(workdir: Workdir, options: argparse.Namespace) -> dict[str, Any]:
    del options
    tuner = Tuner(workdir)
    with lanes.no_lane(workdir):
        mended = tuner.recover()
        return {**tuner.restore(), "mended": mended}


def _tuned(workdir: Workdir) -> dict[str, Any]:
    """Put back settings without a holder; return the facts about tuning."""
    tuner = Tuner(workdir)
    status: dict[str, Any] = {}
    if tuner.is_recorded():
        with suppress(Refused), lanes.no_lane(workdir):  # refused under a lane: nothing is changed while it measures
            tuner.recover()
        with suppress(Refused):  # a damaged record, under a lane: reported at the next contact
            status["tuned"] = tuner.status()
    return {**status, "tuning_mended": tuner.last_recovery()}


COMMANDS: dict[str, Callable[[Workdir, argparse.Namespace], Optional[dict[str, Any]]]] = {
    "probe": _probe,
    "have": _have,
    "receive": _receive,
    "environment": _environment,
    "start": _start,
    "follow": _follow,
    "collect": _collect,
    "stop": _stop,
    "tune": _tune,
    "restore": _restore,
    "gc": _gc,
}


if __name__ == "__main__":
    sys.exit(main())
