"""Journals that are far more than their lane was asked for: refused, or read, within little memory of the controller's process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Reads a journal as `farm run` does that goes on with a lane, and prints what became of it with the most memory that it took beyond
#: what it had before, in bytes.
PROGRAM = """
import base64, json, resource, sys, tempfile, zlib
from dataclasses import replace
from pathlib import Path
from agent import wire
from orchestrator.devices.remote.client import AgentClient
from orchestrator.domain.device import Device
from orchestrator.domain.event import AttemptEnded, Cursor, LaneSkipped
from orchestrator.domain.plan import Lane
from orchestrator.runs.lane import LaneRunner
from orchestrator.transports.base import Completed
from tests.lab import dialogues
from tests.lab.lanes import honest, make_inputs, make_steps

steps = make_steps(schemes=("float32",), accuracy="none")
inputs = make_inputs(Path(tempfile.mkdtemp()), schemes=("float32",))
written = list(honest(steps))
done = next(record for record in written if isinstance(record, wire.AttemptDone))

def zeros(count):
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(8 * 1024)) for _ in range(count // 1024)) + packer.flush()
    return base64.b64encode(packed).decode()

def journal():
    yield b"farm-journal\\n"
    if KIND == "samples":
        yield wire.encode_line(replace(done, latency_ns=zeros(33_000_000)))
    elif KIND == "text":
        for _ in range(200):
            yield b"x" * 1_000_000
    else:
        line = wire.encode_line(done)
        for _ in range(100):
            yield line * 1_000
    yield wire.encode_line(wire.LaneDone(at_ns=4))

class Scripted:
    def run(self, argv, **_):
        place = {"workdir": "/w", "agent": "/w/a.zip", "runs": "/w/a.zip", "present": True}
        return Completed(status=0, out=json.dumps(place).encode(), err=b"")

    def dialogue(self, argv):
        return dialogues.Scripted(self.run, argv)

    def stream(self, argv, **_):
        return journal()

    def close(self):
        pass

pi = AgentClient(Scripted(), Device(name="pi", address="pi"))
left = (Cursor(lane="r-pi-1", offset=0),)
runner = LaneRunner("r", Lane(device="pi", steps=steps), pi, inputs, unfinished=left, lanes_before=1, detaches=True)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
ended, reasons = set(), []
for event in runner.events():
    if isinstance(event, AttemptEnded):
        ended.add(event.measurement.attempt)
    elif isinstance(event, LaneSkipped):
        reasons.append(event.reason)
print(json.dumps({"attempts": len(ended), "reasons": reasons, "bytes": peak() - before}))
"""


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("samples", "more than the"), ("text", "longer than"), ("records", "more AttemptDone than a lane writes")],
    ids=["33 million samples in one record", "a record of 200 MB", "a hundred thousand records"],
)
def test_a_journal_without_measure_is_refused_within_little_memory(kind, reason):
    done = subprocess.run(
        [sys.executable, "-c", f"KIND = {kind!r}\n{PROGRAM}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
        check=True,
    )

    answer = json.loads(done.stdout)
    assert reason in answer["reasons"][0]
    assert answer["attempts"] <= 1
    assert answer["bytes"] < 64 << 20
