"""What speaks against comparing two results."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.analysis.stats import LEAST_ATTEMPTS
from orchestrator.domain.effort import ATTEMPTS_TO_COMPARE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.analysis.measured import Measured

ENOUGH = f"farm run --compare makes {ATTEMPTS_TO_COMPARE} attempts"


def blockers(a: Measured, b: Measured) -> Iterator[str]:
    """Return why A and B must not be compared."""
    for side in (a, b):
        if side.row.verdict == "INVALID":
            codes = ", ".join(reason["code"] for reason in side.row.reasons if reason["verdict"] == "INVALID")
            yield f"{side.row.case} is INVALID in run {side.row.run} ({codes})"
    yield from _few_attempts(a, b)
    if bool(a.case.interpreters) != bool(b.case.interpreters):
        yield "one is the latency of single invocations, the other is throughput"
    if a.row.effort != b.row.effort:
        yield f"their efforts differ: {a.row.effort} and {b.row.effort}"
    if (a.row.dataset, a.row.synthetic) != (b.row.dataset, b.row.synthetic):
        yield f"their datasets differ: {a.row.dataset} and {b.row.dataset}"
    if a.case.device != b.case.device:
        return  # other hardware is what is compared then, with its governor
    if a.hardware and b.hardware and a.hardware != b.hardware:
        yield f"different hardware: {a.case.device} was another machine before"
    if a.governors and b.governors and a.governors != b.governors:
        yield f"their governors differ: {' and '.join(sorted(a.governors))}, then {' and '.join(sorted(b.governors))}"


def _few_attempts(a: Measured, b: Measured) -> Iterator[str]:
    counts = [len(each.side.rounds) if each.side else 0 for each in (a, b)]
    if min(counts) >= LEAST_ATTEMPTS:
        return
    if min(len(each.good) for each in (a, b)) >= LEAST_ATTEMPTS:
        yield "a median of 0 ns: there is nothing to divide by"
    else:
        few = " and ".join(str(len(each.good)) for each in (a, b))
        yield f"{few} attempts are too few to separate a difference from chance: {ENOUGH}"


def notes(a: Measured, b: Measured) -> Iterator[str]:
    """Return notes on a pair: verdicts, other runs, other artifacts, other versions."""
    for side in (a, b):
        if side.row.verdict == "WARN":
            codes = ", ".join(reason["code"] for reason in side.row.reasons)
            yield f"{side.row.case} is WARN ({codes})"
    if a.row.run != b.row.run:
        yield "they come from different runs: what changed for this case between the two is part of the difference"
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
