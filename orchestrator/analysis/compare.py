"""Compare results in pairs, with what speaks against each pair."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.analysis import significance
from orchestrator.analysis.auc import NORMAL, AucDifference, auc_difference
from orchestrator.analysis.comparable import ENOUGH, blockers, notes
from orchestrator.analysis.measured import MeasuredRuns
from orchestrator.analysis.run_variance import with_run_variance
from orchestrator.domain.case import Case
from orchestrator.domain.effort import ATTEMPTS_TO_COMPARE
from orchestrator.errors import UnknownName, UsageError
from orchestrator.runtimes.catalogue import BASELINES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from orchestrator.analysis.measured import Measured
    from orchestrator.analysis.run_variance import RunVariance
    from orchestrator.analysis.significance import Contrast, Difference
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow

#: What cases may differ in alone, as ``--by`` names it.
DIMENSIONS = ("runtime", "scheme", "threads", "batch", "device", "model")
FLOAT32 = "float32"
#: A difference that lies right at the threshold would take no end of them.
MOST_ATTEMPTS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two results and how B differs from A. Unknown figures are ``None``."""

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
    #: Its corrected p is that of the table only where the pair is comparable.
    difference: Difference | None
    #: Of each device, ``None`` where it was never calibrated.
    floors: Mapping[str, float | None]
    #: How many times as long as before everything takes on the device in the second run; taken out of the difference.
    device_shift: float | None = None
    #: Whether that is more than earlier runs of the device differ; ``None`` where there are too few to know.
    shift_is_unusual: bool | None = None
    #: Earlier runs whose differences are in the error; 0 where there are too few.
    earlier_runs: int = 0
    #: Size of A ÷ that of B, as `ResultRow.size_ratio`: above 1 is smaller.
    size_ratio: float | None = None
    #: Mean AUC of B less that of A.
    auc_change: float | None = None
    #: With an interval: both scored the same images, and their labels are still here.
    auc: AucDifference | None = None
    #: The relative difference that must be exceeded; 0 where any counts.
    threshold: float = 0.0

    @property
    def attempts_needed(self) -> int | None:
        """Attempts a side that would tell, where these can't: for the difference that shows itself, else for 10 %.

        With a threshold, those that would put the interval of this difference to one side of it.
        With less than three nothing shows how many it takes: then what a run for comparisons makes.
        """
        if self.verdict != significance.CANT_TELL:
            return None
        if self.blockers or self.difference is None:
            return ATTEMPTS_TO_COMPARE
        found = self.difference
        attempts = min(self.a.attempts, self.b.attempts)
        size, margin = abs(math.log(found.ratio)), math.log1p(self.threshold)
        reach = math.log1p(found.smallest) - margin
        if margin:
            half = math.log(found.interval.high / found.ratio)
            needed = (half / (margin - size) if size < margin else reach / max(size - margin, 1e-9)) ** 2
            return max(attempts + 1, min(math.ceil(attempts * needed), MOST_ATTEMPTS))
        if found.smallest > significance.WORTH_FINDING or found.interval.low <= 1 <= found.interval.high:
            return found.attempts_needed
        return max(attempts + 1, math.ceil(attempts * (reach / size) ** 2))

    @property
    def noise_floor(self) -> float | None:
        """The relative difference that is noise: that of the noisier device."""
        return max((floor for floor in self.floors.values() if floor is not None), default=None)


def by(rows: Sequence[ResultRow], dimension: str, baseline: str | None) -> list[tuple[ResultRow, ResultRow]]:
    """Return the results that differ in ``dimension`` alone, each as B of the one whose value there is ``baseline``.

    Without one it is float32, or the fewest threads or images of a batch, or the first value by name. Raises `UnknownName`
    for an unknown dimension or baseline, `UsageError` where nothing has a partner.
    """
    if dimension not in DIMENSIONS:
        raise UnknownName("dimension", dimension, DIMENSIONS)
    if not rows:
        raise UsageError("no result to compare", hint="farm run --compare")
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
            f"no two results differ only in the {dimension}; there is {', '.join(names)}",
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


def float32_of(store: Queries, row: ResultRow) -> ResultRow | None:
    """Return the float32 result of the same setting in the same run, ``None`` for that one itself or where there is none."""
    if row.scheme == FLOAT32:
        return None
    filters = {field.name: getattr(row, field.name) for field in fields(Case)} | {"scheme": FLOAT32}
    return next(iter(store.results(run=row.run, **filters)), None)


def compare(
    store: Queries, wanted: Sequence[tuple[ResultRow, ResultRow]], labels: Path, *, threshold: float = 0.0
) -> tuple[Comparison, ...]:
    """Compare B with A of every pair; what is called a difference is so for all of them together.

    ``labels`` is the folder of farm's own files by sha256, where the labels of the images may still be. A difference of at most
    ``threshold``, a share, is none.
    """
    runs = MeasuredRuns(store)
    both = [(runs.measured(a), runs.measured(b)) for a, b in wanted]
    pairs = [replace(_comparison(runs, a, b, labels), threshold=threshold) for a, b in both]
    contrasts = [_contrast(a, b) for a, b in both]
    tested = {
        place: contrast
        for place, contrast in enumerate(contrasts)
        if contrast is not None and not pairs[place].blockers
    }
    for places in _of_two_runs(pairs, tested):
        moved = significance.shift([tested[place] for place in places])
        first = pairs[places[0]]
        usual = runs.run_variance(first.a, first.b, shifts_apart=moved is not None)
        for place in places:
            tested[place], pairs[place] = _with_history(tested[place], pairs[place], usual)
        if moved is not None:
            rest = significance.without_shift([tested[place] for place in places], moved)
            tested.update(zip(places, rest, strict=True))
            device = usual.device if usual else None
            unusual = None if device is None else significance.shift_is_unusual(moved, device)
            for place in places:
                pairs[place] = replace(pairs[place], device_shift=math.exp(moved), shift_is_unusual=unusual)
    differences = dict(zip(tested, significance.differences(list(tested.values()), threshold), strict=True))
    return tuple(
        _with_verdict(pair, differences[place]) if place in differences else _without_verdict(pair, contrast)
        for place, (pair, contrast) in enumerate(zip(pairs, contrasts, strict=True))
    )


def _with_history(tested: Contrast, pair: Comparison, usual: RunVariance | None) -> tuple[Contrast, Comparison]:
    """Put what runs of the case usually differ by into its error, as far as that is known."""
    variance = usual.cases.get(pair.b.case) if usual else None
    if usual is None or variance is None:
        return tested, pair
    return with_run_variance(tested, variance), replace(pair, earlier_runs=usual.runs[pair.b.case])


def _of_two_runs(pairs: Sequence[Comparison], places: Iterable[int]) -> list[list[int]]:
    """Return the places of pairs that are the same case in two runs, those of each device and two runs together."""
    groups: dict[tuple[str, str, str], list[int]] = {}
    for place in places:
        a, b = pairs[place].a, pairs[place].b
        if a.case == b.case and a.run != b.run:
            groups.setdefault((a.device, a.run, b.run), []).append(place)
    return list(groups.values())


def _contrast(a: Measured, b: Measured) -> Contrast | None:
    if a.side is None or b.side is None:
        return None
    same_rounds = (a.row.run, a.row.device) == (b.row.run, b.row.device)
    found = significance.contrast(a.side, b.side, same_rounds=same_rounds)
    if not _per_image(a, b):
        return found
    images = [1 if each.case.interpreters else each.case.batch for each in (a, b)]
    return replace(found, log=found.log - math.log(images[1] / images[0]))


def _per_image(a: Measured, b: Measured) -> bool:
    return a.case.batch != b.case.batch or bool(a.case.interpreters or b.case.interpreters)


def _with_verdict(pair: Comparison, difference: Difference) -> Comparison:
    answer = significance.verdict(difference, pair.noise_floor, pair.threshold)
    notes = pair.notes
    if answer == significance.CANT_TELL:
        answered = replace(pair, verdict=answer, difference=difference)
        seen = "" if difference.interval.low <= 1 <= difference.interval.high else "it looks different, but "
        notes += (f"{seen}it takes {answered.attempts_needed:,} attempts a side to show {_what(difference, pair)}",)
    return replace(pair, verdict=answer, difference=difference, notes=notes)


def _what(difference: Difference, pair: Comparison) -> str:
    if pair.threshold:
        return f"whether it is more than {pair.threshold:.1%}"
    return "this difference" if difference.smallest <= significance.WORTH_FINDING else "a difference of 10%"


def _without_verdict(pair: Comparison, contrast: Contrast | None) -> Comparison:
    """Return a pair that is not comparable, or of too few attempts, with its ratio, as far as there is one."""
    few = len(pair.blockers) == 1 and ENOUGH in pair.blockers[0]
    pair = replace(pair, verdict=significance.CANT_TELL) if few else pair
    return pair if contrast is None else replace(pair, difference=significance.differences([contrast])[0])


def _comparison(runs: MeasuredRuns, a: Measured, b: Measured, labels: Path) -> Comparison:
    auc = _auc(runs, a.row, b.row, labels)
    means = a.row.auc_mean, b.row.auc_mean
    change = means[1] - means[0] if means[0] is not None and means[1] is not None else None
    return Comparison(
        a=a.row,
        b=b.row,
        verdict=significance.NOT_COMPARABLE,
        blockers=tuple(blockers(a, b)),
        notes=tuple(notes(a, b)),
        compared="time per image" if _per_image(a, b) else "latency",
        difference=None,
        floors={device: runs.noise_floor(device) for device in (a.row.device, b.row.device)},
        size_ratio=a.row.size_bytes / b.row.size_bytes if a.row.size_bytes and b.row.size_bytes else None,
        auc_change=auc.difference if auc else change,
        auc=auc,
    )


def _auc(runs: MeasuredRuns, a: ResultRow, b: ResultRow, folder: Path) -> AucDifference | None:
    """Return how far apart the AUCs are, ``None`` unless both scored the same images whose labels are here."""
    if (
        b.auc_change_low is not None
        and b.auc_change_high is not None
        and b.auc_change is not None
        and _is_float32_of(a, b)
    ):
        # As it was judged: by patients drawn again.
        error = (b.auc_change_high - b.auc_change_low) / (2 * NORMAL)
        ends = b.auc_change_low, b.auc_change_high
        return AucDifference(difference=b.auc_change, error=error, ends=ends)
    one, other = runs.scores(a), runs.scores(b)
    if one is None or other is None or one.error or other.error or one.shape != other.shape:
        return None
    scores = [np.frombuffer(side.scores, "<f4").reshape(side.shape) for side in (one, other)]
    if one.image_list is not None and one.image_list == other.image_list:
        images = runs.image_list(one.image_list)
        patients = np.array(images.patients) if images else None
        return auc_difference(images.labels(), scores[0], scores[1], patients) if images else None
    if (one.pixels_sha256, one.labels_sha256) != (other.pixels_sha256, other.labels_sha256):
        # The pixels of another model may have another size; without the same ones it is unknown whether images are the same.
        return None
    path = folder / one.labels_sha256
    if not path.is_file():
        return None
    labels = np.load(path, allow_pickle=False)
    return auc_difference(labels, *scores) if labels.shape == one.shape else None


def _is_float32_of(a: ResultRow, b: ResultRow) -> bool:
    """Check whether A is the float32 result of B's setting in the same run."""
    setting = [field.name for field in fields(Case) if field.name != "scheme"]
    same = all(getattr(a, name) == getattr(b, name) for name in (*setting, "run"))
    return same and a.scheme in BASELINES and b.scheme not in BASELINES
