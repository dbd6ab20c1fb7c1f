"""Where the time of an invocation goes, operator by operator."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from orchestrator.domain.case import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One operator of a graph as the device ran it."""

    #: The kernel as its delegate names it (``Fully Connected (NC, QS8, QC8W) GEMM``), or the operator of the graph
    #: (``DEPTHWISE_CONV_2D``) where no delegate took it.
    kind: str
    #: Types of its tensors as the runtime names them (``QS8, QC8W``; ``float32, int8 -> float32``); empty where unknown.
    types: str
    #: The delegate that ran it (``xnnpack``), ``None`` outside any.
    delegate: str | None
    #: Over the profile's invocations.
    median_ns: int
    total_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Operators of a case timed by the runtime itself, in a process apart from every attempt.

    Timing operators slows each of them: these times say shares, never how quick a case is. ``error`` is ``None``
    exactly when it succeeded.
    """

    profile: str
    case: Case
    artifact: str
    started_at: datetime
    ended_at: datetime
    error: str | None = None
    #: The runtime has no way to time operators: the same again would fail again.
    unsupported: bool = False
    #: Invocations that count; ``interrupted`` more took over twice their median, and count nowhere.
    invocations: int = 0
    interrupted: int = 0
    #: Those invocations together, and what their median would be with the profiler off.
    total_ns: int = 0
    quiet_ns: int = 0
    #: In the order in which they run.
    operators: tuple[Operator, ...] = ()
    versions: Mapping[str, Any] = field(default_factory=dict)

    @property
    def invocation_ns(self) -> float:
        """Mean nanoseconds of an invocation with the profiler on; 0 where it failed."""
        return self.total_ns / self.invocations if self.invocations else 0.0

    @property
    def remainder_ns(self) -> float:
        """Mean nanoseconds of an invocation that no operator accounts for."""
        counted = sum(operator.total_ns for operator in self.operators)
        return (self.total_ns - counted) / self.invocations if self.invocations else 0.0

    def share(self, operator: Operator) -> float:
        """Return the share of an invocation that ``operator`` takes, from 0 to 1."""
        return operator.total_ns / self.total_ns if self.total_ns else 0.0
