"""Check that the requested settings were in force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.analysis.verdicts.reasons import warn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orchestrator.domain.case import Case
    from orchestrator.domain.result import Measurement, Reason


#: Slowest over fastest of cores of one kind. Ours: favoured cores (Intel's Turbo Boost Max 3.0, AMD's preferred cores) differ by
#: some 5 %, big and little ones by 20 % and more.
ALIKE = 0.9


def of_the_settings(case: Case, good: Sequence[Measurement], facts: Mapping[str, Any]) -> Iterator[Reason]:
    """Judge threads, cores and delegates."""
    cores, wanted = cores_of(good, facts), case.threads * max(1, case.interpreters)
    if cores is not None and wanted > cores:
        yield warn(
            "more-threads-than-cores",
            f"{wanted} threads on {cores} cores take turns",
            f"measure with --threads {max(1, cores // max(1, case.interpreters))} or fewer",
        )
    kinds = _kinds_of_cores(good, facts)
    if len(kinds) > 1:
        yield warn(
            "mixed-cores",
            f"cores of {len(kinds)} kinds took part: {', '.join(kinds)}",
            "which of them work is up to the system, and differs from attempt to attempt; measure with as many threads as there "
            "are cores of one kind, or keep farm to those with taskset",
        )
    threads = {
        threads
        for attempt in good
        if isinstance(threads := (attempt.effective or {}).get("threads"), int) and threads != case.threads
    }
    if threads:
        yield warn(
            "threads-not-effective",
            f"{case.threads} thread{'s' * (case.threads > 1)} requested, {' or '.join(map(str, sorted(threads)))} at work",
            "the graph may have too little to share out; compare with --threads 1"
            if min(threads) < case.threads
            else "the runtime makes threads of its own; measure with another one, or keep farm to some cores with taskset",
        )
    for asked, found in sorted(_missed_delegates(good)):
        yield warn(
            "delegate-not-effective",
            f"the delegate {asked} was requested, {found} ran",
            "the figures are not that delegate's: the device lacks it, or it can't run this artifact",
        )
    software = {
        str((attempt.effective or {}).get("adapter") or "the graphics driver")
        for attempt in good
        if (attempt.effective or {}).get("adapter_type") == "software"
    }
    if software:
        yield warn(
            "software-gpu",
            f"{' and '.join(sorted(software))} emulates a GPU on the CPU: scores are right, timings say nothing about a GPU",
            "install the driver of the device's GPU; farm devices show lists what there is",
        )


def cores_of(good: Sequence[Measurement], facts: Mapping[str, Any]) -> int | None:
    """Return how many cores the attempts could use: those of the device, or fewer where the process was kept to some."""
    allowed = [
        len(reading["cpus_allowed"])
        for attempt in good
        for reading in attempt.readings
        if isinstance(reading.get("cpus_allowed"), list | tuple)
    ]
    cores = facts.get("cores")
    known = [*allowed, *([cores] if isinstance(cores, int) and cores > 0 else [])]
    return min(known, default=None)


def _kinds_of_cores(good: Sequence[Measurement], facts: Mapping[str, Any]) -> list[str]:
    """Return the names of the classes of cores that took part, as far as the device tells which core is of which class."""
    classes = facts.get("core_classes")
    if not isinstance(classes, list) or len(classes) < 2:
        return []
    kinds: list[dict[str, Any]] = []
    kind_of: dict[object, int] = {}
    for kind in classes:
        if isinstance(kind, dict) and isinstance(kind.get("cpus"), list):
            number = next((number for number, other in enumerate(kinds) if _is_alike(kind, other)), len(kinds))
            if number == len(kinds):
                kinds.append(kind)
            kind_of.update(dict.fromkeys(map(repr, kind["cpus"]), number))
    used = {
        kind_of[repr(cpu)]
        for attempt in good
        for reading in attempt.readings
        if isinstance(reading.get("cpus_used"), list | tuple)
        for cpu in reading["cpus_used"]
        if repr(cpu) in kind_of
    }
    return [_name_of(kinds[number], number) for number in sorted(used)]


def _is_alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Check whether two classes of cores are one kind: processors favour some of their cores by a few percent of the frequency."""
    if one.get("model") != other.get("model"):
        return False
    known = "capacity" if "capacity" in one and "capacity" in other else "max_hz"
    speeds = [float(kind[known]) for kind in (one, other) if isinstance(kind.get(known), int | float)]
    return min(speeds) >= ALIKE * max(speeds) if len(speeds) == 2 else not speeds


def _name_of(kind: Mapping[str, Any], number: int) -> str:
    """Return the model, with the frequency that tells it from others of the same name."""
    hertz = kind.get("max_hz")
    speed = f" ({hertz / 1e9:.2f} GHz)" if isinstance(hertz, int | float) else ""
    return f"{kind.get('model') or f'class {number + 1}'}{speed}"


def _missed_delegates(good: Sequence[Measurement]) -> set[tuple[str, str]]:
    """Return (requested, in force) where they differ and the runtime reports it; no request takes the default."""
    missed = set()
    for attempt in good:
        wanted = (attempt.requested or {}).get("delegate")
        effective = attempt.effective or {}
        if wanted is not None and "delegate" in effective and effective["delegate"] != wanted:
            missed.add((str(wanted), str(effective["delegate"] or "none")))
    return missed
