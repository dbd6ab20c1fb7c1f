"""Profiles read: operators of two schemes side by side, groups of operators with their shares."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import TYPE_CHECKING

from orchestrator.domain.model import SHIPPED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.domain.profile import Operator, Profile
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow

#: Names of graphs and of kernels -> one name for what they compute. A kernel computes a convolution of 1 × 1 as a product
#: of matrices, a fully connected layer, so that both are one family.
_FAMILIES = {
    "conv_2d": "dense",
    "convolution": "dense",
    "fully connected": "dense",
    "batch_matmul": "dense",
    "batch matrix multiply": "dense",
    "static reshape": "reshape",
    "copy": "reshape",
    "logistic": "sigmoid",
    "quantize": "convert",
    "dequantize": "convert",
    "global average pooling": "mean",
    "static mean": "mean",
    "average_pool_2d": "average pooling",
    "max_pool_2d": "max pooling",
}
#: A runtime that times operators.
SUPPORTED = "litert"
#: The family whose operators only change the type of numbers.
CONVERT = "convert"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The operators of two profiles that compute the same; ``None`` where one has no such operator."""

    a: Operator | None
    b: Operator | None

    @property
    def family(self) -> str:
        """What it computes: ``dense``, ``depthwise``, ``mean``."""
        operator = self.a or self.b
        assert operator is not None  # noqa: S101  a pair has one at least
        return family(operator)


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySide:
    """Two profiles, operator by operator in the order in which they run."""

    a: Profile
    b: Profile
    pairs: tuple[Pair, ...]

    def slower_ns(self, pair: Pair) -> float:
        """Return by how many mean nanoseconds an invocation of B spends more in ``pair`` than one of A."""
        return mean_ns(self.b, pair.b) - mean_ns(self.a, pair.a)


def mean_ns(profile: Profile, operator: Operator | None) -> float:
    """Return the mean nanoseconds of ``operator`` in an invocation, 0 for none."""
    return operator.total_ns / profile.invocations if operator is not None and profile.invocations else 0.0


def family(operator: Operator) -> str:
    """Return what an operator computes, by one name for kernels of delegates and operators of graphs."""
    name = operator.kind.partition("(")[0].strip().lower()
    if "dwconv" in operator.kind.lower() or name.startswith("depthwise"):
        return "depthwise"
    return _FAMILIES.get(name, name.replace("_", " ")) or "unnamed"


def side_by_side(a: Profile, b: Profile) -> SideBySide:
    """Return the operators of two profiles of the same network in pairs, matched by family in order."""
    ours, theirs = [family(each) for each in a.operators], [family(each) for each in b.operators]
    pairs: list[Pair] = []
    matched = SequenceMatcher(a=ours, b=theirs, autojunk=False).get_opcodes()
    for word, a_from, a_to, b_from, b_to in matched:
        left, right = a.operators[a_from:a_to], b.operators[b_from:b_to]
        if word == "equal":
            pairs += [Pair(a=one, b=other) for one, other in zip_longest(left, right)]
        else:
            pairs += [Pair(a=one, b=None) for one in left] + [Pair(a=None, b=other) for other in right]
    return SideBySide(a=a, b=b, pairs=tuple(pairs))


@dataclass(frozen=True, slots=True, kw_only=True)
class FamilyTimes:
    """What the operators of one family take in an invocation of each of two profiles."""

    family: str
    a_count: int
    b_count: int
    a_ns: float
    b_ns: float

    @property
    def slower_ns(self) -> float:
        """By how much longer B takes than A."""
        return self.b_ns - self.a_ns


def by_family(both: SideBySide) -> tuple[FamilyTimes, ...]:
    """Return the families of both profiles, the one that makes the largest difference first."""
    families = dict.fromkeys(family(operator) for side in (both.a, both.b) for operator in side.operators)
    times = []
    for name in families:
        ours, theirs = ([each for each in side.operators if family(each) == name] for side in (both.a, both.b))
        times.append(
            FamilyTimes(
                family=name,
                a_count=len(ours),
                b_count=len(theirs),
                a_ns=sum(mean_ns(both.a, each) for each in ours),
                b_ns=sum(mean_ns(both.b, each) for each in theirs),
            )
        )
    return tuple(sorted(times, key=lambda each: abs(each.slower_ns), reverse=True))


def outside(profile: Profile) -> tuple[Operator, ...]:
    """Return the operators that no delegate took."""
    return tuple(operator for operator in profile.operators if operator.delegate is None)


def converting(profile: Profile) -> tuple[Operator, ...]:
    """Return the operators that only change the type of numbers."""
    return tuple(operator for operator in profile.operators if family(operator) == CONVERT)


def share(profile: Profile, operators: Iterable[Operator]) -> float:
    """Return the share of an invocation, from 0 to 1, that ``operators`` take together."""
    return sum(profile.share(operator) for operator in operators)


def newest(store: Queries, row: ResultRow) -> Profile | None:
    """Return the newest profile of the artifact that ``row`` measured: that of its run, else of a later one.

    A profile of another artifact is none of this result; a failed one counts only where no other is there.
    """
    from orchestrator.domain.case import Case

    profiles = [each for each in store.profiles(None, Case.parse(row.case)) if each.artifact == row.artifact]
    ours = {each.profile for each in store.profiles(row.run, Case.parse(row.case))}
    profiles.sort(key=lambda each: (each.error is None, each.profile in ours), reverse=True)
    return profiles[0] if profiles else None


def how_to(*rows: ResultRow, unsupported: bool = False) -> str:
    """Return the command that times the operators of ``rows``, which differ in scheme alone.

    ``unsupported`` where their own runtime can't: with one that can.
    """
    runtime = SUPPORTED if unsupported else rows[0].runtime
    suite = "" if rows[0].model in SHIPPED else "SUITE "  # the file that the run was made with
    row, schemes = rows[0], ",".join(dict.fromkeys(each.scheme for each in rows))
    words = f"--models {row.model} --schemes {schemes} --runtimes {runtime} --threads {row.threads}"
    return f"farm run {suite}--profile --devices {row.device} {words}"
