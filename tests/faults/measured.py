"""A device that is measured for real by one lane in a second or two: the agent's own processes, a runtime that does nothing."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agent import shards
from orchestrator.devices.remote.client import AgentClient
from orchestrator.devices.remote.orders import LaneInputs
from orchestrator.domain.artifact import ImageSet, Shard
from orchestrator.domain.device import Device, Limits
from orchestrator.domain.effort import Effort
from orchestrator.domain.event import AttemptEnded, AttemptStarted, LaneSkipped, LaneStarted
from orchestrator.domain.model import Preprocess
from orchestrator.runs import planner
from orchestrator.runs.lane import LaneRunner
from orchestrator.testing import make_artifact, make_suite
from orchestrator.transports.local import LocalTransport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.domain.event import Event
    from orchestrator.transports.base import Transport

RUN = "run-1"
ATTEMPTS = 3


def make_inputs(folder: Path, *, seconds: float = 0.0) -> LaneInputs:
    """Return three attempts of one case, ``seconds`` long together, with their files in ``folder``."""
    labels = io.BytesIO()
    np.save(labels, np.array([[0], [1]], np.uint8))
    names = []
    folder.mkdir(exist_ok=True)
    for content in (shards.pack(np.zeros((2, 8, 8, 1), np.uint8)), labels.getvalue(), b"an artifact"):
        names.append(hashlib.sha256(content).hexdigest())
        (folder / names[-1]).write_bytes(content)
    pixels, table, artifact = names
    size = (folder / pixels).stat().st_size
    images = ImageSet(
        dataset="phantom",
        pixels_sha256=pixels,
        labels_sha256=table,
        image_list="f" * 64,
        images=2,
        classes=("Nodule",),
        synthetic=True,
        shards=(Shard(sha256=pixels, images=2, size_bytes=size),),
    )
    made = make_artifact(sha256=artifact, preprocess=Preprocess(height=8, width=8, channels=1))
    return LaneInputs(
        effort=Effort(name="short", attempts=ATTEMPTS, invocations=9, seconds=seconds, warmup_max_s=0.0),
        artifacts={("tiny-cxr", "float32", 1): made},
        images={"tiny-cxr": images},
        environments={},
        blobs=folder,
        limits=Limits(settle_at_most_s=0.0),
    )


@dataclass(kw_only=True)
class Measured:
    """One lane of three attempts on one device, with the events so far."""

    folder: Path
    device: Device
    transport: Transport
    run: str = RUN
    seconds: float = 0.0
    #: How much faster the clock of the controller runs.
    haste: float = 1.0
    patience_s: float = 60.0
    seen: list[Event] = field(default_factory=list)

    @classmethod
    def here(cls, folder: Path, **changes: Any) -> Measured:
        """Return a device that is this machine, with a work directory of its own."""
        settings = {"python": "python3", "workdir": str(folder / "work")} | {
            name: changes.pop(name) for name in ("python", "workdir") if name in changes
        }
        device = Device(name="pi", transport="local", **settings)
        return cls(folder=folder, device=device, transport=LocalTransport(device), **changes)

    @property
    def workdir(self) -> Path:
        """Where the agent keeps its files."""
        return Path(self.device.workdir)

    @property
    def holder(self) -> dict[str, Any]:
        """What the lane that runs there signed with."""
        return dict(json.loads((self.workdir / "lane.holder").read_text()))

    @property
    def done(self) -> list[str]:
        """The attempts that ended well, in their order."""
        return [
            event.measurement.attempt
            for event in self.seen
            if isinstance(event, AttemptEnded) and event.measurement.error is None
        ]

    @property
    def begun(self) -> list[str]:
        """The attempts that began, in their order."""
        return [event.attempt for event in self.seen if isinstance(event, AttemptStarted)]

    @property
    def lanes(self) -> list[str]:
        """The lanes that were started."""
        return [event.lane for event in self.seen if isinstance(event, LaneStarted)]

    @property
    def reason(self) -> str:
        """Why the device was given up; empty where it was not."""
        return "".join(event.reason for event in self.seen if isinstance(event, LaneSkipped))

    def events(self) -> Iterator[Event]:
        """Run the lane, and remember what happens."""
        client = AgentClient(self.transport, self.device, tick_s=0.05)
        inputs = make_inputs(self.folder / "blobs", seconds=self.seconds)
        suite = make_suite(schemes=("float32",), runtimes=("null",))
        (lane,) = planner.plan(self.run, replace(suite, attempts=ATTEMPTS), [self.device.name]).lanes
        runner = LaneRunner(
            self.run,
            lane,
            client,
            inputs,
            patience_s=self.patience_s,
            clock=lambda: time.monotonic() * self.haste,
            sleep=lambda seconds: time.sleep(min(seconds, 0.1)),
        )
        for event in runner.events():
            self.seen.append(event)
            yield event

    def to_end(self) -> Measured:
        """Run the lane to its end."""
        for _ in self.events():
            pass
        return self

    def cut_power(self) -> None:
        """Kill every process of the agent at once."""
        mark = os.fsencode(self.device.workdir)
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with suppress(OSError):
                    if mark in (entry / "cmdline").read_bytes():
                        os.kill(int(entry.name), signal.SIGKILL)
