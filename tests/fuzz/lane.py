"""A lane that was ordered, for what a device's journal says of it."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from agent import wire
from orchestrator.devices.remote.orders import LaneInputs
from orchestrator.domain.plan import Step
from orchestrator.store.store import Store
from orchestrator.testing import make_golden
from tests.lab.lanes import make_inputs, make_steps

PREPROCESS = wire.Preprocess(height=8, width=8, channels=1, scale=1.0, mean=(0.0,), std=(1.0,))


@cache
def lane() -> tuple[tuple[Step, ...], LaneInputs]:
    """Return the steps of a lane and what they refer to."""
    blobs = Path(tempfile.mkdtemp(prefix="farm-fuzz-"))
    return make_steps(schemes=("float32",), profile=True), make_inputs(
        blobs, schemes=("float32",), golden=make_golden()
    )


@cache
def store() -> Store:
    """Return a database in memory."""
    return Store.open("sqlite://")


def scoring() -> wire.Step:
    """Return a scoring step as a device gets it."""
    return wire.Step(
        id="s",
        kind="score",
        label="scoring",
        artifact="a" * 64,
        runtime="null",
        environment=None,
        threads=1,
        batch=1,
        shards=(wire.Shard(sha256="b" * 64, images=2),),
        labels="c" * 64,
        preprocess=PREPROCESS,
        timeout_s=9.0,
    )


def request() -> wire.LaneRequest:
    """Return a lane with one step as a device gets it."""
    return wire.LaneRequest(lane="lane-1", run="r", holder="joe", steps=(scoring(),))
