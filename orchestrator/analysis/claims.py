"""Whether what people claim of results holds."""

from __future__ import annotations

import enum
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from orchestrator.analysis.compare import compare
from orchestrator.domain.case import Case
from orchestrator.domain.claim import ABSOLUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from orchestrator.analysis.compare import Comparison
    from orchestrator.domain.claim import Claim
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow

DIMENSIONS = tuple(field.name for field in fields(Case))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A claim with its answer."""

    claim: Claim
    answer: Answer
    evidence: tuple[Evidence, ...]


def check(
    store: Queries,
    claims: Sequence[Claim],
    rows: Sequence[ResultRow],
    labels: Path,
    on: Callable[[Claim], Iterable[str]],
) -> Iterator[Answered]:
    """Yield the answer to each claim.

    ``rows`` are the results in question, ``on`` returns the names of the devices that a claim is about,
    ``labels`` is the folder of farm's own files by sha256. Raises `UnknownName` for a run that does not exist.
    """
    for claim in claims:
        devices = frozenset(on(claim))
        chosen = [
            row
            for row in rows
            if row.device in devices and all(str(getattr(row, name)) in values for name, values in claim.about.items())
        ]
        if claim.figure in ABSOLUTE:
            evidence = tuple(_absolute(claim, row) for row in chosen)
        else:
            evidence = tuple(_relative(claim, pair) for pair in compare(store, _pairs(store, claim, chosen), labels))
        yield Answered(claim=claim, answer=_together(claim, evidence), evidence=evidence)


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


def _together(claim: Claim, evidence: Sequence[Evidence]) -> Answer:
    answers = {each.answer for each in evidence}
    deciding, other = (Answer.REFUTED, Answer.HOLDS) if claim.every else (Answer.HOLDS, Answer.REFUTED)
    if deciding in answers:
        return deciding
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
    exact = {"size": row.size_bytes, "memory": row.peak_rss_bytes, "energy": row.energy_j}[name]
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
        return _judged(claim, row, pair.auc.difference, *pair.auc.interval)
    found = pair.difference
    if pair.blockers or found is None:
        note = "; ".join(pair.blockers) or "there is no time to compare"
        return Evidence(case=row.case, run=row.run, answer=Answer.OPEN, note=note)
    return _judged(claim, row, 1 / found.ratio, 1 / found.interval.high, 1 / found.interval.low)


def _judged(claim: Claim, row: ResultRow, value: float, low: float, high: float) -> Evidence:
    least = float("-inf") if claim.at_least is None else claim.at_least
    most = float("inf") if claim.at_most is None else claim.at_most
    if low >= least and high <= most:
        answer = Answer.HOLDS
    elif high < least or low > most:
        answer = Answer.REFUTED
    else:
        answer = Answer.OPEN
    warned = ", ".join(dict.fromkeys(reason["code"] for reason in row.reasons)) if row.verdict == "WARN" else ""
    note = f"WARN ({warned})" if warned else ""
    return Evidence(case=row.case, run=row.run, answer=answer, value=value, low=low, high=high, note=note)


def _invalid(row: ResultRow) -> str:
    if row.verdict != "INVALID":
        return ""
    codes = ", ".join(reason["code"] for reason in row.reasons if reason["verdict"] == "INVALID")
    return f"{row.case} is INVALID ({codes})"
