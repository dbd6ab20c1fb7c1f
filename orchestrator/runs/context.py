"""What the stages of one run share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from orchestrator.runs.commits import Commits

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from orchestrator.datasets.base import Datasets
    from orchestrator.devices.outages import Outages
    from orchestrator.devices.session import Session
    from orchestrator.domain.event import Event
    from orchestrator.domain.suite import Suite
    from orchestrator.models.artifacts import Artifacts
    from orchestrator.models.build_processes import BuildLimits
    from orchestrator.runs.cluster.cluster import Cluster

    T = TypeVar("T")
    #: Yields what happens, events that arrive together as one tuple; then returns what the next stages need.
    Stage = Generator[Event | tuple[Event, ...], None, T]
    #: Yields the events of one device, one by one.
    DeviceStage = Generator[Event, None, T]
    #: Runs stages of several devices; yields what they yield and returns what they return, in order.
    RunParallel = Callable[[Sequence[Callable[[], DeviceStage[T]]]], Stage[tuple[T, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """One run: its id, its suite, and the means to carry it out."""

    run: str
    suite: Suite
    session: Session
    artifacts: Artifacts
    datasets: Datasets
    run_parallel: RunParallel  # type: ignore[type-arg]  # generic in what the stages return
    #: farm's own folder.
    state: Path
    #: Devices that are out, and what the others failed at.
    outages: Outages
    #: Where wheels are looked for before they are fetched.
    wheelhouse: Path | None
    #: What building artifacts may take of this machine.
    build_limits: BuildLimits
    #: Whether images are scored anew that an earlier run has scored in the same way.
    rescore: bool
    #: How long a device may be silent in the middle of a lane.
    patience_s: float
    #: Why schemes that need calibration images can't be built, ``None`` where they can.
    uncalibrated: str | None = None
    #: Whether lanes are started, then left alone: devices measure on their own.
    detaches: bool = False
    #: Whether lanes go on where this controller is interrupted.
    keeps_lanes: bool = False
    #: What walks the lanes; this process, where it is ``None``.
    cluster: Cluster | None = None
    #: Which lanes are stored to their ends.
    commits: Commits = field(default_factory=Commits)
