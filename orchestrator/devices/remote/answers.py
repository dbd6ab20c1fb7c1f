"""What the commands of the agent answer, as far as `gate` lets it through."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerHead:
    """How a command ended, with the bytes that follow of what it printed."""

    status: int
    out_bytes: int
    err_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """Where the agent belongs on a device, what runs it, whether it is there (damaged or not).

    ``foreign`` is the place of another user there, who could change what runs.
    """

    workdir: str
    agent: str
    runs: str
    present: bool
    damaged: bool = False
    foreign: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """What runs the agent that was installed."""

    runs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingBlobs:
    """The blobs that a device lacks, with the bytes of each that arrived, which were damaged, and the room on its disk."""

    missing: dict[str, int]
    damaged: list[str]
    used_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A blob is there."""

    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AllReceived:
    """So many blobs are there."""

    received: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentReady:
    """An environment is there; ``reused`` where it was before, ``damaged`` where it was unpacked again for that."""

    environment: str
    reused: bool
    damaged: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneAccepted:
    """A lane runs."""

    lane: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneStopped:
    """Whether a lane ran until it was stopped."""

    stopped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneStored:
    """Whether the device noted that a store has a lane's journal."""

    stored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneOrigin:
    """Who started a lane, and what its controller had the device keep of the run; empty where the device can't read it."""

    holder: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What was removed from a device, or would be: things and bytes by kind; the lanes that stay because their journals are wanted."""

    removed_bytes: int
    removed: dict[str, int]
    bytes: dict[str, int]
    kept_bytes: int
    wanted: int
    wanted_bytes: int
    #: Names in the agent's directory that are not the agent's.
    left: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLane:
    """A lane of which a device has the journal: ``size_bytes`` of whole records; ``stored`` where a store has all of it."""

    lane: str
    run: str
    began_at_ns: int
    size_bytes: int
    #: ``running``, ``done``, or ``died`` without a last record.
    state: str
    stored: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLanes:
    """Every lane of a device."""

    lanes: tuple[FoundLane, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A command that the agent did not carry out: a code of `agent.wire` and a sentence."""

    error: str
    message: str
