"""Why a result is faster, slower or less accurate than float32, from evidence alone."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from orchestrator.analysis import compare, explain_device, explain_operators, profile
from orchestrator.analysis.explain_device import Side
from orchestrator.analysis.finding import Finding, Missing
from orchestrator.domain.case import Case
from orchestrator.domain.runtime import RuntimeChoice
from orchestrator.domain.units import format_ratio
from orchestrator.errors import UsageError
from orchestrator.runtimes.catalogue import BASELINES, DELEGATES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from orchestrator.analysis.compare import Comparison
    from orchestrator.domain.profile import Profile
    from orchestrator.domain.result import Measurement
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow

#: The scheme that all others are compared with.
BASELINE = "float32"
#: Two runs of the same thing differ by as much on a machine that does other work too; less needs no explanation.
SLOWER = 1.1
#: Versions that are recorded beside the runtime's own.
_SURROUNDINGS = ("python", "numpy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What is known of why a result differs from float32, with what is not."""

    #: float32 as A, the result as B.
    pair: Comparison
    findings: tuple[Finding, ...]
    missing: tuple[Missing, ...]


def explain(store: Queries, row: ResultRow, labels: Path) -> Explanation:
    """Return why ``row`` differs from float32 of its run; ``labels`` is as `compare.compare` takes it.

    Every sentence is of stored evidence. Raises `UsageError` where the run has no float32 of the same setting.
    """
    base = _baseline(store, row)
    (pair,) = compare.compare(store, [(base, row)], labels)
    a, b = _side(store, base), _side(store, row)
    facts = store.facts(row.run, row.device)
    profiles = _profile(store, a), _profile(store, b)
    findings = (
        *_coverage(a, b),
        *_operators(profiles),
        *explain_device.findings(a, b, facts),
        *explain_device.accuracy(a, b),
    )
    missing = (*_without_profile(profiles, a, b), *explain_device.missing(a, b, facts))
    return Explanation(pair=pair, findings=findings, missing=missing)


def _baseline(store: Queries, row: ResultRow) -> ResultRow:
    setting = {each.name: getattr(row, each.name) for each in fields(Case) if each.name != "scheme"}
    if row.scheme in BASELINES:
        raise UsageError(f"{row.case} is what others are compared with", hint="name a result of another scheme")
    rows = [base for scheme in BASELINES for base in store.results(run=row.run, **setting, scheme=scheme)]
    if not rows:
        raise UsageError(
            f"run {row.run} has no {BASELINE} to compare {row.case} with",
            hint=f"farm run --schemes {BASELINE},{row.scheme}",
        )
    return rows[0]


def _side(store: Queries, row: ResultRow) -> Side:
    case = Case.parse(row.case)
    return Side(
        row=row,
        attempts=store.measurements(row.run, case),
        artifact=store.artifact(row.artifact, row.run, case) if row.artifact else None,
    )


def _profile(store: Queries, side: Side) -> Profile | None:
    """Return the newest profile of what was measured, by the version of the runtime that measured it."""
    measured = next((attempt.versions for attempt in side.attempts if attempt.versions), {})
    found = profile.newest(store, side.row)
    if found is None or found.error is not None:
        return found
    names = (set(found.versions) & set(measured)) - set(_SURROUNDINGS)
    return found if all(found.versions[name] == measured[name] for name in names) else None


def _coverage(a: Side, b: Side) -> Iterator[Finding]:
    """Say how many nodes of each graph the delegate took, whatever came of it."""
    ours, theirs = _nodes(b.attempts), _nodes(a.attempts)
    if ours is None or theirs is None:
        return
    delegate = next(filter(None, (_delegate(attempt) for attempt in (*b.attempts, *a.attempts))), None)
    to = f"to {delegate}" if delegate else "to a delegate"
    yield Finding(
        kind="coverage",
        sentence=(
            f"{_runtime(b.row, b.attempts)} gave {ours[0]} of {ours[1]} nodes of {b.row.scheme} {to}, "
            f"and {theirs[0]} of {theirs[1]} of {a.row.scheme}"
        ),
        evidence="attempts of both",
    )


def _operators(profiles: tuple[Profile | None, Profile | None]) -> Iterator[Finding]:
    a, b = profiles
    if a is not None and b is not None and a.error is None and b.error is None:
        yield from explain_operators.of_two(profile.side_by_side(a, b))


def _without_profile(profiles: tuple[Profile | None, Profile | None], a: Side, b: Side) -> Iterator[Missing]:
    """Say which operators are unknown, with the command that times them: with another runtime where this one can't."""
    rows = [side.row for side, found in zip((a, b), profiles, strict=True) if found is None or found.error is not None]
    if not rows:
        return
    schemes = " and ".join(row.scheme for row in rows)
    errors = dict.fromkeys(found.error for found in profiles if found is not None and found.error is not None)
    why = f": {'; '.join(map(str, errors))}" if errors else ""
    unsupported = any(found is not None and found.unsupported for found in profiles)
    command = profile.how_to(a.row, b.row, unsupported=unsupported)
    yield Missing(what=f"which operators of {schemes} take the time{why}", command=command)


def than_float32(row: ResultRow, attempts: Sequence[Measurement], of_float32: Sequence[Measurement]) -> str | None:
    """Return a sentence where ``row`` is slower than float32 and a smaller share of its nodes was delegated, else ``None``.

    ``attempts`` are those of ``row``, ``of_float32`` those of the same case as float32, in the same run.
    """
    if row.scheme == BASELINE or row.speedup is None or row.speedup * SLOWER > 1:
        return None
    ours, theirs = _nodes(attempts), _nodes(of_float32)
    if ours is None or theirs is None or ours[0] * theirs[1] >= theirs[0] * ours[1]:
        return None
    delegate = next(filter(None, (_delegate(attempt) for attempt in (*attempts, *of_float32))), "a delegate")
    return (
        f"{row.scheme} is {format_ratio(1 / row.speedup)} slower than float32 here; {_runtime(row, attempts)} gave "
        f"{ours[0]} of {ours[1]} nodes of {row.scheme} to {delegate}, and {theirs[0]} of {theirs[1]} of float32"
    )


def _nodes(attempts: Sequence[Measurement]) -> tuple[int, int] | None:
    """Return (delegated nodes, all nodes) of the first attempt that tells; not every runtime does."""
    for attempt in attempts:
        effective = attempt.effective or {}
        delegated, nodes = effective.get("delegated_nodes"), effective.get("nodes")
        if isinstance(delegated, int) and isinstance(nodes, int) and nodes > 0:
            return delegated, nodes
    return None


def _delegate(attempt: Measurement) -> str | None:
    name = (attempt.effective or {}).get("delegate")
    return DELEGATES.get(str(name), str(name)) if name else None


def _runtime(row: ResultRow, attempts: Sequence[Measurement]) -> str:
    """Return the runtime with the version that was measured: ``tflite 2.14.0``."""
    choice = RuntimeChoice.parse(row.runtime)
    versions = next((attempt.versions for attempt in attempts if attempt.versions), {})
    version = next((version for what, version in versions.items() if what not in _SURROUNDINGS), choice.version)
    return f"{choice.on_device} {version}" if version else choice.on_device
