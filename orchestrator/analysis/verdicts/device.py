"""Whether the device was as it should be while it was measured."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.analysis.verdicts.reasons import warn
from orchestrator.domain.units import format_bytes, format_seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orchestrator.domain.machine import Predecessor
    from orchestrator.domain.result import Measurement, Reason

#: Latency goes with the inverse of frequency, so that this is the bound of drift.
FREQUENCY = 0.05
#: A share of all cores' time, and not more than one core: others that keep one busy take caches and memory of ours, however
#: many more there are. Ours: what 1 in 20 does to a median is still below the spread between attempts.
OTHER_LOAD, OTHER_CORES = 0.05, 1.0
#: A share of the time that was wanted of the hypervisor, by whomever on the device; ours.
STEAL = 0.01
#: A share of the periods of a CPU quota in which it was used up: as much as `STEAL` may, and for the same reason.
QUOTA = 0.01
#: The kernel counts in ticks of 10 ms; over less than this they say nothing of shares.
SHORTEST_NS = 500_000_000
#: A step of the clock is more than this and more than what slewing does: on Linux it moves both clocks (clock_gettime(2)),
#: where it moves one of them, by 500 ppm at most (adjtimex(2)).
STEP_NS, SLEW = 50_000_000, 0.0005
#: Less of the memory than this is left, or processes wait for memory for more than this share of the time.
MEMORY_LEFT, STALLED = 0.05, 0.01
#: Pages that had to come from a disk in the middle of measuring.
MAJOR_FAULTS = 10
#: No device of ours settles above this; a limit beyond it is nonsense.
_HOTTEST_C = 1000
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")


def of_the_device(
    good: Sequence[Measurement], facts: Mapping[str, Any], predecessor: Predecessor | None
) -> Iterator[Reason]:
    """Judge what the device is, and what was done to its processor."""
    if facts.get("emulated"):
        yield warn(
            "emulated",
            "the processor is emulated: its scores are right, its timings say nothing about real hardware",
            "measure on the hardware itself",
        )
    if predecessor is not None:
        yield warn(
            "other-machine",
            f"different hardware: this name was another machine on {predecessor.seen_at:%Y-%m-%d %H:%M} UTC: "
            f"{'; '.join(predecessor.changes)}",
            "earlier results belong to that machine; farm devices rename gives them another name",
        )
    yield from _of_heat(good)
    yield from _of_frequency(good, facts)
    if battery := [
        attempt for attempt in good if any(reading.get("on_battery") is True for reading in attempt.readings)
    ]:
        yield warn(
            "on-battery",
            f"the device ran on its battery during {_of(battery, good)}",
            "plug it in: on a battery most devices are slower, and get slower still",
        )
    yield from _of_others(good, facts)
    yield from _of_memory(good, facts)
    stepped = [step for attempt in good if (step := clock_step_ns(attempt.readings)) is not None]
    if stepped:
        yield warn(
            "clock-stepped",
            f"the device's clock was set during {len(stepped)} of {len(good)} attempts, by up to "
            f"{format_seconds(max(map(abs, stepped)) / 1e9)}",
            "or the device was suspended; latencies are not affected, the stored times of day are",
        )


def _of_heat(good: Sequence[Measurement]) -> Iterator[Reason]:
    if throttled := [attempt for attempt in good if was_throttled(attempt.readings)]:
        yield warn(
            "throttled",
            f"the device slowed itself down during {_of(throttled, good)}",
            "cool it, or check its power supply",
        )
    if warm := [attempt for attempt in good if _began_too_warm(attempt)]:
        yield warn(
            "too-warm",
            f"{_of(warm, good)} began above {min(_limit(attempt) or 0.0 for attempt in warm):.0f} °C, although they waited to cool down",
            "cool the device better, or raise limits.start_below_c or limits.settle_margin_c in the inventory",
        )


def _of_frequency(good: Sequence[Measurement], facts: Mapping[str, Any]) -> Iterator[Reason]:
    governors = {name for attempt in good for name in attempt.governors}
    if not governors and facts.get("governor"):
        governors = {str(facts["governor"])}
    others = sorted(governors - {"performance"})
    if others:
        yield warn(
            "governor",
            f"the governor was {' and '.join(others)}, which changes the frequency by load",
            "farm devices tune sets it to performance, --restore puts it back",
        )
    medians = [median for attempt in good for median in _halves(attempt.readings)]
    if medians and max(medians) - min(medians) > FREQUENCY * max(medians):
        yield warn(
            "frequency-changed",
            f"the processor's frequency went from {min(medians) / 1e9:.2f} to {max(medians) / 1e9:.2f} GHz",
            "set the governor to performance (farm devices tune NAME), cool the device, or turn its turbo off",
        )


def _halves(readings: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return the median frequency of each half of an attempt's readings, without the first: the device was idle then."""
    hertz = [
        reading["frequency_hz"] for reading in readings[1:] if isinstance(reading.get("frequency_hz"), int | float)
    ]
    if len(hertz) < 4:
        return [float(np.median(hertz))] if hertz else []
    middle = len(hertz) // 2
    return [float(np.median(hertz[:middle])), float(np.median(hertz[middle:]))]


def _of_the_quota(
    stopped: Sequence[Measurement], good: Sequence[Measurement], facts: Mapping[str, Any]
) -> Iterator[Reason]:
    """Judge the attempts that a CPU quota ``stopped``."""
    if not stopped:
        return
    periods, throttled = (
        sum(grew(attempt.readings, key) or 0 for attempt in stopped)
        for key in ("quota_periods", "quota_throttled_periods")
    )
    cpus = facts.get("quota_cpus")
    of = f" of {cpus:g} CPUs" if isinstance(cpus, int | float) else ""
    yield warn(
        "cpu-quota",
        f"the CPU quota{of} of its control group stopped the process in {throttled:,} of {periods:,} periods during "
        f"{_of(stopped, good)}",
        "raise the quota (docker --cpus, limits.cpu of Kubernetes, CPUQuota of systemd), or measure outside of the container",
    )


def was_stopped_by_quota(readings: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the CPU quota was used up in more than the share `QUOTA` of its periods."""
    return (grew(readings, "quota_throttled_periods") or 0) > QUOTA * (grew(readings, "quota_periods") or 0)


def _of_others(good: Sequence[Measurement], facts: Mapping[str, Any]) -> Iterator[Reason]:
    stopped = [attempt for attempt in good if was_stopped_by_quota(attempt.readings)]
    yield from _of_the_quota(stopped, good, facts)
    cores = _all_cores(facts)
    if cores:
        # While the quota has stopped ours, others are all that works: they are not what slows it then.
        free = [attempt for attempt in good if not was_stopped_by_quota(attempt.readings)]
        others = [share for attempt in free if (share := share_of_others(attempt.readings, cores)) is not None]
        if loaded := [share for share in others if share > min(OTHER_LOAD, OTHER_CORES / cores)]:
            yield warn(
                "other-load",
                f"other processes used up to {max(loaded):.0%} of the CPU ({max(loaded) * cores:.1f} of {cores} cores) "
                f"during {len(loaded)} of {len(good)} attempts",
                "stop what else runs on the device; farm devices show NAME has its load when it is idle",
            )
    stolen = [share for attempt in good if (share := share_stolen(attempt.readings)) is not None]
    if lost := [share for share in stolen if share > STEAL]:
        yield warn(
            "steal",
            f"the hypervisor gave up to {max(lost):.0%} of the CPU time that the device needed to other machines "
            f"during {len(lost)} of {len(good)} attempts",
            "measure on hardware, or on a virtual machine with processors of its own",
        )


def _all_cores(facts: Mapping[str, Any]) -> int:
    """Return how many cores the counters of the system are of; 0 is unknown. ``cores`` are those that we may use."""
    cores, classes = facts.get("cores"), facts.get("core_classes")
    counts = [kind.get("count") for kind in classes if isinstance(kind, dict)] if isinstance(classes, list) else []
    listed = sum(count for count in counts if isinstance(count, int))
    return max(cores, listed) if isinstance(cores, int) else listed


def _of_memory(good: Sequence[Measurement], facts: Mapping[str, Any]) -> Iterator[Reason]:
    swapped = [grown for attempt in good if (grown := grew(attempt.readings, "swapped_bytes"))]
    if swapped:
        yield warn(
            "swapped",
            f"the device swapped up to {format_bytes(max(swapped))} during {len(swapped)} of {len(good)} attempts",
            "stop what else needs memory there, or turn swap off (sudo swapoff -a)",
        )
    total, left = facts.get("memory_bytes"), _least(good, "memory_available_bytes")
    if isinstance(total, int) and left is not None and left < MEMORY_LEFT * total:
        yield warn(
            "memory-short",
            f"{format_bytes(left)} of {format_bytes(total)} of memory were left",
            "stop what else needs memory there",
        )
        return
    stalled = max((_share(attempt.readings, "memory_stalled_ns", 1) or 0.0 for attempt in good), default=0.0)
    faults = max((grew(attempt.readings, "major_faults") or 0 for attempt in good), default=0)
    if stalled > STALLED or faults > MAJOR_FAULTS:
        what = (
            f"processes waited for memory {stalled:.0%} of the time"
            if stalled > STALLED
            else f"{faults} pages came from a disk"
        )
        yield warn("memory-short", f"{what} in the middle of measuring", "stop what else needs memory there")


def was_throttled(readings: Sequence[Mapping[str, Any]]) -> bool:
    """Check whether the device slowed itself down between the first reading and the last.

    A text is the Raspberry Pi firmware's word: bits 0 to 3 mean now, bits 16 to 19 the same since boot (raspberrypi.com,
    "vcgencmd get_throttled"). A number is the x86 kernel's count of throttling events since boot. ``cooling`` is the
    state of thermal cooling devices, where 0 means not slowed.
    """
    values = [reading["throttled"] for reading in readings if "throttled" in reading]
    bits = [int(word, 16) for word in values if isinstance(word, str) and _HEXADECIMAL.fullmatch(word)]
    counts = [count for count in values if isinstance(count, int)]
    now = any(word & 0xF for word in bits)
    newly = bool(bits) and bool(bits[-1] & ~bits[0] & 0xF0000)
    cooled = any(isinstance(reading.get("cooling"), int) and reading["cooling"] > 0 for reading in readings)
    return now or newly or cooled or (bool(counts) and counts[-1] > counts[0])


def share_of_others(readings: Sequence[Mapping[str, Any]], cores: int) -> float | None:
    """Return which share of all cores' time went to other processes from first to last reading, ``None`` where unknown."""
    busy, own = _share(readings, "cpu_busy_ns", cores), _share(readings, "cpu_own_ns", cores)
    return None if busy is None or own is None else max(0.0, busy - own)


def share_stolen(readings: Sequence[Mapping[str, Any]]) -> float | None:
    """Return which share of the time that processes wanted to work the hypervisor kept back, ``None`` where unknown.

    Idle processors are not stolen: of all cores' time the share would be the smaller the more there are. What
    was wanted counts as one core at least, so that a tick on an idle device (which waits for its GPU) is no share of nothing.
    """
    stolen, busy = _share(readings, "cpu_steal_ns", 1), _share(readings, "cpu_busy_ns", 1) or 0.0
    return None if stolen is None else stolen / max(1.0, stolen + busy)


def clock_step_ns(readings: Sequence[Mapping[str, Any]]) -> int | None:
    """Return by how much the wall clock was set between first and last reading, ``None`` where it only ran."""
    wall, mono = grew(readings, "at_ns"), grew(readings, "mono_ns")
    if wall is None or mono is None:
        return None
    step = wall - mono
    return step if abs(step) > STEP_NS + SLEW * mono else None


def grew(readings: Sequence[Mapping[str, Any]], key: str) -> int | None:
    """Return the last reading of a counter less the first, ``None`` where there are no two."""
    values = [reading[key] for reading in readings if isinstance(reading.get(key), int)]
    return values[-1] - values[0] if len(values) > 1 else None


def _share(readings: Sequence[Mapping[str, Any]], key: str, cores: int) -> float | None:
    """Return a counter of nanoseconds as a share of the time of ``cores`` between its own first and last reading."""
    with_key = [reading for reading in readings if isinstance(reading.get(key), int)]
    counted, passed = grew(with_key, key), grew(with_key, "mono_ns")
    return None if counted is None or passed is None or passed < SHORTEST_NS else counted / (passed * cores)


def _least(good: Sequence[Measurement], key: str) -> int | None:
    values = [reading.get(key) for attempt in good for reading in attempt.readings]
    return min((value for value in values if isinstance(value, int)), default=None)


def _limit(attempt: Measurement) -> float | None:
    limit = (attempt.requested or {}).get("start_below_c")
    return float(limit) if isinstance(limit, int | float) and abs(limit) < _HOTTEST_C else None


def _began_too_warm(attempt: Measurement) -> bool:
    """Check whether the lane gave up waiting; ``temperature_c`` does not show it, being from after the warm-up."""
    limit = _limit(attempt)
    celsius = attempt.readings[0].get("start_temperature_c") if attempt.readings else None
    return limit is not None and isinstance(celsius, int | float) and celsius >= limit


def _of(some: Sequence[Measurement], every: Sequence[Measurement]) -> str:
    return f"{len(some)} of {len(every)} attempts"
