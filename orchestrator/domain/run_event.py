"""Events of a run as a whole, from its plan to its end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.domain.event import Event

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.domain.artifact import Artifact
    from orchestrator.domain.dataset import DatasetSummary
    from orchestrator.domain.image_list import ImageList
    from orchestrator.domain.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """The run exists. ``suite`` is the narrowed suite as JSON values, enough to plan it again."""

    suite: Mapping[str, Any]
    seed: int
    effort: str
    dataset: str
    #: True where the images are drawn by a program.
    synthetic: bool
    farm_version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResumed(Event):
    """A run that had stopped goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetRead(Event):
    """Labels and file names of the dataset are read: what it has, and what it leaves out."""

    summary: DatasetSummary
    #: The most images that the run scores, ``None`` for all.
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned(Event):
    """The plan of those devices is made that have answered; a device that answers later has its own."""

    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildStarted(Event):
    """Artifacts are being built; ``total`` of them are not in the cache."""

    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildsPlaced(Event):
    """Some artifacts are built by a worker of a cluster, or are not, in a sentence."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactReady(Event):
    """An artifact was built, or found again."""

    artifact: Artifact
    reused: bool
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ImagesListed(Event):
    """It is known which images will be scored."""

    image_list: ImageList


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildFailed(Event):
    """An artifact can't be built: its cases fail, the others go on."""

    model: str
    scheme: str
    batch: int
    error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseLost(Event):
    """The results database is out of reach; what happens waits in ``file`` from here on, this event too."""

    reason: str
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseBack(Event):
    """The results database is back; ``events`` that waited are stored."""

    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDetached(Event):
    """The controller left; ``devices`` measure on their own. ``exit_status`` is what the command returns."""

    devices: tuple[str, ...]
    exit_status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(Event):
    """The run is over; ``exit_status`` is what the command returns."""

    exit_status: int
