"""What two profiles say of why one scheme is slower or faster than the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis import profile as reading
from orchestrator.analysis.finding import Finding
from orchestrator.domain.units import format_ns
from orchestrator.runtimes.catalogue import DELEGATES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.analysis.profile import FamilyTimes, Pair, SideBySide
    from orchestrator.domain.profile import Operator, Profile

#: Of the difference of two invocations: what has less of it explains nothing.
LEAST_PART = 0.1
#: Differences that are named.
MOST = 3
#: Of an invocation: operators that take less are not worth a sentence.
LEAST_SHARE = 0.02
#: What LiteRT's clock counts in; a smaller difference between two operators may be none.
RESOLUTION_NS = 1000


def of_two(both: SideBySide) -> Iterator[Finding]:
    """Yield what operators say, those that make the most of the difference first."""
    evidence = f"profiles {both.a.profile[:8]}, {both.b.profile[:8]}"
    yield from _of_pairs(both, evidence)
    yield from _of_places(both, evidence)
    yield from _of_conversions(both, evidence)
    yield from _of_types(both, evidence)


def _of_pairs(both: SideBySide, evidence: str) -> Iterator[Finding]:
    """Name the operators that take most of what B takes more, or less, than A."""
    a, b = both.a.case.scheme, both.b.case.scheme
    whole_ns = sum(map(both.slower_ns, both.pairs))
    if abs(whole_ns) < RESOLUTION_NS:
        yield Finding(
            kind="operators",
            sentence=f"the operators of {b} take as long as those of {a}, to a microsecond an invocation",
            evidence=evidence,
        )
        return
    word = "more" if whole_ns > 0 else "less"
    yield Finding(
        kind="operators",
        sentence=f"all operators of {b} together take {format_ns(abs(whole_ns))} {word} an invocation than those of {a}",
        evidence=evidence,
    )
    for times in reading.by_family(both):
        if abs(times.slower_ns) < max(RESOLUTION_NS, LEAST_PART * abs(whole_ns)):
            break
        yield Finding(kind="family", sentence=_family_words(both, times), evidence=evidence)
    ordered = sorted(both.pairs, key=both.slower_ns, reverse=whole_ns > 0)
    for pair in ordered[:MOST]:
        slower_ns = both.slower_ns(pair)
        if slower_ns * whole_ns <= 0 or abs(slower_ns) < max(RESOLUTION_NS, LEAST_PART * abs(whole_ns)):
            break
        yield Finding(kind="operator", sentence=_pair_words(both, pair, slower_ns, whole_ns), evidence=evidence)


def _family_words(both: SideBySide, times: FamilyTimes) -> str:
    word = "more" if times.slower_ns > 0 else "less"
    return (
        f"{times.family} operators: {format_ns(times.b_ns)} together in {both.b.case.scheme} ({times.b_count} of them), "
        f"{format_ns(times.a_ns)} in {both.a.case.scheme} ({times.a_count}): {format_ns(abs(times.slower_ns))} {word}"
    )


def _pair_words(both: SideBySide, pair: Pair, slower_ns: float, whole_ns: float) -> str:
    word = "more" if slower_ns > 0 else "less"
    ratio = slower_ns / whole_ns
    of_it = f"{ratio * 100:.0f} % of the difference" if ratio <= 1 else "more than the whole difference"
    part = f"{format_ns(abs(slower_ns))} {word}, {of_it}"
    if pair.a is None or pair.b is None:
        side, operator = (both.b, pair.b) if pair.b is not None else (both.a, pair.a)
        assert operator is not None  # noqa: S101  a pair has one at least
        return f"{side.case.scheme} alone has {operator.kind} (no. {_place(side, operator)}): {part}"
    took = [format_ns(reading.mean_ns(side, operator)) for side, operator in ((both.b, pair.b), (both.a, pair.a))]
    return (
        f"operator {_place(both.b, pair.b)} takes {took[0]} in {both.b.case.scheme}, as {_kernel(both.b, pair.b)}, "
        f"and {took[1]} in {both.a.case.scheme}, as {_kernel(both.a, pair.a)}: {part}"
    )


def _of_places(both: SideBySide, evidence: str) -> Iterator[Finding]:
    """Name what ran outside the delegate, where either profile has such operators beside delegated ones."""
    for side in (both.b, both.a):
        outside = reading.outside(side)
        delegates = _delegates(side)
        if not delegates or not outside:
            continue
        names = sorted({f"{each.kind} ({each.types})" if each.types else each.kind for each in outside})
        yield Finding(
            kind="delegate",
            sentence=(
                f"{len(outside)} of {len(side.operators)} operators of {side.case.scheme} ran outside {delegates}, "
                f"{_share(side, outside)} of an invocation: {_listed(names)}"
            ),
            evidence=evidence,
        )
    inside = [_delegates(side) for side in (both.a, both.b)]
    if all(inside) and not any(reading.outside(side) for side in (both.a, both.b)):
        yield Finding(
            kind="delegate",
            sentence=f"every operator of both schemes ran inside {inside[1]}: what a delegate refuses is no cause",
            evidence=evidence,
        )


def _of_conversions(both: SideBySide, evidence: str) -> Iterator[Finding]:
    for side in (both.b, both.a):
        operators = reading.converting(side)
        if operators and reading.share(side, operators) >= LEAST_SHARE:
            yield Finding(
                kind="conversion",
                sentence=(
                    f"{_share(side, operators)} of an invocation of {side.case.scheme} goes to operators that only quantize or "
                    f"dequantize ({len(operators)})"
                ),
                evidence=evidence,
            )


def _of_types(both: SideBySide, evidence: str) -> Iterator[Finding]:
    """Say in which types the kernels of B that have any compute, for that is not what its weights are stored in."""
    typed = [each for each in both.b.operators if each.types and each.delegate]
    kinds = sorted({each.types for each in typed})
    if not kinds:
        return
    same = kinds == sorted({each.types for each in both.a.operators if each.types and each.delegate})
    words = "; ".join(f"{kind} {_share(both.b, [each for each in typed if each.types == kind])}" for kind in kinds)
    also = f", as those of {both.a.case.scheme} do: nothing is computed in fewer bits" if same else ""
    yield Finding(
        kind="types",
        sentence=f"the delegate's kernels of {both.b.case.scheme} compute in these types, by share: {words}{also}",
        evidence=evidence,
    )


def _delegates(profile: Profile) -> str:
    names = sorted({DELEGATES.get(each.delegate, each.delegate) for each in profile.operators if each.delegate})
    return " and ".join(names)


def _kernel(profile: Profile, operator: Operator) -> str:
    delegates = _delegates(profile)
    return f"{operator.kind} outside {delegates}" if delegates and not operator.delegate else operator.kind


def _place(profile: Profile, operator: Operator) -> int:
    return next(place for place, each in enumerate(profile.operators) if each is operator)


def _share(profile: Profile, operators: Sequence[Operator]) -> str:
    return f"{reading.share(profile, operators) * 100:.0f} %"


def _listed(names: Sequence[str], most: int = 4) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
