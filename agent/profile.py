"""Time the operators of an artifact by the profiler of its runtime."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import statistics
import sys
import time
from importlib import metadata
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional

from agent import profile_litert
from agent.profile_litert import NoProfiler, Profiler, ProfilerFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.profile_litert import Ran

#: Warm-up, invocations with the profiler off, invocations with it on: each ends after so many, or so long.
_MOST, _SECONDS, _LEAST = 200, 2.0, 5
#: Of all invocations together: what a record may hold, and far below what LiteRT's buffer does.
_MOST_EVENTS = 200_000
#: An invocation that took longer than this many medians was interrupted.
_INTERRUPTED = 2.0
#: Of one invocation; a graph of more is none of ours.
MOST_OPERATORS = 10_000
#: Operators are distinct moments of one thread: together they take no more than their invocation, but for clocks.
_SLACK = 1.02
_US = 1000


class _How(NamedTuple):
    """A runtime's package with what is profiled of it."""

    package: str
    distribution: str
    libraries: tuple[str, ...]
    kernels: int = profile_litert.WITH_DELEGATE
    #: The oldest version that has the calls as we make them.
    since: tuple[int, int] = (0, 0)


_LITERT = _How("ai_edge_litert", "ai-edge-litert", ("libLiteRt.so", "libLiteRt.dylib"), since=(2, 2))
_RUNTIMES = {
    "litert": _LITERT,
    "litert-compiled": _LITERT,
    "litert-builtin": _LITERT._replace(kernels=profile_litert.BUILTIN),
    "tflite": _How("tflite_runtime", "tflite-runtime", ("_pywrap_tensorflow_interpreter_wrapper.so",)),
}


def profile(path: str, runtime: str, threads: int) -> dict[str, Any]:
    """Return the fields of `ProfileDone` that only the worker knows: operators with times, or why there are none."""
    how = _RUNTIMES.get(runtime)
    if how is None:
        names = ", ".join(sorted(name for name, known in _RUNTIMES.items() if known.since != (0, 0)))
        return _without("runtime %s has no profiler that farm can ask; %s have one" % (runtime, names))
    versions = {"python": "%d.%d.%d" % sys.version_info[:3], how.distribution: _version(how.distribution)}
    try:
        fields = _checked(_library(how, versions[how.distribution]), path, threads, how.kernels)
    except NoProfiler as error:
        return _without("%s %s: %s" % (how.distribution, versions[how.distribution], error))
    except ProfilerFailed as error:
        return {"error": "%s %s: %s" % (how.distribution, versions[how.distribution], error)}
    return {**fields, "versions": versions}


def _checked(library: ctypes.CDLL, path: str, threads: int, kernels: int) -> dict[str, Any]:
    """Return the operators with their times; raises `NoProfiler` where an option was not obeyed, which is no error to LiteRT."""
    before = _threads()
    profiler = Profiler(library, path, threads, kernels)
    _repeat(profiler.invocation(), _MOST)
    expect_threads(before, _threads(), threads)
    fields = _time(profiler)
    if kernels == profile_litert.BUILTIN and any(each["delegate"] for each in fields["operators"]):
        raise NoProfiler("it used a delegate, which the runtime does without")
    return fields


def _without(why: str) -> dict[str, Any]:
    return {"error": why, "unsupported": True}


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "unknown"


def _library(how: _How, version: str) -> ctypes.CDLL:
    """Return the runtime's library; raises `NoProfiler` where it has no C API with a profiler."""
    spec = importlib.util.find_spec(how.package)
    folders = list(spec.submodule_search_locations or ()) if spec else []
    paths = [os.path.join(folder, name) for folder in folders for name in how.libraries]
    path = next((path for path in paths if os.path.exists(path)), None)
    if path is None:
        raise NoProfiler("it brings no library with a C API")
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if len(numbers) == 2 and numbers < how.since:
        raise NoProfiler("its profiler is asked from version %d.%d on" % how.since)
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        raise NoProfiler("its library can't be loaded: %s" % error) from error
    if not all(hasattr(library, name) for name in profile_litert.NEEDED):
        raise NoProfiler("its library exports no profiler")
    return library


def _threads() -> Optional[int]:
    try:
        return len(os.listdir("/proc/self/task"))
    except FileNotFoundError:  # macOS
        return None


def expect_threads(before: Optional[int], after: Optional[int], wanted: int) -> None:
    """Raise `NoProfiler` where the runtime added another number of threads than ``wanted`` less one."""
    if before is not None and after is not None and 1 + after - before != wanted:
        raise NoProfiler("threads in force are %d, not %d: profile that number" % (1 + after - before, wanted))


def _time(profiler: Profiler) -> dict[str, Any]:
    invoke = profiler.invocation()
    quiet_ns = _repeat(invoke, _MOST)
    profiler.start()
    invoke()
    profiler.stop()
    once = len(profiler.events())
    if not 0 < once <= MOST_OPERATORS:
        raise ProfilerFailed("an invocation ran %d operators" % once)
    profiler.start()
    spans_ns = _repeat(invoke, max(1, min(_MOST, _MOST_EVENTS // once)))
    profiler.stop()
    runs = split(profiler.events(), len(spans_ns))
    return {**account(runs, spans_ns, profiler.types), "quiet_ns": int(statistics.median(quiet_ns))}


def _repeat(invoke: Callable[[], None], most: int) -> list[int]:
    """Invoke until it is enough; return the nanoseconds of each invocation."""
    spans_ns: list[int] = []
    until = time.perf_counter_ns() + int(_SECONDS * 1e9)
    while len(spans_ns) < min(_LEAST, most) or (len(spans_ns) < most and time.perf_counter_ns() < until):
        began = time.perf_counter_ns()
        invoke()
        spans_ns.append(time.perf_counter_ns() - began)
    return spans_ns


def split(ran: Sequence[Ran], invocations: int) -> list[Sequence[Ran]]:
    """Return the operators of each invocation; raises `ProfilerFailed` where they are not the same ones each time."""
    count = len(ran) // invocations
    runs = [ran[place : place + count] for place in range(0, count * invocations, count or 1)]
    if not count or len(ran) % invocations or any(_names(run) != _names(runs[0]) for run in runs):
        raise ProfilerFailed("%d invocations did not run the same operators each: %d in all" % (invocations, len(ran)))
    return runs


def _names(run: Sequence[Ran]) -> list[tuple[str, bool, int, int]]:
    return [each[:4] for each in run]


def account(runs: Sequence[Sequence[Ran]], spans_ns: Sequence[int], types: Callable[[int, int], str]) -> dict[str, Any]:
    """Return what the operators of ``runs`` took of their invocations' ``spans_ns``, interrupted ones left out.

    Raises `ProfilerFailed` where operators take longer than the invocation that ran them.
    """
    limit_ns = _INTERRUPTED * statistics.median(spans_ns)
    kept = [place for place, span_ns in enumerate(spans_ns) if span_ns <= limit_ns]
    total_ns = sum(spans_ns[place] for place in kept)
    counted_ns = 0
    operators = []
    for number, first in enumerate(runs[0]):
        took_us = [runs[place][number].elapsed_us for place in kept]
        counted_ns += sum(took_us) * _US
        operators.append(
            {
                "kind": first.kind,
                "types": types_in(first.kind) if first.delegated else types(first.graph, first.number),
                "delegate": "xnnpack" if first.delegated else None,
                "median_ns": int(statistics.median(took_us) * _US),
                "total_ns": sum(took_us) * _US,
            }
        )
    if counted_ns > total_ns * _SLACK:
        raise ProfilerFailed("its operators take %d ns of invocations of %d ns" % (counted_ns, total_ns))
    return {
        "invocations": len(kept),
        "interrupted": len(spans_ns) - len(kept),
        "total_ns": total_ns,
        "operators": operators,
    }


def types_in(kernel: str) -> str:
    """Return the types in the name of a kernel of XNNPACK: ``QS8, QC8W`` of ``Fully Connected (NC, QS8, QC8W) GEMM``."""
    inside: Optional[str] = kernel.partition("(")[2].partition(")")[0]
    words = [word.strip() for word in (inside or "").split(",")]
    return ", ".join(word for word in words if any(letter.isdigit() for letter in word))
