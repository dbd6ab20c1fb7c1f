"""What a device's facts, its sensors, an attempt's own figures say of why a scheme is slower or faster."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from orchestrator.analysis.anatomy import anatomy
from orchestrator.analysis.finding import Finding, Missing
from orchestrator.analysis.verdicts.device import FREQUENCY
from orchestrator.domain.units import format_bytes, format_ns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from orchestrator.domain.artifact import Artifact
    from orchestrator.domain.result import Measurement
    from orchestrator.store.rows import ResultRow

#: Instructions by what they do, as facts name them, on x86 and on ARM.
INT8_DOT = {"x86": ("amx_int8", "avx512_vnni", "avx_vnni"), "ARM": ("i8mm", "asimddp")}
FLOAT16 = {"x86": ("avx512_fp16",), "ARM": ("asimdhp",)}
#: What people call them.
NAMES = {
    "amx_int8": "AMX (amx_int8)",
    "avx512_vnni": "VNNI (avx512_vnni)",
    "avx_vnni": "VNNI (avx_vnni)",
    "asimddp": "dotprod (asimddp)",
    "i8mm": "i8mm",
    "avx512_fp16": "avx512_fp16",
    "asimdhp": "asimdhp",
}
#: Verdicts' reasons that are about the device, each of which may make one side of a comparison slower.
OF_THE_DEVICE = (
    *("throttled", "too-warm", "frequency-changed", "governor", "on-battery", "emulated", "software-gpu"),
    *("other-load", "steal", "cpu-quota", "swapped", "memory-short", "mixed-cores", "drift", "not-warmed-up"),
    *("more-threads-than-cores", "threads-not-effective", "delegate-not-effective"),
)
#: Keys of a reading that show a processor slowing down.
_SLOWING = ("frequency_hz", "temperature_c", "throttled", "cooling")
#: The evidence of what both sides' attempts say.
_BOTH = "attempts of both"
#: A difference of peak memory that is worth a sentence, as a share.
_MEMORY = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of two results with what is stored of it."""

    row: ResultRow
    attempts: tuple[Measurement, ...]
    artifact: Artifact | None

    @property
    def evidence(self) -> str:
        """Where its attempts are."""
        return f"attempts of {self.row.scheme}"


def findings(a: Side, b: Side, facts: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield what is known beside operators of why B differs from A."""
    of_facts = f"facts of {b.row.device}"
    yield from _instructions(b.row, facts, of_facts)
    yield from _threads(a, b)
    yield from _reasons(a, b)
    yield from _steady(a, b)
    yield from _clock(a, b)
    yield from _memory(a, b, facts, of_facts)
    yield from _start(b)


def missing(a: Side, b: Side, facts: Mapping[str, Any]) -> Iterator[Missing]:
    """Yield what nothing is known about."""
    device = b.row.device
    if not isinstance(facts.get("features"), list | tuple) or _architecture(facts) is None:
        yield Missing(what=f"which instructions the processor of {device} has", command=f"farm devices check {device}")
    measured = all(any(attempt.error is None for attempt in side.attempts) for side in (a, b))
    if measured and not _sensors(a, b) and not _slowed(a, b):
        yield Missing(
            what=f"whether the processor slowed down: {device} has no sensor of its frequency, heat or throttling",
            command=f"farm devices show {device}",
        )


def _instructions(row: ResultRow, facts: Mapping[str, Any], evidence: str) -> Iterator[Finding]:
    architecture, features = _architecture(facts), facts.get("features")
    if architecture is None or not isinstance(features, list | tuple):
        return
    scheme = row.scheme
    if "int8" in scheme or scheme == "dynamic":
        what, wanted = "int8 dot products", INT8_DOT[architecture]
    elif scheme == "float16":
        what, wanted = "arithmetic in float16", FLOAT16[architecture]
    else:
        return
    present = [NAMES[name] for name in wanted if name in features]
    if present:
        sentence = f"the processor has instructions for {what}: {', '.join(present)}; a lack of them is no cause"
    else:
        sought = " or ".join(NAMES[name] for name in wanted)
        sentence = f"the processor has no instructions for {what} ({sought}): {scheme} has to do without"
    yield Finding(kind="instructions", sentence=sentence, evidence=evidence)


def _architecture(facts: Mapping[str, Any]) -> str | None:
    machine = str(facts.get("machine", ""))
    if machine in ("x86_64", "AMD64", "i686", "i386"):
        return "x86"
    return "ARM" if machine.startswith(("aarch64", "arm")) else None


def _threads(a: Side, b: Side) -> Iterator[Finding]:
    counts = [_effective_threads(side.attempts) for side in (a, b)]
    if None in counts:
        return
    if counts[0] == counts[1]:
        words = f"both ran with {counts[1]} thread{'' if counts[1] == 1 else 's'} in force, {b.row.threads} requested"
    else:
        words = f"{b.row.scheme} ran with {counts[1]} threads in force, {a.row.scheme} with {counts[0]}"
    yield Finding(kind="threads", sentence=words, evidence=_BOTH)


def _effective_threads(attempts: Sequence[Measurement]) -> int | None:
    counts = [(attempt.effective or {}).get("threads") for attempt in attempts if attempt.error is None]
    return next((count for count in counts if isinstance(count, int)), None)


def _slowed(a: Side, b: Side) -> list[tuple[Side, str]]:
    return [
        (side, reason["message"]) for side in (b, a) for reason in side.row.reasons if reason["code"] in OF_THE_DEVICE
    ]


def _reasons(a: Side, b: Side) -> Iterator[Finding]:
    """Name what verdicts found wrong with the device, once where it is true of both."""
    slowed = _slowed(a, b)
    for side, message in slowed:
        others = [other for other, words in slowed if words == message and other is not side]
        if others and side is a:
            continue
        who = "both" if others else side.row.scheme
        yield Finding(kind="device", sentence=f"{who}: {message}", evidence=f"verdict of {side.row.scheme}")


def _sensors(a: Side, b: Side) -> list[str]:
    """Return the kinds of readings, present on both sides, that show a processor slowing down."""
    seen = [{key for attempt in side.attempts for reading in attempt.readings for key in reading} for side in (a, b)]
    return [key for key in _SLOWING if all(key in keys for keys in seen)]


def _steady(a: Side, b: Side) -> Iterator[Finding]:
    sensors = _sensors(a, b)
    if sensors and not _slowed(a, b):
        names = ", ".join(name.rpartition("_")[0] or name for name in sensors)
        yield Finding(
            kind="device",
            sentence=f"nothing slowed the device down during either, by its sensors ({names})",
            evidence=f"readings of {_BOTH}",
        )


def _clock(a: Side, b: Side) -> Iterator[Finding]:
    """Say which frequency the processor had during each, where its sensor shows one."""
    ours, theirs = _frequency_hz(b.attempts), _frequency_hz(a.attempts)
    if ours is None or theirs is None:
        return
    if abs(ours / theirs - 1) < FREQUENCY:
        words = f"the processor ran at {ours / 1e9:.2f} GHz during {b.row.scheme}, {theirs / 1e9:.2f} GHz during {a.row.scheme}"
        words += ": its clock is no cause"
    else:
        words = f"the processor ran at {ours / 1e9:.2f} GHz during {b.row.scheme}, but {theirs / 1e9:.2f} GHz during {a.row.scheme}"
    yield Finding(kind="clock", sentence=words, evidence=f"readings of {_BOTH}")


def _frequency_hz(attempts: Sequence[Measurement]) -> float | None:
    """Return the median frequency while attempts ran; the first reading of each is of an idle device."""
    hertz = [
        float(reading["frequency_hz"])
        for attempt in attempts
        for reading in attempt.readings[1:]
        if reading.get("frequency_hz")
    ]
    return median(hertz) if hertz else None


def _memory(a: Side, b: Side, facts: Mapping[str, Any], of_facts: str) -> Iterator[Finding]:
    ours, theirs = _peak_bytes(b.attempts), _peak_bytes(a.attempts)
    if ours and theirs and abs(ours / theirs - 1) >= _MEMORY:
        yield Finding(
            kind="memory",
            sentence=f"at its peak {b.row.scheme} took {format_bytes(ours)} of memory, {a.row.scheme} {format_bytes(theirs)}",
            evidence=_BOTH,
        )
    caches = facts.get("caches")
    sizes = [side.row.size_bytes for side in (b, a)]
    if not isinstance(caches, dict) or sizes[0] is None or sizes[1] is None:
        return
    for name in ("L2", "L3"):
        room = caches.get(name)
        if isinstance(room, int) and room > 0 and (sizes[0] <= room) != (sizes[1] <= room):
            fits, not_ = (b, a) if sizes[0] <= room else (a, b)
            yield Finding(
                kind="memory",
                sentence=(
                    f"the file of {fits.row.scheme} ({format_bytes(fits.row.size_bytes or 0)}) is smaller than the {name} "
                    f"cache ({format_bytes(room)}), that of {not_.row.scheme} ({format_bytes(not_.row.size_bytes or 0)}) is not"
                ),
                evidence=f"{of_facts}; artifacts",
            )


def _peak_bytes(attempts: Sequence[Measurement]) -> int:
    return max((attempt.peak_rss_bytes or 0 for attempt in attempts if attempt.error is None), default=0)


def _start(b: Side) -> Iterator[Finding]:
    """Say what a GPU's start and each of its launches take; other runtimes have neither."""
    parts = anatomy(b.attempts)
    if parts.context_ns:
        yield Finding(
            kind="start",
            sentence=f"starting the GPU took {format_ns(parts.context_ns)}, once for each process, in no invocation",
            evidence=b.evidence,
        )
    if parts.launch_ns and parts.steady_ns:
        yield Finding(
            kind="start",
            sentence=(
                f"a graph of one node takes {format_ns(parts.launch_ns)} on the GPU, "
                f"{parts.launch_ns / parts.steady_ns * 100:.0f} % of an invocation of {b.row.scheme}"
            ),
            evidence=b.evidence,
        )


def accuracy(a: Side, b: Side) -> Iterator[Finding]:
    """Yield what is known of why B is less, or more, accurate than A: the file itself, or the device."""
    if b.row.auc_mean is None:
        return
    checks = [_mean_difference(side.artifact) for side in (b, a)]
    if checks[0] is not None:
        other = "" if checks[1] is None else f", that of {a.row.scheme} {checks[1]:.2g}"
        yield Finding(
            kind="accuracy",
            sentence=f"when it was built, the file of {b.row.scheme} was off the model's own scores by {checks[0]:.2g} on average{other}",
            evidence=f"checks of artifact {str(b.row.artifact)[:8]}",
        )
    apart = [attempt.golden_mean_difference for attempt in b.attempts if attempt.golden_mean_difference is not None]
    if apart and "golden-check-failed" not in {reason["code"] for reason in b.row.reasons}:
        yield Finding(
            kind="accuracy",
            sentence=(
                f"on {b.row.device} it is off the controller's scores of the same file by {max(apart):.2g} on average: "
                "within the bound of the golden check, so that the device computes what the file says"
            ),
            evidence=f"golden images in {b.evidence}",
        )
    for reason in b.row.reasons:
        if reason["code"] in ("golden-check-failed", "auc-differs", "accuracy-lost", "constant-scores"):
            yield Finding(kind="accuracy", sentence=reason["message"], evidence=f"verdict of {b.row.scheme}")


def _mean_difference(artifact: Artifact | None) -> float | None:
    value = artifact.checks.get("mean_abs_difference") if artifact is not None else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
