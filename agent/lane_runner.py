"""Run a lane: one fresh worker process for each step, silence while it works, then a record in the journal."""

from __future__ import annotations

import dataclasses
import json
import os
import select
import signal
import subprocess
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Optional, Union

from agent import spawn, wire
from agent.kept_scores import kept_scores
from agent.refusals import Refused
from agent.sensors import Sensors
from agent.settle import settle, temperature_of
from agent.tuner import Tuner
from agent.workdir import no_link

if TYPE_CHECKING:
    from agent.journal import Writer
    from agent.lock import DeviceLock
    from agent.workdir import Workdir


#: In the folder of a lane: it takes no step behind the one that it is at.
LAST_STEP = "last-step"


class StepRunner:
    """Runs the steps of one lane; `stop`, called from a signal handler, ends it after killing the worker.

    A file `LAST_STEP` in the lane's folder ends it behind the step that it is at, or behind the shard.
    """

    def __init__(
        self,
        workdir: Workdir,
        request: wire.LaneRequest,
        writer: Writer,
        device: DeviceLock,
        tuner: Optional[Tuner] = None,
    ) -> None:
        self._workdir, self._request = workdir, request
        self._writer, self._device = writer, device
        self._tuner = tuner or Tuner(workdir)
        self._worker: Optional[subprocess.Popen[bytes]] = None
        self._sensors = Sensors.of_this_device()
        #: The least that was seen in this lane, before it began to work or between attempts.
        self._idle_c: Optional[float] = None
        #: (artifact, runtime, environment) -> why that runtime can't take that artifact.
        self._unloadable: dict[tuple[str, str, Optional[str]], str] = {}
        self._stopped = False
        #: Whether steps were left out because it was stopped.
        self._is_cut = False

    def stopped(self) -> bool:
        """Return whether `stop` was called; it may become true between any two lines."""
        return self._stopped

    def is_last(self) -> bool:
        """Return whether no further step is taken."""
        return self._stopped or os.path.exists(self._workdir.lane(self._request.lane, LAST_STEP))

    def stop(self) -> None:
        """Kill the worker and take no further step."""
        self._stopped = True
        if self._worker is not None:
            self._worker.kill()

    def run(self) -> None:
        """Take every step, then write the last record; a step that fails is a record like others."""
        try:
            self._tune()
            self._take_steps()
        finally:
            untuned = self._tuner.release(self._request.lane)
        if untuned is not None:
            self._writer.append(wire.Tuned(at_ns=time.time_ns(), answer=untuned))
        # Whoever reads the last record may start another lane at once.
        self._device.release()
        self._writer.append(wire.LaneDone(at_ns=time.time_ns(), error=self._why_cut() if self._is_cut else None))

    def _why_cut(self) -> str:
        """Return by what the lane was stopped: a device that shuts down ends its processes by the signal that `stop` uses."""
        asked = os.path.exists(self._workdir.lane(self._request.lane, LAST_STEP))
        return wire.STOPPED if asked else "ended by a signal: the device shuts down, or another program ended it"

    def _tune(self) -> None:
        """Put back settings without a holder, then set what this lane asks for."""
        answers = [self._tuner.recover()]
        if self._request.tune is not None:
            answers.append(self._tuner.hold(self._request.tune, self._request.lane))
        for answer in answers:
            if answer is not None:
                self._writer.append(wire.Tuned(at_ns=time.time_ns(), answer=answer))

    def _take_steps(self) -> None:
        self._idle_c = temperature_of(self._sensors)
        scorings: list[wire.Step] = []
        for step in self._request.steps:
            if self.is_last():
                self._is_cut = True
                break
            self._writer.append(wire.StepBegan(id=step.id, at_ns=time.time_ns()))
            record = self._take(step)
            if record.error is not None and (self.stopped() or self._is_cut):
                self._is_cut = True
                break  # not the step's fault
            if record.error is not None and not os.path.exists(spawn.ROOT):  # no worker can be started any more
                raise Refused(wire.UNFIT, "the agent was deleted from its directory under way")
            self._writer.append(record)
            if isinstance(record, wire.ScoringDone) and record.error is None:
                scorings.append(step)
        if not self._request.keep_shards and not self._is_cut:
            self._delete_scored(scorings)

    def _delete_scored(self, scorings: list[wire.Step]) -> None:
        """Delete the shards that all ``scorings`` have scores of, but for the first of each."""
        wanted: set[str] = set()
        done: set[str] = set()
        for step in scorings:
            kept = kept_scores(self._workdir, step)
            for place, shard in enumerate(step.shards):
                (done if place and place in kept else wanted).add(shard.sha256)
        for sha256 in done - wanted:
            with suppress(FileNotFoundError):
                os.unlink(self._workdir.blob(sha256))

    def _take(self, step: wire.Step) -> Union[wire.AttemptDone, wire.ScoringDone, wire.ProfileDone]:
        step = self._settled(step)
        began_at, began = time.time_ns(), time.monotonic_ns()
        key = step.artifact, step.runtime, step.environment
        if (
            step.start_below_c is not None and self.is_last()
        ):  # it was asked to stop while it waited for the device to cool
            self._is_cut = True
            answer: dict[str, Any] = {"error": wire.STOPPED}
        elif key in self._unloadable:  # the same again would fail again
            answer = {"error": self._unloadable[key], "unloadable": True}
        else:
            answer = self._spawn(step)
        if answer.get("unloadable"):
            self._unloadable[key] = str(answer["error"])
        common = {
            "id": step.id,
            "began_at_ns": began_at,
            "ended_at_ns": time.time_ns(),
            "wall_ns": time.monotonic_ns() - began,
        }
        return wire.from_json(wire.RECORD_OF[step.kind], {**common, **answer})  # type: ignore[no-any-return]  # it builds any kind

    def _settled(self, step: wire.Step) -> wire.Step:
        """Wait until the device is cool enough for ``step``; return the step with that temperature."""
        below = step.start_below_c
        if below is None and step.settle_margin_c is not None and self._idle_c is not None:
            below = self._idle_c + step.settle_margin_c
        if below is None or step.kind != "measure":
            return dataclasses.replace(step, start_below_c=None)
        _, celsius = settle(self._sensors, below, step.settle_at_most_s, self.is_last)
        if celsius is not None and self._idle_c is not None:
            self._idle_c = min(self._idle_c, celsius)
        return dataclasses.replace(step, start_below_c=below, start_temperature_c=celsius)

    def _spawn(self, step: wire.Step) -> dict[str, Any]:
        """Return the fields of the worker's answer, or ``error`` with its last words."""
        with open(self._workdir.lane(self._request.lane, "worker.log"), "w+b", opener=no_link) as log:
            try:
                worker = subprocess.Popen(
                    spawn.command("agent.worker", self._workdir.path),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=spawn.child_env(),
                    # The device stays taken while the worker lives, even where we are killed.
                    pass_fds=(self._device.descriptor,),
                )
            except OSError as error:  # no memory, no process left
                return {"error": "%s: %s" % (wire.NOT_STARTED, error)}
            killed_before = _killed_for_memory()
            self._worker = worker
            if self.stopped():  # the signal came while the worker was being made
                worker.kill()
            try:
                with worker:
                    answer = self._answer(worker, step)
            except subprocess.TimeoutExpired:
                words = spawn.last_words(_tail(log), worker.returncode)
                return {"error": "no answer within %g s; %s" % (step.timeout_s, words)}
            finally:
                self._worker = None
            if worker.returncode or not answer:
                limit = (
                    "" if step.memory_bytes is None else "; it may take %d MB at most" % (step.memory_bytes // 10**6)
                )
                if worker.returncode == -signal.SIGKILL and _killed_for_memory() > killed_before:
                    limit += "; the kernel killed it because memory ran out"
                return {"error": spawn.last_words(_tail(log), worker.returncode) + limit}
            return answer

    def _answer(self, worker: subprocess.Popen[bytes], step: wire.Step) -> dict[str, Any]:
        """Return the last line that a worker prints, nothing where it is cut off; the lines before it become records.

        Kills the worker where a line takes longer than the step may, and raises `subprocess.TimeoutExpired`.
        """
        assert worker.stdin is not None  # noqa: S101  it is a pipe
        assert worker.stdout is not None  # noqa: S101
        with suppress(BrokenPipeError), worker.stdin:  # it died at once: its status tells
            worker.stdin.write(wire.to_json(step))
        answer: dict[str, Any] = {}
        pending, until = b"", time.monotonic() + step.timeout_s
        while True:
            if not select.select([worker.stdout], [], [], max(0.0, until - time.monotonic()))[0]:
                worker.kill()
                raise subprocess.TimeoutExpired(worker.args, step.timeout_s)
            chunk = os.read(worker.stdout.fileno(), 1 << 16)
            if not chunk:
                break
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                answer = _fields(line)
                if "shard" in answer:
                    until = time.monotonic() + step.timeout_s
                    self._writer.append(
                        wire.from_json(
                            wire.ShardScored,
                            {"id": step.id, "at_ns": time.time_ns(), "run": self._request.run, **answer},
                        )
                    )
                    answer = {}
                    if self.is_last() and not self.stopped():  # the shards that are scored stay
                        self._is_cut = True
                        worker.kill()
        try:
            worker.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.kill()
            raise
        return answer


def _killed_for_memory() -> int:
    """Return how many processes this kernel has killed for want of memory, since 4.13; 0 where it does not count them."""
    with suppress(OSError, ValueError), open("/proc/vmstat") as counters:
        return sum(int(line.split()[1]) for line in counters if line.startswith("oom_kill "))
    return 0


def _fields(line: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(line))
    except ValueError:
        return {}


def _tail(log: IO[bytes]) -> bytes:
    size = log.seek(0, os.SEEK_END)
    log.seek(max(0, size - 8192))
    return log.read()
