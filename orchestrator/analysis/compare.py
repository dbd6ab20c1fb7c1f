"""Which results are compared with which, what speaks against it, and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.analysis import significance
from orchestrator.analysis.auc import auc_difference
from orchestrator.analysis.stats import LEAST_ATTEMPTS
from orchestrator.domain.case import Case
from orchestrator.domain.effort import ATTEMPTS_TO_COMPARE
from orchestrator.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from orchestrator.analysis.auc import AucDifference
    from orchestrator.analysis.significance import Difference
    from orchestrator.domain.result import Measurement
    from orchestrator.store.rows import ResultRow
    from orchestrator.store.store import Store

#: What cases may differ in alone, as ``--by`` names it.
DIMENSIONS = ("runtime", "scheme", "threads", "batch", "device", "model")
FLOAT32 = "float32"
ENOUGH = f"farm run --compare makes {ATTEMPTS_TO_COMPARE} attempts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two results and how B differs from A. Figures there are none of are ``None``."""

    a: ResultRow
    b: ResultRow
    #: One of the verdicts of `orchestrator.analysis.significance`.
    verdict: str
    #: What speaks against comparing them; empty exactly where they are comparable.
    blockers: tuple[str, ...]
    #: What is to be known of the comparison.
    notes: tuple[str, ...]
    #: What is compared: ``latency``, or ``time per image`` where batches differ or throughput was measured.
    compared: str
    difference: Difference | None
    #: Of each device, ``None`` where it was never calibrated.
    floors: Mapping[str, float | None]
    #: For all comparable pairs of the table together.
    p_adjusted: float | None = None
    #: Size of B over size of A.
    size_ratio: float | None = None
    #: Mean AUC of B less that of A.
    auc_change: float | None = None
    #: With an interval: both scored the same images, and their labels are still here.
    auc: AucDifference | None = None

    @property
    def noise_floor(self) -> float | None:
        """The relative difference that is noise: that of the noisier device."""
        return max((floor for floor in self.floors.values() if floor is not None), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """What the store has of one side."""

    row: ResultRow
    case: Case
    good: tuple[Measurement, ...]
    hardware: str | None
    governors: frozenset[str]

    @property
    def versions(self) -> Mapping[str, str]:
        return dict(self.good[0].versions or {}) if self.good else {}


def by(rows: Sequence[ResultRow], dimension: str, baseline: str | None) -> list[tuple[ResultRow, ResultRow]]:
    """Return the results that differ in ``dimension`` alone, each as B of the one whose value there is ``baseline``.

    Without one it is float32, or the fewest threads or images of a batch, or the first value by name. Raises `UnknownName`
    for a dimension or a baseline that is none, `UsageError` where nothing has a partner.
    """
    if dimension not in DIMENSIONS:
        raise UnknownName("dimension", dimension, DIMENSIONS)
    if not rows:
        raise UsageError("there is no result to compare", hint="farm run --compare")
    values = sorted({getattr(row, dimension) for row in rows})
    names = [str(value) for value in values]
    if baseline is None:
        baseline = FLOAT32 if FLOAT32 in names else names[0]
    if baseline not in names:
        raise UnknownName(dimension, baseline, names, hint="farm results list")
    others = [field.name for field in fields(Case) if field.name != dimension]
    bases = {
        tuple(getattr(row, name) for name in others): row for row in rows if str(getattr(row, dimension)) == baseline
    }
    found = [
        (base, row)
        for row in rows
        if str(getattr(row, dimension)) != baseline
        and (base := bases.get(tuple(getattr(row, name) for name in others))) is not None
    ]
    if not found:
        raise UsageError(
            f"no two results differ in nothing but the {dimension}; there is {', '.join(names)}",
            hint="farm results list shows what there is",
        )
    return found


def between(old: Sequence[ResultRow], new: Sequence[ResultRow]) -> list[tuple[ResultRow, ResultRow]]:
    """Return the results of the same cases in two runs; raises `UsageError` where they have none in common."""
    before = {row.case: row for row in old}
    found = [(before[row.case], row) for row in new if row.case in before]
    if not found:
        raise UsageError("the two runs have no case in common", hint="farm results list --run RUN shows those of each")
    return found


def compare(
    store: Store, wanted: Sequence[tuple[ResultRow, ResultRow]], labels: Path, *, seed: int = 0
) -> tuple[Comparison, ...]:
    """Compare B with A of every pair; what is called a difference is so for all of them together.

    ``labels`` is the folder of farm's own files by sha256, where the labels of the images may still be.
    """
    found = [_comparison(store, a, b, labels, seed) for a, b in wanted]
    tested = [pair.difference for pair in found if pair.difference is not None and not pair.blockers]
    adjusted = iter(significance.adjusted([each.p_value for each in tested]))
    return tuple(
        _with_verdict(pair, next(adjusted)) if pair.difference is not None and not pair.blockers else pair
        for pair in found
    )


def _with_verdict(pair: Comparison, p_adjusted: float) -> Comparison:
    assert pair.difference is not None  # noqa: S101  asked before
    answer = significance.verdict(pair.difference, p_adjusted, pair.noise_floor)
    notes = pair.notes
    if pair.difference.p_value <= significance.LEVEL < p_adjusted:
        alone, together = f"{pair.difference.p_value:.2g}", f"{p_adjusted:.2g}"
        notes += (
            f"p is {alone} alone, {together} in this table: compare fewer at once, or make more attempts; {ENOUGH}",
        )
    return replace(pair, verdict=answer, p_adjusted=p_adjusted, notes=notes)


def _comparison(store: Store, a: ResultRow, b: ResultRow, labels: Path, seed: int) -> Comparison:
    sides = _side(store, a), _side(store, b)
    per_image = a.batch != b.batch or bool(a.interpreters or b.interpreters)
    times = [_times(side, per_image=per_image) for side in sides]
    countable = all(len(time) and all(np.median(samples) > 0 for samples in time) for time in times)
    auc = _auc(store, a, b, labels)
    change = b.auc_mean - a.auc_mean if a.auc_mean is not None and b.auc_mean is not None else None
    return Comparison(
        a=a,
        b=b,
        verdict=significance.NOT_COMPARABLE,
        blockers=tuple(_blockers(*sides, *times)),
        notes=tuple(_notes(*sides)),
        compared="time per image" if per_image else "latency",
        difference=significance.difference(times[0], times[1], seed) if countable else None,
        floors={device: store.noise_floor(device) for device in (a.device, b.device)},
        size_ratio=b.size_bytes / a.size_bytes if a.size_bytes and b.size_bytes else None,
        auc_change=auc.difference if auc else change,
        auc=auc,
    )


def _side(store: Store, row: ResultRow) -> _Side:
    case, facts = Case.parse(row.case), store.facts(row.run, row.device)
    good = tuple(attempt for attempt in store.measurements(row.run, case) if attempt.error is None)
    seen = {str(reading["governor"]) for attempt in good for reading in attempt.readings if reading.get("governor")}
    known = {str(facts["governor"])} if facts.get("governor") else set()
    hardware = facts.get("hardware_key")
    return _Side(
        row=row,
        case=case,
        good=good,
        hardware=str(hardware) if hardware else None,
        governors=frozenset(seen or known),
    )


def _times(side: _Side, *, per_image: bool) -> list[NDArray[np.float64]]:
    """Return for each attempt the ns of its invocations, or per image; of throughput one figure: ns per image of it all."""
    if side.case.interpreters:
        return [
            np.array(
                [attempt.span_ns / (len(attempt.latency_ns) * attempt.invocations_per_sample * attempt.case.batch)]
            )
            for attempt in side.good
            if attempt.span_ns and attempt.latency_ns
        ]
    images = side.case.batch if per_image else 1
    return [np.asarray(attempt.per_invocation_ns) / images for attempt in side.good if attempt.latency_ns]


def _blockers(
    a: _Side, b: _Side, times: Sequence[NDArray[np.float64]], other_times: Sequence[NDArray[np.float64]]
) -> Iterator[str]:
    """Say why A and B must not be compared."""
    for side in (a, b):
        if side.row.verdict == "INVALID":
            codes = ", ".join(reason["code"] for reason in side.row.reasons if reason["verdict"] == "INVALID")
            yield f"{side.row.case} is INVALID in run {side.row.run} ({codes})"
    yield from _of_times(times, other_times)
    if bool(a.case.interpreters) != bool(b.case.interpreters):
        yield "one is the latency of single invocations, the other is throughput"
    if a.row.effort != b.row.effort:
        yield f"their efforts differ: {a.row.effort} and {b.row.effort}"
    if (a.row.dataset, a.row.synthetic) != (b.row.dataset, b.row.synthetic):
        yield f"their datasets differ: {a.row.dataset} and {b.row.dataset}"
    if a.case.device != b.case.device:
        return  # other hardware is what is compared then, with its governor
    if a.hardware and b.hardware and a.hardware != b.hardware:
        yield f"another machine answers to {a.case.device} now: its hardware is not the same"
    if a.governors and b.governors and a.governors != b.governors:
        yield f"their governors differ: {' and '.join(sorted(a.governors))}, then {' and '.join(sorted(b.governors))}"


def _of_times(times: Sequence[NDArray[np.float64]], others: Sequence[NDArray[np.float64]]) -> Iterator[str]:
    few = min(len(times), len(others)) < LEAST_ATTEMPTS
    if few or significance.least_p(len(times), len(others)) > significance.LEVEL:
        yield (
            f"{len(times)} and {len(others)} attempts can't tell a difference from chance, however large it is: {ENOUGH}"
        )
    elif not all(np.median(samples) > 0 for samples in (*times, *others)):
        yield "a median of 0 ns: there is nothing to divide by"


def _notes(a: _Side, b: _Side) -> Iterator[str]:
    """Say what else there is to know: verdicts, other runs, other artifacts, other versions."""
    for side in (a, b):
        if side.row.verdict == "WARN":
            codes = ", ".join(reason["code"] for reason in side.row.reasons)
            yield f"{side.row.case} is WARN ({codes})"
    if a.row.run != b.row.run:
        yield "they come from different runs: what changed on the device between the two is part of the difference"
        if replace(a.case, runtime="", threads=1) == replace(b.case, runtime="", threads=1) and (
            a.row.artifact != b.row.artifact
        ):
            yield f"{b.row.case}: not the same artifact in both runs; model, images or converter changed"
    changed = [
        f"{name} {a.versions[name]} → {b.versions[name]}"
        for name in a.versions
        if name in b.versions and a.versions[name] != b.versions[name]
    ]
    if changed:
        yield f"{b.row.case}: {', '.join(changed)}"


def _auc(store: Store, a: ResultRow, b: ResultRow, folder: Path) -> AucDifference | None:
    """Return how far apart the AUCs are, ``None`` unless both scored the same images whose labels are here."""
    one, other = store.scores(a.run, Case.parse(a.case)), store.scores(b.run, Case.parse(b.case))
    if one is None or other is None or one.error or other.error or one.shape != other.shape:
        return None
    if (one.pixels_sha256, one.labels_sha256) != (other.pixels_sha256, other.labels_sha256):
        # The pixels of another model may have another size; without the same ones nobody knows that images are the same.
        return None
    path = folder / one.labels_sha256
    if not path.is_file():
        return None
    labels = np.load(path, allow_pickle=False)
    scores = [np.frombuffer(side.scores, "<f4").reshape(side.shape) for side in (one, other)]
    return auc_difference(labels, *scores) if labels.shape == one.shape else None
