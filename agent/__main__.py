"""The commands of `agent.wire`, one function each: from a request to one line of JSON.

Commands, as ``python3 agent.zip --workdir DIR COMMAND …``:

==================== ============================ ===========================================================
command              standard input               standard output
==================== ============================ ===========================================================
``probe``            ProbeRequest                 the device's facts, one JSON object
``have``             JSON list of sha256          ``{"missing": {sha256: bytes already received}, "used_bytes": …,
                                                  "free_bytes": …}``: what is ours there, what is left on that disk
``receive SHA``      the blob from ``--offset``   ``{"sha256": …, "size_bytes": …}``
``receive-all``      list of blobs, then these    ``{"received": …}``, how many: `agent.blobs.receive_all`
``serve DEVICE SHA…`` ServeRequest, held open      a line of `agent.relay_wire`; hands blobs out to that device
``fetch``            FetchRequest                 as ``receive-all``, from a jump host that serves
``environment``      EnvironmentRequest           ``{"environment": …, "reused": bool}``
``start``            LaneRequest                  ``{"lane": …}``
``follow LANE``      (held open; its end stops)   `JOURNAL_MARK` line, then journal lines from ``--from OFFSET``
``collect LANE``     nothing                      the same, without waiting for more
``lanes``            nothing                      ``{"lanes": [{"lane": …, "run": …, "state": …, "size_bytes": …, …}]}``: `agent.lanes.listed`
``origin LANE``      nothing                      ``{"holder": …, "origin": …}`` of the lane's request; empty where that can't be read
``stop LANE``        nothing                      ``{"stopped": bool}``; with ``--gently`` it ends behind the step that it is at
``tune``             TuneRequest                  ``{"set": […], "kept": […], "failed": […], "tuned": …, "mended": …}``:
                                                  `agent.tuner`
``restore``          nothing                      ``{"restored": […], "failed": […], "tuned": …, "mended": …}``
``stored LANE``      nothing                      ``{"stored": bool}``: `agent.lanes.note_stored`
``gc``               CleanRequest                 ``{"removed_bytes": …, "removed": {"environments": …, "blobs": …,
                                                  "agents": …, "lanes": …}, "bytes": {…}, "kept_bytes": …, "wanted": …,
                                                  "wanted_bytes": …, "left": […]}``
==================== ============================ ===========================================================

`agent.dialogue` carries out several of them, one after the other; those that hold standard input open are started alone.
"""

# What a command alone needs, its function imports: the agent's zip is compiled anew at each start, which a slow device feels.
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

from agent import blobs, bytecode, cleanup, spawn, wire
from agent.clean_request import WANTED, CleanRequest
from agent.refusals import Refused, disk_refused
from agent.workdir import Workdir


def main(arguments: Optional[list[str]] = None) -> int:
    """Carry out one command; return its exit status."""
    options = _parser().parse_args(arguments)
    streams = options.command in ("follow", "collect", "serve")
    os.umask(0o077)  # all that is written here is its user's alone
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
    for name in ("probe", "have", "receive-all", "fetch", "environment", "start", "lanes", "tune", "restore", "gc"):
        commands.add_parser(name)
    receive = commands.add_parser("receive")
    receive.add_argument("sha256")
    receive.add_argument("--size", type=int, required=True)
    receive.add_argument("--offset", type=int, default=0)
    serve = commands.add_parser("serve")
    serve.add_argument("device")
    serve.add_argument("sha256", nargs="*")
    for name in ("follow", "collect"):
        reading = commands.add_parser(name)
        reading.add_argument("lane")
        reading.add_argument("--from", type=int, default=0, dest="offset")
    for name in ("stored", "origin"):
        commands.add_parser(name).add_argument("lane")
    stopping = commands.add_parser("stop")
    stopping.add_argument("lane")
    stopping.add_argument("--gently", action="store_true")
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
    from agent import environments, facts
    from agent.runtimes import check

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
        for path in bytecode.forms(spawn.ROOT):
            os.utime(path)  # what is used now, no garbage collection takes away
    absent, damaged = blobs.missing(workdir, hashes)
    if damaged:
        from agent.kept_scores import distrust

        for sha256 in damaged:
            distrust(workdir, sha256)
    return {
        "missing": absent,
        "damaged": damaged,
        "used_bytes": cleanup.size_of(workdir.path),
        "free_bytes": shutil.disk_usage(workdir.path).free,
    }


def _receive(workdir: Workdir, options: argparse.Namespace) -> dict[str, Any]:
    arriving = blobs.Arriving(sys.stdin.buffer)
    size = blobs.receive(workdir, options.sha256, arriving, size=options.size, offset=options.offset)
    return {"sha256": options.sha256, "size_bytes": size}


def _receive_all(workdir: Workdir, options: argparse.Namespace) -> dict[str, Any]:
    del options
    return {"received": blobs.receive_all(workdir, blobs.Arriving(sys.stdin.buffer))}


def _serve(workdir: Workdir, options: argparse.Namespace) -> None:
    from agent import relay

    relay.serve(workdir, options.device, options.sha256)


def _fetch(workdir: Workdir, options: argparse.Namespace) -> dict[str, Any]:
    from agent import relay, relay_wire

    del options
    request: relay_wire.FetchRequest = _request(relay_wire.FetchRequest)
    return {"received": relay.fetch(workdir, request)}


def _environment(workdir: Workdir, options: argparse.Namespace) -> dict[str, Any]:
    from agent import environments

    del options
    request: wire.EnvironmentRequest = _request(wire.EnvironmentRequest)
    return {"environment": request.environment, **environments.ensure(workdir, request)}


def _start(workdir: Workdir, options: argparse.Namespace) -> dict[str, Any]:
    from agent import lanes

    del options
    request: wire.LaneRequest = _request(wire.LaneRequest)
    lanes.start(workdir, request)
    return {"lane": request.lane}


def _follow(workdir: Workdir, options: argparse.Namespace) -> None:
    from agent import journal, lanes
    from agent.lock import wait_until_free

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
    from agent import journal, lanes
    from agent.lock import is_held

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
    from agent import lanes

    stop = lanes.stop_gently if options.gently else lanes.stop
    return {"stopped": stop(workdir, options.lane)}


def _stored(workdir: Workdir, options: argparse.Namespace) -> dict[str, Any]:
    from agent import lanes

    return {"stored": lanes.note_stored(workdir, options.lane)}


def _origin(workdir: Workdir, options: argparse.Namespace) -> dict[str, Any]:
    from agent import lanes

    request = lanes.kept_request(workdir, options.lane)
    return {"holder": request.holder if request else "", "origin": request.origin if request else ""}


def _lanes(workdir: Workdir, options: argparse.Namespace) -> dict[str, Any]:
    from agent import lanes

    del options
    return {"lanes": lanes.listed(workdir)}


def _gc(workdir: Workdir, options: argparse.Namespace) -> dict[str, Any]:
    from agent import lanes

    del options
    request: CleanRequest = _request(CleanRequest)
    with lanes.no_lane(workdir):
        if request.everything:
            _refuse_what_is_wanted(workdir, request)
            return cleanup.remove_everything(workdir, dry=request.dry)
        return cleanup.collect(
            workdir,
            unused_days=request.unused_days,
            running=bytecode.forms(spawn.ROOT),
            wanted=partial(lanes.is_wanted, workdir, request),
            most_blob_bytes=request.most_blob_bytes,
            dry=request.dry,
        )


def _refuse_what_is_wanted(workdir: Workdir, request: CleanRequest) -> None:
    from agent import lanes
    from agent.tuner import Tuner

    wanted = [lane for lane in os.listdir(workdir.file("lanes")) if lanes.is_wanted(workdir, request, lane)]
    if wanted:
        raise Refused(WANTED, "%d journals were never collected, such as %s" % (len(wanted), min(wanted)))
    if Tuner(workdir).is_recorded():
        raise Refused(WANTED, "settings are still changed there; put them back: farm devices tune NAME --restore")


def _tune(workdir: Workdir, options: argparse.Namespace) -> dict[str, Any]:
    from agent import lanes
    from agent.tuner import Tuner

    del options
    request: wire.TuneRequest = _request(wire.TuneRequest)
    tuner = Tuner(workdir)
    with lanes.no_lane(workdir):
        mended = tuner.recover()
        return {**tuner.hold(request), "mended": mended}


def _restore(workdir: Workdir, options: argparse.Namespace) -> dict[str, Any]:
    from agent import lanes
    from agent.tuner import Tuner

    del options
    tuner = Tuner(workdir)
    with lanes.no_lane(workdir):
        mended = tuner.recover()
        return {**tuner.restore(), "mended": mended}


def _tuned(workdir: Workdir) -> dict[str, Any]:
    """Put back settings without a holder; return the facts about tuning."""
    from agent import lanes
    from agent.tuner import Tuner

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
    "receive-all": _receive_all,
    "serve": _serve,
    "fetch": _fetch,
    "environment": _environment,
    "start": _start,
    "lanes": _lanes,
    "origin": _origin,
    "follow": _follow,
    "collect": _collect,
    "stored": _stored,
    "stop": _stop,
    "tune": _tune,
    "restore": _restore,
    "gc": _gc,
}


if __name__ == "__main__":
    sys.exit(main())
