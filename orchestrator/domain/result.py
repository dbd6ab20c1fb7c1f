"""What came back from a device, raw, with the judgement made of it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import Enum
from typing import TYPE_CHECKING, Any

from orchestrator.domain.samples import Samples

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.domain.case import Case
    from orchestrator.domain.readings import Reading

#: Marks a field of `CaseResult` as a figure: a number derived from raw data, which the store keeps as a metric.
FIGURE = {"figure": True}


class Verdict(Enum):
    """What a number is worth."""

    VALID = "VALID"
    WARN = "WARN"
    INVALID = "INVALID"

    def worst(self, other: Verdict) -> Verdict:
        """Return the worse of the two."""
        order = list(Verdict)
        return max(self, other, key=order.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why a verdict is not VALID, and what to do about it."""

    verdict: Verdict
    #: A stable word for programs, e.g. ``too-few-samples``.
    code: str
    #: A sentence with the figures.
    message: str
    #: What the user can do.
    advice: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """What one attempt brought back. ``error`` is ``None`` exactly when it succeeded."""

    attempt: str
    case: Case
    number: int
    artifact: str
    started_at: datetime
    ended_at: datetime
    #: The worker process from spawn to exit, as the lane saw it.
    wall_ns: int
    #: The last words of a worker that failed, else ``None``; then the figures below are ``None`` or empty.
    error: str | None = None
    #: The runtime could not take the artifact: the same again would fail again.
    unloadable: bool = False
    #: Importing the runtime's package.
    import_ns: int | None = None
    #: Starting what the runtime needs beside the artifact, such as a GPU's context; part of ``load_ns``.
    context_ns: int | None = None
    #: Building the interpreter and allocating its tensors.
    load_ns: int | None = None
    first_ns: int | None = None
    warmup_ns: Samples = field(default_factory=Samples)
    #: Every timed sample, in order: one invocation, or `invocations_per_sample` of them in a row; see `per_invocation_ns`.
    latency_ns: Samples = field(default_factory=Samples)
    invocations_per_sample: int = 1
    #: The blocks of timed invocations together, without the readings between them.
    span_ns: int | None = None
    #: Copying an input into the runtime, and an output out of it: medians, timed apart from the invocations.
    feed_ns: int | None = None
    read_ns: int | None = None
    #: Preparing one image (scale, normalise, quantize), in none of the latencies: the median of `preparations_ns` per image.
    pre_ns: int | None = None
    #: Each time that the input of a whole batch was prepared, in order.
    preparations_ns: tuple[int, ...] = ()
    #: What a look at the clock costs on this device, and a sample in which nothing is invoked: medians.
    clock_ns: int | None = None
    loop_ns: int | None = None
    peak_rss_bytes: int | None = None
    #: Sensor readings between blocks; docs/sensors.md lists their keys. Absent sensors are absent keys.
    readings: tuple[Reading, ...] = ()
    #: What was asked for: ``threads``, ``delegate``.
    requested: Mapping[str, Any] | None = None
    #: What was in force: ``threads``, ``delegate``, ``nodes``, ``delegated_nodes``, ``warmed_up``.
    effective: Mapping[str, Any] | None = None
    #: ``python``, ``numpy``, the runtime's package.
    versions: Mapping[str, str] | None = None
    #: How far the scores of the golden images were from the controller's; ``None`` where they were not asked for.
    golden_max_difference: float | None = None
    golden_mean_difference: float | None = None

    @property
    def per_invocation_ns(self) -> NDArray[np.float64]:
        """The samples in ns per invocation, float64 of shape [n]."""
        return self.latency_ns.array() / self.invocations_per_sample

    def quantile_ns(self, share: float) -> float | None:
        """Return ns per invocation that ``share`` of the samples do not exceed, between two by their distance."""
        if not self.latency_ns:
            return None
        samples = self.latency_ns.array().copy()
        samples.sort()
        below = int(share * (len(samples) - 1))
        low, high = float(samples[below]), float(samples[min(below + 1, len(samples) - 1)])
        return (low + (high - low) * (share * (len(samples) - 1) - below)) / max(1, self.invocations_per_sample)

    @property
    def governors(self) -> tuple[str, ...]:
        """The governors that its readings name, in order, each once."""
        return tuple(dict.fromkeys(reading["governor"] for reading in self.readings if reading.get("governor")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Every evaluation image scored on a device. ``error`` is ``None`` exactly when it succeeded."""

    scoring: str
    device: str
    model: str
    scheme: str
    runtime: str
    batch: int
    artifact: str
    pixels_sha256: str
    labels_sha256: str
    wall_ns: int
    error: str | None = None
    #: float32 little-endian, row-major, of ``shape`` (images, classes).
    scores: bytes = b""
    shape: tuple[int, int] = (0, 0)
    #: AUC-ROC per class as the device computed it; ``None`` for a class without both labels.
    device_auc: tuple[float | None, ...] = ()
    #: The same from the scores on the controller.
    auc: tuple[float | None, ...] = ()
    #: Standard error of their mean; ``None`` where it is unknown, as of scores that an older farm stored.
    auc_error: float | None = None
    classes: tuple[str, ...] = ()
    #: sha256 of the `ImageList` that names the images; ``None`` for scores that an older farm stored.
    image_list: str | None = None
    #: The earlier run whose scores were reused, ``None`` where this one scored all images.
    scored_in: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """A case judged: figures derived from raw data, a verdict, its reasons."""

    run: str
    case: Case
    artifact: str | None
    size_bytes: int | None
    attempts: int
    samples: int
    verdict: Verdict
    reasons: tuple[Reason, ...]
    # Figures, each ``None`` where the case has none.
    #: Percentiles that the sample carries; `low` and `high` are the interval over attempts.
    p50_ns: float | None = field(default=None, metadata=FIGURE)
    p50_low_ns: float | None = field(default=None, metadata=FIGURE)
    p50_high_ns: float | None = field(default=None, metadata=FIGURE)
    p90_ns: float | None = field(default=None, metadata=FIGURE)
    p90_low_ns: float | None = field(default=None, metadata=FIGURE)
    p90_high_ns: float | None = field(default=None, metadata=FIGURE)
    p95_ns: float | None = field(default=None, metadata=FIGURE)
    p99_ns: float | None = field(default=None, metadata=FIGURE)
    p999_ns: float | None = field(default=None, metadata=FIGURE)
    auc_mean: float | None = field(default=None, metadata=FIGURE)
    auc_low: float | None = field(default=None, metadata=FIGURE)
    auc_high: float | None = field(default=None, metadata=FIGURE)
    #: Where the change of `auc_mean` against float32 of the same setting is with 95 %, from pairs of scores of the same images.
    auc_change_low: float | None = field(default=None, metadata=FIGURE)
    auc_change_high: float | None = field(default=None, metadata=FIGURE)
    #: Findings that `auc_mean` is over, and those with both labels that it leaves out: too few patients for an interval.
    auc_findings: float | None = field(default=None, metadata=FIGURE)
    auc_findings_left_out: float | None = field(default=None, metadata=FIGURE)
    #: The most of the attempts: above 1, percentiles are those of means of so many invocations.
    invocations_per_sample: float | None = field(default=None, metadata=FIGURE)
    #: Counts of samples beyond Tukey's fences; they are in the percentiles all the same.
    outliers_low: float | None = field(default=None, metadata=FIGURE)
    outliers_mild: float | None = field(default=None, metadata=FIGURE)
    outliers_severe: float | None = field(default=None, metadata=FIGURE)
    #: Of throughput cases.
    images_per_s: float | None = field(default=None, metadata=FIGURE)
    images_per_s_low: float | None = field(default=None, metadata=FIGURE)
    images_per_s_high: float | None = field(default=None, metadata=FIGURE)
    #: Per invocation, and what of it the idle device would have taken.
    energy_j: float | None = field(default=None, metadata=FIGURE)
    energy_low_j: float | None = field(default=None, metadata=FIGURE)
    energy_high_j: float | None = field(default=None, metadata=FIGURE)
    energy_idle_j: float | None = field(default=None, metadata=FIGURE)
    #: Medians over attempts, and the most of them.
    load_ns: float | None = field(default=None, metadata=FIGURE)
    first_ns: float | None = field(default=None, metadata=FIGURE)
    import_ns: float | None = field(default=None, metadata=FIGURE)
    peak_rss_bytes: float | None = field(default=None, metadata=FIGURE)
    #: Medians of long timings.
    first_minute_ns: float | None = field(default=None, metadata=FIGURE)
    last_minute_ns: float | None = field(default=None, metadata=FIGURE)

    @property
    def figures(self) -> dict[str, float]:
        """The figures that are not ``None``, by name."""
        return {name: float(value) for name in figure_names(type(self)) if (value := getattr(self, name)) is not None}


def figure_names(kind: type[CaseResult] = CaseResult) -> tuple[str, ...]:
    """Return the names of the fields that are figures, under which the store keeps them."""
    return tuple(each.name for each in fields(kind) if each.metadata.get("figure") is True)
