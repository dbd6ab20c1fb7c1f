"""Latencies in the JSON of other benchmark programs."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.domain.case import Case
from orchestrator.domain.units import NS_PER_MS, NS_PER_S
from orchestrator.errors import UsageError, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.domain.result import Measurement
    from orchestrator.store.queries import Queries
    from orchestrator.store.rows import ResultRow

#: Marks that pyperf's readers need: the form of its file.
_PYPERF_VERSION = "1.0"
_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedCase:
    """A result of latency with its attempts that have samples."""

    row: ResultRow
    attempts: tuple[Measurement, ...]
    facts: Mapping[str, Any]

    def times_ns(self) -> NDArray[np.float64]:
        """Return the samples of all attempts in order, ns an invocation."""
        import numpy as np

        return np.concatenate([attempt.per_invocation_ns for attempt in self.attempts])


def timed_cases(rows: Iterable[ResultRow], store: Queries) -> tuple[TimedCase, ...]:
    """Return the ``rows`` that have samples of single invocations; throughput and pruned samples have none.

    Raises `UsageError` where none is left: other programs take no empty file.
    """
    cases = []
    for row in rows:
        attempts = () if row.interpreters else store.measurements(row.run, Case.parse(row.case))
        with_samples = tuple(attempt for attempt in attempts if attempt.error is None and attempt.latency_ns)
        if with_samples:
            cases.append(TimedCase(row=row, attempts=with_samples, facts=store.facts(row.run, row.device)))
    if not cases:
        raise UsageError("no result has latencies to export", hint="farm results list shows what there is")
    return tuple(cases)


def litert(cases: Sequence[TimedCase]) -> str:
    """Return a list with an object for each case as LiteRT's ``benchmark_litert_model --result_json`` writes one.

    Throughput in MB/s is null: the bytes of an input are not stored. What farm knows beyond it is under ``farm``.
    """
    return _text([_litert(each) for each in cases])


def google_benchmark(cases: Sequence[TimedCase]) -> str:
    """Return Google Benchmark's JSON: an iteration for each attempt, then mean, median, stddev over them.

    ``cpu_time`` repeats ``real_time``, which programs expect: farm times by the wall.
    """
    newest = max(cases, key=lambda each: each.row.measured_at)
    context = {
        "date": newest.row.measured_at.isoformat(),
        "executable": "farm",
        "library_build_type": "release",
        "caches": [],
        "json_schema_version": 1,
    }
    hosts = sorted({each.row.device for each in cases})
    if len(hosts) == 1:
        context |= {"host_name": hosts[0], "num_cpus": newest.facts.get("cores"), "cpu_scaling_enabled": None}
    return _text({"context": context, "benchmarks": [entry for each in cases for entry in _google(each)]})


def pyperf(cases: Sequence[TimedCase]) -> str:
    """Return a suite that ``pyperf`` reads: a benchmark for each case, a run for each attempt, seconds an invocation.

    A sample of 0 ns, from a clock too coarse for the runtime, is left out: pyperf takes none.
    """
    benchmarks = [_pyperf(each) for each in cases]
    return _text({"version": _PYPERF_VERSION, "benchmarks": [each for each in benchmarks if each["runs"]]})


#: Name of a format -> what writes it.
WRITERS: Mapping[str, Callable[[Sequence[TimedCase]], str]] = {
    "litert": litert,
    "google-benchmark": google_benchmark,
    "pyperf": pyperf,
}


def _litert(case: TimedCase) -> dict[str, Any]:
    import numpy as np

    row, times = case.row, case.times_ns() / NS_PER_MS
    warmups = [value / NS_PER_MS for attempt in case.attempts for value in attempt.warmup_ns.array().tolist()]
    effective = case.attempts[0].effective or {}
    nodes, delegated = effective.get("nodes"), effective.get("delegated_nodes")
    return {
        "model": f"{row.model}-{row.scheme}.tflite",
        "model_size_mb": None if row.size_bytes is None else round(row.size_bytes / _MIB, 2),
        "accelerators": ["GPU" if "gpu" in row.runtime else "CPU"],
        "signature": None,
        "fully_accelerated": None if nodes is None or delegated is None else nodes == delegated,
        "num_threads": row.threads,
        "latency": {
            "init_ms": _median_ms(attempt.load_ns for attempt in case.attempts),
            "warmup_first_ms": _median_ms(attempt.first_ns for attempt in case.attempts),
            "warmup_avg_ms": statistics.mean(warmups) if warmups else 0,
            "num_warmup_runs": len(warmups),
            "avg_ms": float(times.mean()),
            "min_ms": float(times.min()),
            "max_ms": float(times.max()),
            "median_ms": float(np.median(times)),
            "std_ms": float(times.std(ddof=1)) if len(times) > 1 else 0,
            "p5_ms": float(np.percentile(times, 5)),
            "p95_ms": float(np.percentile(times, 95)),
            "num_runs": len(times),
        },
        "throughput_mb_s": None,
        "farm": {
            **{name: getattr(row, name) for name in ("case", "run", "device", "scheme", "runtime", "batch", "effort")},
            **{name: getattr(row, name) for name in ("artifact", "verdict", "dataset", "auc_mean")},
            "attempts": len(case.attempts),
            "measured_at": row.measured_at.isoformat(),
        },
    }


def _median_ms(values: Iterable[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) / NS_PER_MS if known else None


def _google(case: TimedCase) -> list[dict[str, Any]]:
    row, count = case.row, len(case.attempts)
    common = {"name": row.case, "run_name": row.case, "repetitions": count, "threads": row.threads}
    means = [float(attempt.per_invocation_ns.mean()) for attempt in case.attempts]
    entries: list[dict[str, Any]] = [
        common
        | {"run_type": "iteration", "repetition_index": index}
        | {"iterations": len(attempt.latency_ns) * attempt.invocations_per_sample}
        | _times(mean)
        for index, (attempt, mean) in enumerate(zip(case.attempts, means, strict=True))
    ]
    if count > 1:
        aggregates = {
            "mean": statistics.mean(means),
            "median": statistics.median(means),
            "stddev": statistics.stdev(means),
        }
        entries += [
            common
            | {"name": f"{row.case}_{name}", "run_type": "aggregate", "aggregate_name": name, "aggregate_unit": "time"}
            | {"iterations": count}
            | _times(value)
            for name, value in aggregates.items()
        ]
    return entries


def _times(ns: float) -> dict[str, Any]:
    return {"real_time": ns, "cpu_time": ns, "time_unit": "ns"}


def _pyperf(case: TimedCase) -> dict[str, Any]:
    row = case.row
    common = {
        "name": row.case,
        "unit": "second",
        "hostname": row.device,
        "cpu_model_name": case.facts.get("cpu_model"),
        "farm_run": row.run,
        "farm_verdict": row.verdict,
        "farm_effort": row.effort,
        "farm_artifact": row.artifact,
    }
    runs = []
    for attempt in case.attempts:
        values = [value / NS_PER_S for value in attempt.per_invocation_ns.tolist() if value > 0]
        own = {
            "date": attempt.started_at.strftime("%Y-%m-%d %H:%M:%S.%f"),
            "duration": attempt.wall_ns / NS_PER_S,
            "loops": attempt.invocations_per_sample,
            "mem_max_rss": attempt.peak_rss_bytes,
            **{f"{name}_version": text for name, text in (attempt.versions or {}).items() if isinstance(text, str)},
        }
        if values:
            warmups = [[1, value / NS_PER_S] for value in attempt.warmup_ns.array().tolist()]
            runs.append({"values": values, "warmups": warmups, "metadata": _metadata(own)})
    return {"metadata": _metadata(common), "runs": runs}


def _metadata(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that there are; pyperf takes no empty text, and none of several lines."""
    clean = {
        key: " ".join(printable(value).split()) if isinstance(value, str) else value for key, value in values.items()
    }
    return {key: value for key, value in clean.items() if value not in (None, "")}


def _text(content: Any) -> str:
    return json.dumps(content, indent=2, allow_nan=False) + "\n"
