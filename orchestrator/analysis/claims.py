"""Whether what people claim of results holds."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from orchestrator.analysis import distributions, significance
from orchestrator.analysis.compare import compare
from orchestrator.domain.case import Case
from orchestrator.domain.claim import ABSOLUTE
from orchestrator.errors import no_such

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from orchestrator.analysis.compare import Comparison
    from orchestrator.analysis.significance import Difference
    from orchestrator.domain.claim import Claim
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow

DIMENSIONS = tuple(field.name for field in fields(Case))
#: How often chance may decide a claim that one result decides, however many results it is about.
LEVEL = (1 - significance.CONFIDENCE) / 2
#: The shift of a whole device between two runs that is worth a note.
NOTABLE_SHIFT = 0.01


class Answer(enum.StrEnum):
    """What evidence says of a claim."""

    HOLDS = "holds"
    REFUTED = "refuted"
    OPEN = "not enough evidence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What one result says of a claim."""

    case: str
    run: str
    answer: Answer
    #: The figure with the ends of its 95 % interval, which are the figure where it is exact.
    value: float | None = None
    low: float | None = None
    high: float | None = None
    #: Why it says nothing, or what is to be known of it.
    note: str = ""
    #: How often chance alone would make this result decide the claim, 1 where it does not; ``None`` where that is not known.
    p_value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A claim with its answer."""

    claim: Claim
    answer: Answer
    evidence: tuple[Evidence, ...]
    #: Values that the claim is about and no result has, with the nearest that one has.
    notes: tuple[str, ...] = ()


def check(
    store: Queries,
    claims: Sequence[Claim],
    rows: Sequence[ResultRow],
    labels: Path,
    on: Callable[[Claim, Sequence[ResultRow]], Iterable[str]],
) -> Iterator[Answered]:
    """Yield the answer to each claim.

    ``rows`` are the results in question, ``on`` returns the names of the devices that a claim is about, of those that results
    have; ``labels`` is the folder of farm's own files by sha256. Raises `UnknownName` for a run that does not exist.
    """
    for claim in claims:
        baseline = store.results(run=store.run(claim.against["run"]).id) if "run" in claim.against else []
        devices = frozenset(on(claim, [*rows, *baseline]))
        chosen, before = (_about(claim, each, devices) for each in (rows, baseline))
        if claim.figure in ABSOLUTE:
            evidence = [_absolute(claim, row) for row in chosen]
        else:
            pairs = _pairs(store, claim, chosen)
            evidence = [_relative(claim, pair) for pair in compare(store, pairs, labels)]
            evidence += _missing(before, {row.case for _, row in pairs})
        corrected = _for_many(claim, evidence)
        notes = tuple(_without_results(claim, [*rows, *baseline]))
        yield Answered(claim=claim, answer=_together(claim, corrected), evidence=corrected, notes=notes)


def _without_results(claim: Claim, rows: Sequence[ResultRow]) -> Iterator[str]:
    """Yield each value that the claim is about and no result has, as a misspelt one."""
    for name, values in claim.about.items():
        there = {str(getattr(row, name)) for row in rows}
        for value in values:
            if there and value not in there:
                yield no_such(f"{name} with a result", value, there)


def _about(claim: Claim, rows: Sequence[ResultRow], devices: frozenset[str]) -> list[ResultRow]:
    return [
        row
        for row in rows
        if row.device in devices and all(str(getattr(row, name)) in values for name, values in claim.about.items())
    ]


def _pairs(store: Queries, claim: Claim, chosen: Sequence[ResultRow]) -> list[tuple[ResultRow, ResultRow]]:
    """Return each result with the one it is held against, as far as there is one that is another."""
    run = store.run(claim.against["run"]).id if "run" in claim.against else None
    found = []
    for row in chosen:
        wanted = {name: getattr(row, name) for name in DIMENSIONS}
        wanted |= {name: type(wanted[name])(value) for name, value in claim.against.items() if name != "run"}
        partners = store.results(run=run or row.run, **wanted)
        if partners and (partners[0].case, partners[0].run) != (row.case, row.run):
            found.append((partners[0], row))
    return found


def _missing(before: Sequence[ResultRow], compared: set[str]) -> Iterator[Evidence]:
    """Yield that nothing is known of what another run measured where no result is held against it."""
    for row in before:
        if row.case not in compared:
            note = f"run {row.run} measured it, and no result here is held against that"
            yield Evidence(case=row.case, run=row.run, answer=Answer.OPEN, note=note)


def _for_many(claim: Claim, evidence: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """Return the evidence with those left open that decide alone, and are beyond their bound by chance as one of so many.

    Benjamini and Hochberg, J. R. Stat. Soc. B 57 (1995), as for a table of comparisons.
    """
    deciding = _deciding(claim)
    known = [place for place, each in enumerate(evidence) if each.p_value is not None]
    adjusted = distributions.corrected([each.p_value for each in evidence if each.p_value is not None])
    corrected = list(evidence)
    for place, p_value in zip(known, adjusted, strict=True):
        if evidence[place].answer is deciding and p_value > LEVEL:
            note = f"one of {len(known)} results may stray as far by chance; more attempts decide"
            corrected[place] = replace(evidence[place], answer=Answer.OPEN, note=_joined(evidence[place].note, note))
    return tuple(corrected)


def _deciding(claim: Claim) -> Answer:
    """Return the answer of one result that answers the claim whatever the others say."""
    return Answer.REFUTED if claim.every else Answer.HOLDS


def _together(claim: Claim, evidence: Sequence[Evidence]) -> Answer:
    answers = {each.answer for each in evidence}
    deciding = _deciding(claim)
    if deciding in answers:
        return deciding
    other = Answer.HOLDS if claim.every else Answer.REFUTED
    return other if answers == {other} else Answer.OPEN


def _absolute(claim: Claim, row: ResultRow) -> Evidence:
    invalid = _invalid(row)
    value, low, high = _figure(row, claim.figure)
    if invalid or value is None:
        note = invalid or f"its {claim.figure} was not measured"
        return Evidence(case=row.case, run=row.run, answer=Answer.OPEN, note=note)
    if low is None or high is None:
        return Evidence(case=row.case, run=row.run, answer=Answer.OPEN, value=value, note="it has no interval")
    return _judged(claim, row, value, low, high)


def _figure(row: ResultRow, name: str) -> tuple[float | None, float | None, float | None]:
    """Return a figure with the ends of its interval; exact ones are their own ends."""
    if name in ("p50", "p90"):
        return tuple(getattr(row, f"{name}{end}_ns") for end in ("", "_low", "_high"))
    if name == "auc":
        return row.auc_mean, row.auc_low, row.auc_high
    if name == "energy":
        return row.energy_j, row.energy_low_j, row.energy_high_j
    exact = {"size": row.size_bytes, "memory": row.peak_rss_bytes}[name]
    return exact, exact, exact


def _relative(claim: Claim, pair: Comparison) -> Evidence:
    row = pair.b
    if claim.figure == "size_ratio":
        if pair.size_ratio is None:
            return Evidence(case=row.case, run=row.run, answer=Answer.OPEN, note="a size is unknown")
        return _judged(claim, row, *[pair.size_ratio] * 3)
    if claim.figure == "auc_change":
        note = _invalid(row) or _invalid(pair.a)
        if note or pair.auc is None:
            note = note or "the change of AUC has no interval: other images, or their labels are no longer here"
            return Evidence(case=row.case, run=row.run, answer=Answer.OPEN, value=pair.auc_change, note=note)
        auc = pair.auc
        return _judged(claim, row, auc.difference, *auc.interval, chance=auc.p_beyond)
    return _time(claim, pair)


def _time(claim: Claim, pair: Comparison) -> Evidence:
    """Return what the times of two results say: what happened to the whole device between two runs is part of it."""
    row, found = pair.b, pair.difference
    if pair.blockers or found is None:
        note = "; ".join(pair.blockers) or "there is no time to compare"
        return Evidence(case=row.case, run=row.run, answer=Answer.OPEN, note=note)
    shift = 1.0 if pair.device_shift is None else pair.device_shift
    judged = _held(claim, row, found, shift)
    if abs(math.log(shift)) >= NOTABLE_SHIFT:
        slower, word = (shift, "slower") if shift > 1 else (1 / shift, "faster")
        usual = ", as its runs usually differ" if pair.shift_is_unusual is False else ""
        note = f"{row.device} as a whole is {(slower - 1) * 100:.1f} % {word} than in run {pair.a.run}{usual}"
        judged = replace(judged, note=_joined(judged.note, note))
        if usual and judged.answer is Answer.REFUTED and _held(claim, row, found, 1.0).answer is not Answer.REFUTED:
            judged = replace(judged, answer=Answer.OPEN)
    floor = pair.noise_floor
    if (
        judged.answer is Answer.REFUTED
        and floor is not None
        and abs(math.log(found.ratio * shift)) <= math.log1p(floor)
    ):
        note = f"a difference below {floor * 100:.1f} % is noise on {row.device}"
        judged = replace(judged, answer=Answer.OPEN, note=_joined(judged.note, note))
    return judged


def _held(claim: Claim, row: ResultRow, found: Difference, shift: float) -> Evidence:
    """Hold the speed against the bounds; ``shift`` is how many times as long the device takes as a whole."""
    where = found.speedup_interval
    return _judged(
        claim,
        row,
        found.speedup / shift,
        where.low / shift,
        where.high / shift,
        chance=lambda bound: significance.p_beyond(found, 1 / bound / shift) if bound > 0 else 0.0,
    )


def _judged(
    claim: Claim,
    row: ResultRow,
    value: float,
    low: float,
    high: float,
    *,
    chance: Callable[[float], float] | None = None,
) -> Evidence:
    """Hold a figure against the bounds; ``chance`` returns how often it would be as far beyond one of them by chance."""
    least = float("-inf") if claim.at_least is None else claim.at_least
    most = float("inf") if claim.at_most is None else claim.at_most
    p_value = None
    if low >= least and high <= most:
        answer = Answer.HOLDS
        bounds = [bound for bound in (claim.at_least, claim.at_most) if bound is not None]
    elif high < least or low > most:
        answer = Answer.REFUTED
        bounds = [least if high < least else most]
    else:
        answer, bounds = Answer.OPEN, []
    if chance is not None:
        p_value = max(map(chance, bounds)) if answer is _deciding(claim) else 1.0
    warned = ", ".join(dict.fromkeys(reason["code"] for reason in row.reasons)) if row.verdict == "WARN" else ""
    note = f"WARN ({warned})" if warned else ""
    return Evidence(
        case=row.case, run=row.run, answer=answer, value=value, low=low, high=high, note=note, p_value=p_value
    )


def _joined(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _invalid(row: ResultRow) -> str:
    if row.verdict != "INVALID":
        return ""
    codes = ", ".join(reason["code"] for reason in row.reasons if reason["verdict"] == "INVALID")
    return f"{row.case} is INVALID ({codes})"
