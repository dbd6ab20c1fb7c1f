#!/usr/bin/env python3
"""What farm costs beside the measuring itself: prints, from one run, the figures that the docs quote.

    .venv/bin/python benchmarks/overhead.py [--effort standard] [--markdown]

- the time of `farm run` against the sum of its workers' own time (first run: builds too; second run: unchanged)
- bytes and blobs pushed by the first and by the unchanged second run
- the time of `farm --help` against `python -c pass`
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FARM = [sys.executable, "-m", "orchestrator.cli.main"]
AIMS = {"overhead": 1.15, "blobs": 0, "help": 10.0}


def timed(argv: list[str], **settings: object) -> float:
    begin = time.perf_counter()
    subprocess.run(argv, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **settings)
    return time.perf_counter() - begin


def run_once(home: Path, effort: str) -> dict[str, float]:
    environment = os.environ | {"HOME": str(home)}  # an agent's work directory of its own: a first push is a first push
    wall_s = timed([*FARM, "run", "--models", "tiny-cxr", "--effort", effort], cwd=home, env=environment)
    with sqlite3.connect(home / "farm.db") as store:
        (run,) = store.execute("SELECT id FROM runs ORDER BY started_at DESC LIMIT 1").fetchone()
        workers_ns = sum(
            row[0] or 0
            for table in ("attempts", "scores")
            for row in store.execute(f"SELECT sum(wall_ns) FROM {table} WHERE run = ?", (run,))  # noqa: S608
        )
        sent = [
            json.loads(detail)
            for (detail,) in store.execute("SELECT detail FROM events WHERE run = ? AND kind = 'BlobSent'", (run,))
        ]
    return {
        "wall_s": wall_s,
        "workers_s": workers_ns / 1e9,
        "ratio": wall_s / (workers_ns / 1e9),
        "blobs": len(sent),
        "bytes": sum(blob["sent_bytes"] for blob in sent),
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--effort", default="standard")
    options.add_argument("--repeat", type=int, default=15, help="times that --help is timed")
    chosen = options.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        first, second = (run_once(home, chosen.effort) for _ in range(2))
    timed([*FARM, "--help"])
    pairs = [(timed([sys.executable, "-c", "pass"]), timed([*FARM, "--help"])) for _ in range(chosen.repeat)]
    bare, helped = (statistics.median(column) for column in zip(*pairs, strict=True))

    print(
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, effort {chosen.effort}\n"
    )
    print("| what | first run | unchanged second run | aim |")
    print("|---|---|---|---|")
    print(f"| `farm run` / sum of its workers | {first['ratio']:.2f} | {second['ratio']:.2f} | ≤ {AIMS['overhead']} |")
    print(f"| blobs pushed | {first['blobs']:.0f} | {second['blobs']:.0f} | {AIMS['blobs']} |")
    print(f"| bytes pushed | {first['bytes']:,.0f} | {second['bytes']:,.0f} | 0 |")
    print(f"\n`farm --help` / `python -c pass`: {helped / bare:.1f} (aim ≤ {AIMS['help']:.0f})")
    print(
        f"(seconds, for the log: first {first['wall_s']:.1f} of which workers {first['workers_s']:.1f}; second {second['wall_s']:.1f} of which workers {second['workers_s']:.1f})"
    )


if __name__ == "__main__":
    main()
