"""What queries answer with."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from orchestrator.domain.calibration import Calibration
    from orchestrator.domain.event import Cursor


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run as `farm runs` lists it."""

    id: str
    started_at: datetime
    ended_at: datetime | None
    suite: Mapping[str, Any]
    seed: int
    effort: str
    dataset: str
    synthetic: bool
    farm_version: str
    exit_status: int | None
    devices: tuple[str, ...]
    cases: int
    #: Cases by verdict; those not judged yet are not counted.
    verdicts: Mapping[str, int]
    #: What people call it, unique among all runs.
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """Files of farm's that a device's disk changed after they had arrived, each installed anew."""

    files: int
    #: Runs that found one.
    runs: int
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRow:
    """A device as it was when it last answered."""

    name: str
    last_seen_at: datetime
    facts: Mapping[str, Any]
    #: The newest, whatever machine answered to the name then.
    calibration: Calibration | None = None
    #: ``None`` where no run found any.
    damage: Damage | None = None

    @property
    def noise_floor(self) -> float | None:
        """The relative difference that is noise on this machine; ``None`` where it was never calibrated."""
        known = self.calibration
        same = known is not None and known.hardware_key == self.facts.get("hardware_key")
        return known.noise_floor if known is not None and same else None


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneRow:
    """A lane as `--resume` needs it."""

    id: str
    run: str
    device: str
    offset: int
    ended: bool

    @property
    def cursor(self) -> Cursor:
        """Where to read on."""
        from orchestrator.domain.event import Cursor

        return Cursor(lane=self.id, offset=self.offset)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """What happened in a run; ``detail`` names what it is about."""

    #: Grows in the order in which events of a run are stored.
    id: int
    at: datetime
    kind: str
    device: str | None
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultRow:
    """The result of a case in a run; the fields are the keys of ``--json``, documented in docs/results.md."""

    case: str
    run: str
    device: str
    model: str
    scheme: str
    runtime: str
    threads: int
    batch: int
    #: 0 is single-stream latency, else throughput with so many side by side.
    interpreters: int
    dataset: str
    synthetic: bool
    effort: str
    artifact: str | None
    size_bytes: int | None
    #: Size of float32 ÷ this size, in the same run on the same device.
    size_ratio: float | None
    #: Medians over attempts.
    load_ns: float | None
    first_ns: float | None
    p50_ns: float | None
    p90_ns: float | None
    p99_ns: float | None
    samples: int
    attempts: int
    #: p50 of float32 ÷ this p50.
    speedup: float | None
    auc_mean: float | None
    #: This mean AUC − that of float32.
    auc_change: float | None
    peak_rss_bytes: int | None
    verdict: str
    #: Each with ``verdict``, ``code``, ``message``, ``advice``.
    reasons: tuple[Mapping[str, str], ...]
    measured_at: datetime
    # More figures, as `orchestrator.domain.result.CaseResult` explains them.
    p50_low_ns: float | None = None
    p50_high_ns: float | None = None
    p90_low_ns: float | None = None
    p90_high_ns: float | None = None
    p95_ns: float | None = None
    p999_ns: float | None = None
    invocations_per_sample: float | None = None
    outliers_low: float | None = None
    outliers_mild: float | None = None
    outliers_severe: float | None = None
    images_per_s: float | None = None
    images_per_s_low: float | None = None
    images_per_s_high: float | None = None
    energy_j: float | None = None
    energy_low_j: float | None = None
    energy_high_j: float | None = None
    energy_idle_j: float | None = None
    first_minute_ns: float | None = None
    last_minute_ns: float | None = None
    #: Median over attempts: importing the runtime.
    import_ns: float | None = None
    #: Where the mean AUC is with 95 %.
    auc_low: float | None = None
    auc_high: float | None = None
    #: Where `auc_change` is with 95 %.
    auc_change_low: float | None = None
    auc_change_high: float | None = None
    auc_findings: float | None = None
    auc_findings_left_out: float | None = None
    #: The earlier run whose scores were reused, ``None`` where this one scored all images.
    scored_in: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        values = {name: getattr(self, name) for name in _RESULT}
        return values | {"measured_at": self.measured_at.isoformat(), "reasons": list(self.reasons)}


_RESULT = tuple(field.name for field in fields(ResultRow))
