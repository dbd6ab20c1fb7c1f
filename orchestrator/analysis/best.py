"""Which variant of a model to deploy on a device, within limits."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from orchestrator.analysis.compare import FLOAT32
from orchestrator.domain.units import format_bytes, format_ns

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from orchestrator.analysis.compare import Comparison
    from orchestrator.store.rows import ResultRow

#: What a variant may lose of the float model's mean AUC-ROC unless the user says otherwise.
AUC_DROP = 0.01


#: Why a result without an AUC is refused.
UNSCORED = "AUC is unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a variant must keep to; ``None`` is no limit. Each is held against the worse end of the figure's interval."""

    auc_drop: float | None = AUC_DROP
    p50_ns: float | None = None
    p90_ns: float | None = None
    size_bytes: float | None = None
    memory_bytes: float | None = None
    #: Per inference.
    energy_j: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A result that might be deployed."""

    row: ResultRow
    #: Against the float32 result of the same setting; ``None`` for that one itself, or where there is none.
    against: Comparison | None
    #: Why it can't be chosen; empty where it can.
    refusals: tuple[str, ...]
    #: Whether no other candidate is as good in everything and better in something.
    on_front: bool = False

    @property
    def p50_per_image_ns(self) -> float:
        """The p50 of an invocation over its images; only candidates with one are ever ranked."""
        return (self.row.p50_ns or 0.0) / self.row.batch


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The answer for one model on one device."""

    device: str
    model: str
    #: Those that can be chosen first, the fastest first.
    candidates: tuple[Candidate, ...]
    chosen: Candidate | None
    #: The fastest, where ``chosen`` is another because intervals do not tell them apart and it is smaller.
    as_fast_as: Candidate | None

    @property
    def is_unscored(self) -> bool:
        """Whether nothing can be chosen because no AUC is known of what is right otherwise."""
        unscored = [UNSCORED in each.refusals for each in self.candidates if each.row.verdict != "INVALID"]
        return self.chosen is None and bool(unscored) and all(unscored)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetChoice:
    """One artifact of a model for all devices, beside one for each."""

    model: str
    #: Of the artifact; ``None`` where none can be chosen on all devices.
    scheme: str | None
    batch: int | None
    #: device -> how many times as long the artifact takes there as that device's own choice.
    ratios: Mapping[str, float]
    #: device -> its own choice, ``None`` where nothing fits there.
    each: Mapping[str, Candidate | None]


def choose(rows: Sequence[ResultRow], against: Mapping[str, Comparison], limits: Limits) -> tuple[Choice, ...]:
    """Return a choice for each device with each model.

    ``against`` holds by case the comparison with float32. The fastest within the limits is chosen; of those whose p50 intervals
    reach into that of the fastest, the smallest file.
    """
    latency = sorted((row for row in rows if not row.interpreters), key=_group)
    return tuple(
        _choice(device, model, list(group), against, limits) for (device, model), group in groupby(latency, key=_group)
    )


def for_fleet(choices: Sequence[Choice]) -> tuple[FleetChoice, ...]:
    """Return for each model the artifact that can be chosen on all devices with the least loss on the one where it loses most.

    Models with less than two devices are left out.
    """
    found = []
    for model in sorted({choice.model for choice in choices}):
        of_model = [choice for choice in choices if choice.model == model]
        if len(of_model) < 2:
            continue
        ratios: dict[tuple[str, int], dict[str, float]] = {}
        for choice in of_model:
            for candidate in choice.candidates:
                if choice.chosen is None or candidate.refusals:
                    continue
                ratio = candidate.p50_per_image_ns / choice.chosen.p50_per_image_ns
                best = ratios.setdefault((candidate.row.scheme, candidate.row.batch), {})
                best[choice.device] = min(ratio, best.get(choice.device, ratio))
        everywhere = {artifact: each for artifact, each in ratios.items() if len(each) == len(of_model)}
        artifact = min(everywhere, key=lambda one: (max(everywhere[one].values()), one), default=None)
        found.append(
            FleetChoice(
                model=model,
                scheme=artifact[0] if artifact else None,
                batch=artifact[1] if artifact else None,
                ratios=everywhere[artifact] if artifact else {},
                each={choice.device: choice.chosen for choice in of_model},
            )
        )
    return tuple(found)


def _group(row: ResultRow) -> tuple[str, str]:
    return row.device, row.model


def _choice(
    device: str, model: str, rows: Sequence[ResultRow], against: Mapping[str, Comparison], limits: Limits
) -> Choice:
    useless = limits.auc_drop is not None and any(row.scheme == FLOAT32 and is_constant(row) for row in rows)
    candidates = [
        Candidate(
            row=row,
            against=against.get(row.case),
            refusals=tuple(_refusals(row, against.get(row.case), limits))
            or ((f"{model} itself, as float32, gives all images the same score",) if useless else ()),
        )
        for row in rows
    ]
    fit = sorted((each for each in candidates if not each.refusals), key=lambda each: each.p50_per_image_ns)
    front = [each for each in fit if not any(_dominates(other, each) for other in fit)]
    fastest = fit[0] if fit else None
    chosen = min(_as_fast(fit), key=lambda each: (each.row.size_bytes or 0, each.p50_per_image_ns), default=None)
    marked = [
        Candidate(row=each.row, against=each.against, refusals=(), on_front=each in front or each is chosen)
        for each in fit
    ]
    return Choice(
        device=device,
        model=model,
        candidates=(*marked, *(each for each in candidates if each.refusals)),
        chosen=chosen,
        as_fast_as=fastest if chosen is not fastest else None,
    )


def is_constant(row: ResultRow) -> bool:
    """Check whether all images get the same score for every class."""
    return any(reason["code"] == "constant-scores" and reason["verdict"] == "INVALID" for reason in row.reasons)


def _as_fast(fit: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates that their intervals do not separate from the fastest, that one included."""
    if not fit:
        return []
    ends = [each.row.p50_high_ns or each.row.p50_ns or 0.0 for each in fit]
    reach = ends[0] / fit[0].row.batch
    return [
        each
        for place, each in enumerate(fit)
        if place == 0 or (each.row.p50_low_ns or each.row.p50_ns or 0.0) / each.row.batch <= reach
    ]


def _dominates(one: Candidate, other: Candidate) -> bool:
    """Check whether ``one`` is as good as ``other`` in time, size and AUC, and better in one of them."""
    first, second = _goods(one), _goods(other)
    return all(a <= b for a, b in zip(first, second, strict=True)) and first != second


def _goods(each: Candidate) -> tuple[float, float, float]:
    return each.p50_per_image_ns, each.row.size_bytes or 0, -(each.row.auc_mean or 0.0)


def _refusals(row: ResultRow, against: Comparison | None, limits: Limits) -> Iterator[str]:
    """Return why a result can't be chosen."""
    if row.verdict == "INVALID":
        codes = ", ".join(reason["code"] for reason in row.reasons if reason["verdict"] == "INVALID")
        yield f"INVALID ({codes})"
        return
    if not row.p50_ns:
        yield "no p50: too few invocations"
    yield from _over_time(row, "p50", limits.p50_ns)
    yield from _over_time(row, "p90", limits.p90_ns)
    yield from _over("size", row.size_bytes, limits.size_bytes, format_bytes)
    yield from _over("peak memory", row.peak_rss_bytes, limits.memory_bytes, format_bytes)
    yield from _over_energy(row, limits.energy_j)
    if limits.auc_drop is not None:
        yield from _accuracy_refusals(row, against, limits.auc_drop)


def _over_time(row: ResultRow, name: str, most: float | None) -> Iterator[str]:
    value, high = getattr(row, f"{name}_ns"), getattr(row, f"{name}_high_ns")
    if most is None:
        return
    if value is None or high is None:
        yield f"{name} has no interval: it takes more invocations or attempts"
    elif high > most:
        batch = f" for {row.batch} images" if row.batch > 1 else ""
        yield f"{name} may be {format_ns(high)}{batch}, above {format_ns(most)}"


def _over_energy(row: ResultRow, most: float | None) -> Iterator[str]:
    if most is None:
        return
    if row.energy_j is None:
        yield "energy an inference is unknown: it was not measured"
    elif row.energy_high_j is None:
        yield "energy an inference has no interval: it takes more attempts"
    elif row.energy_high_j > most:
        yield f"energy an inference may be {row.energy_high_j:.3g} J, above {most:.3g} J"


def _over(name: str, value: float | None, most: float | None, form: Callable[[float], str]) -> Iterator[str]:
    if most is None:
        return
    if value is None:
        yield f"{name} is unknown: it was not measured"
    elif value > most:
        yield f"{name} is {form(value)}, above {form(most)}"


def _accuracy_refusals(row: ResultRow, against: Comparison | None, most: float) -> Iterator[str]:
    if row.auc_mean is None:
        yield UNSCORED
        return
    if against is None:
        if row.scheme != FLOAT32:
            yield "AUC has no reference: float32 was not measured in the same setting of the same run"
        return
    if against.auc is None:
        yield "the change of AUC has no interval: its images or labels are not those of float32, or no longer here"
        return
    low = against.auc.interval[0]
    if low < -most:
        change = against.auc.difference
        lost = f"loses {-change:.4f}" if change < -most else f"may lose {-low:.4f}"
        yield f"{lost} of mean AUC, more than {most:g}"
