"""Fill a results database with invented measurements, quickly; `benchmarks/store.py` times queries of it."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.store import case_links, engine, migrate, schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection, Engine

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SCHEMES = {"float32": 1.0, "float16": 1.02, "dynamic": 0.8, "int8": 0.5}
SIZES = (1, 2, 4, 8, 16)
#: Of threads and batch: with the schemes 100 cases a device.
SETTINGS = tuple(itertools.product(SIZES, SIZES))
SAMPLES = 40
VERSIONS = json.dumps({"python": "3.11.7", "numpy": "2.4.6", "ai-edge-litert": "2.3.0"})
REQUESTED = json.dumps({"threads": 1, "delegate": None})
EFFECTIVE = json.dumps({"threads": 1, "delegate": "xnnpack", "nodes": 10, "delegated_nodes": 10, "warmed_up": True})
READINGS = json.dumps(
    [
        {"mono_ns": at * 10**9, "governor": "performance", "temperature_c": 50.0 + at, "freq_khz": 1800000}
        for at in (0, 1)
    ]
)
WARN = json.dumps(
    [{"verdict": "WARN", "code": "got-slower", "message": "1 attempt got slower", "advice": "let it cool"}]
)
INVALID = json.dumps([{"verdict": "INVALID", "code": "throttled", "message": "throttled", "advice": "let it cool"}])


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is stored."""

    devices: int
    runs: int
    attempts: int

    @property
    def cases(self) -> int:
        """Cases of one run."""
        return self.devices * len(SETTINGS) * len(SCHEMES)

    @property
    def attempts_in_all(self) -> int:
        """Attempts of all runs, without those of the two runs of one device."""
        return self.cases * self.runs * self.attempts


SMALL = Size(devices=2, runs=3, attempts=5)
BIG = Size(devices=100, runs=10, attempts=10)


def fill(url: str, size: Size, seed: int = 0) -> None:
    """Make the schema in the empty database at ``url``, and store ``size`` there, with two more runs of the first device."""
    opened = engine.connect(url)
    migrate.ensure(opened)
    draw = np.random.default_rng(seed)
    with opened.connect().execution_options(writes=True) as connection, connection.begin():
        _insert(connection, schema.Device, _devices(size))
        _insert(connection, schema.Artifact, _artifacts())
        _insert(connection, schema.Case, _cases(size))
    runs = [(f"run-{number:03}", size.devices) for number in range(size.runs)] + [("small-1", 1), ("small-2", 1)]
    for number, (run, devices) in enumerate(runs):
        at = BEGIN + timedelta(days=number)
        with opened.connect().execution_options(writes=True) as connection, connection.begin():
            _insert(connection, schema.Run, [_run(run, at)])
            _insert(connection, schema.DeviceFacts, _facts(run, devices, at))
            _insert(connection, schema.Scores, _scores(run, devices))
            _measured(connection, run, devices * 100, size.attempts, at=at, draw=draw)
    _derive(opened)
    opened.dispose()


def _derive(opened: Engine) -> None:
    """Choose the results that count, and bring the statistics up to date, as a server does by itself after a while."""
    with opened.connect().execution_options(writes=True) as connection, connection.begin():
        case_links.choose_current(connection, schema.RunCase.judged_at.is_not(None))
        if opened.dialect.name == "postgresql":  # which counts no ids that it is given
            connection.exec_driver_sql("SELECT setval(pg_get_serial_sequence('cases', 'id'), max(id)) FROM cases")
    with opened.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


def _devices(size: Size) -> Iterator[dict[str, Any]]:
    for number in range(size.devices):
        facts = {"cores": 4, "hardware_key": f"key-{number}", "machine": "aarch64", "memory_bytes": 4 << 30}
        yield {
            "name": _device(number),
            "entry": json.dumps({"name": _device(number)}),
            "last_seen_at": BEGIN,
            "facts": json.dumps(facts),
        }


def _device(number: int) -> str:
    return f"pi{number:03}"


def _facts(run: str, devices: int, at: datetime) -> Iterator[dict[str, Any]]:
    for number in range(devices):
        yield {
            "run": run,
            "device": _device(number),
            "at": at,
            "facts": json.dumps({"cores": 4, "hardware_key": f"key-{number}", "governor": "performance"}),
        }


def _artifacts() -> Iterator[dict[str, Any]]:
    preprocess = json.dumps({"height": 48, "width": 48, "channels": 1, "mean": [0], "std": [1]})
    for place, scheme in enumerate(SCHEMES):
        for batch in SIZES:
            yield {
                "sha256": f"{scheme}-{batch}",
                "size_bytes": 160_000 // (place + 1),
                "model": "tiny-cxr",
                "scheme": scheme,
                "batch": batch,
                "preprocess": preprocess,
                "recipe": "{}",
                "checks": "{}",
                "golden": None,
            }


def _cases(size: Size) -> Iterator[dict[str, Any]]:
    every = itertools.product(range(size.devices), SETTINGS, SCHEMES)
    for number, (device, (threads, batch), scheme) in enumerate(every, 1):
        yield {
            "id": number,
            "device": _device(device),
            "model": "tiny-cxr",
            "scheme": scheme,
            "runtime": "litert",
            "threads": threads,
            "batch": batch,
            "interpreters": 0,
        }


def _run(run: str, at: datetime) -> dict[str, Any]:
    return {
        "id": run,
        "started_at": at,
        "ended_at": at + timedelta(hours=6),
        "suite": json.dumps({"models": ["tiny-cxr"]}),
        "seed": 0,
        "effort": "standard",
        "dataset": "phantom",
        "synthetic": True,
        "farm_version": "0",
        "exit_status": 0,
    }


def _scores(run: str, devices: int) -> Iterator[dict[str, Any]]:
    data = np.linspace(0, 1, 200, dtype="<f4").tobytes()
    for device, scheme, batch in itertools.product(range(devices), SCHEMES, SIZES):
        yield {
            "id": f"{run}/{device}/{scheme}/{batch}",
            "run": run,
            "device": _device(device),
            "model": "tiny-cxr",
            "scheme": scheme,
            "runtime": "litert",
            "batch": batch,
            "artifact": f"{scheme}-{batch}",
            "pixels_sha256": "p" * 64,
            "labels_sha256": "l" * 64,
            "wall_ns": 10**9,
            "error": None,
            "images": 200,
            "class_count": 1,
            "scores": data,
            "classes": '["Nodule"]',
            "device_auc": "[0.9]",
            "auc": "[0.9]",
            "auc_error": 0.01,
        }


def _measured(
    connection: Connection, run: str, cases: int, attempts: int, *, at: datetime, draw: np.random.Generator
) -> None:
    """Store the attempts of the first ``cases`` cases of a run and what they were judged."""
    tables: dict[Any, list[dict[str, Any]]] = {
        table: [] for table in (schema.Attempt, schema.Samples, schema.RunCase, schema.Metric)
    }
    for number in range(1, cases + 1):
        _of_case(tables, run, number=number, attempts=attempts, at=at + timedelta(seconds=number), draw=draw)
        if number % 500 == 0 or number == cases:
            for table, rows in tables.items():
                _insert(connection, table, rows)
                rows.clear()


def _of_case(
    tables: dict[Any, list[dict[str, Any]]],
    run: str,
    *,
    number: int,
    attempts: int,
    at: datetime,
    draw: np.random.Generator,
) -> None:
    place = (number - 1) % len(SCHEMES)
    scheme = tuple(SCHEMES)[place]
    threads, batch = SETTINGS[(number - 1) // len(SCHEMES) % len(SETTINGS)]
    typical_ns = 2e7 * SCHEMES[scheme] * batch / threads
    drawn = typical_ns * np.exp(draw.normal(0, 0.02, (attempts, 1)) + np.abs(draw.normal(0, 0.01, (attempts, SAMPLES))))
    samples = drawn.astype("<i8")
    p10, p50, p90, p99 = np.quantile(samples, (0.1, 0.5, 0.9, 0.99), axis=1)
    for index in range(attempts):
        attempt = f"{run}/{number}/{index + 1}"
        tables[schema.Attempt].append(
            {
                "id": attempt,
                "run": run,
                "case_id": number,
                "number": index + 1,
                "artifact": f"{scheme}-{batch}",
                "started_at": at,
                "ended_at": at,
                "wall_ns": 10**9,
                "error": None,
                "unloadable": False,
                "import_ns": 10**8,
                "context_ns": None,
                "load_ns": 5_000_000,
                "first_ns": int(samples[index, 0]),
                "invocations_per_sample": 1,
                "span_ns": int(samples[index].sum()),
                "feed_ns": 1000,
                "read_ns": 1000,
                "clock_ns": 50,
                "loop_ns": 200,
                "peak_rss_bytes": 50_000_000,
                "readings": READINGS,
                "requested": REQUESTED,
                "effective": EFFECTIVE,
                "versions": VERSIONS,
                "golden_max_difference": 0.0,
                "golden_mean_difference": 0.0,
                "p10_ns": float(p10[index]),
                "p50_ns": float(p50[index]),
                "count": SAMPLES,
            }
        )
        for kind, data in (("warmup", samples[index, :2]), ("latency", samples[index])):
            tables[schema.Samples].append(
                {"attempt": attempt, "kind": kind, "count": len(data), "data": data.tobytes()}
            )
    verdict = ("VALID", "WARN", "INVALID")[int(np.searchsorted((0.9, 0.98), draw.random()))]
    tables[schema.RunCase].append(
        {
            "run": run,
            "case_id": number,
            "skipped": None,
            "judged_at": at,
            "artifact": f"{scheme}-{batch}",
            "attempts": attempts,
            "samples": attempts * SAMPLES,
            "verdict": verdict,
            "reasons": {"VALID": "[]", "WARN": WARN, "INVALID": INVALID}[verdict],
            "baseline_case_id": number - place,
            "is_current": False,
        }
    )
    middle = float(np.median(p50))
    figures = {
        "p50_ns": middle,
        "p50_low_ns": middle * 0.99,
        "p50_high_ns": middle * 1.01,
        "p90_ns": float(np.median(p90)),
        "p90_low_ns": middle,
        "p90_high_ns": middle * 1.05,
        "p95_ns": float(np.median(p99)),
        "p99_ns": float(np.median(p99)),
        "auc_mean": 0.9 - place * 0.001,
        "auc_low": 0.88,
        "auc_high": 0.92,
        "invocations_per_sample": 1.0,
        "outliers_low": 0.0,
        "outliers_mild": 1.0,
        "outliers_severe": 0.0,
        "energy_j": 0.01,
        "energy_idle_j": 0.004,
        "load_ns": 5e6,
        "first_ns": float(np.median(samples[:, 0])),
        "import_ns": 1e8,
        "peak_rss_bytes": 5e7,
    }
    for name, value in figures.items():
        tables[schema.Metric].append({"run": run, "case_id": number, "name": name, "value": value})


def _insert(connection: Connection, model: type[schema.Base], rows: Iterable[dict[str, Any]]) -> None:
    """Insert rows by the driver's own quickest way; keys that the table lacks are left out."""
    rows = list(rows)
    if not rows:
        return
    table = model.__table__
    columns = [name for name in rows[0] if name in table.columns]
    values = [tuple(_plain(row[name], connection.dialect.name) for name in columns) for row in rows]
    driver: Any = connection.connection.driver_connection
    names = ", ".join(f'"{name}"' for name in columns)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        driver.executemany(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", values)  # noqa: S608
        return
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
        _copy(copy, values)


def _copy(copy: Any, rows: Sequence[tuple[Any, ...]]) -> None:
    for row in rows:
        copy.write_row(row)


def _plain(value: Any, dialect: str) -> Any:
    if dialect == "sqlite" and isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.%f")
    return value
