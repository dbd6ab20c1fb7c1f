#!/usr/bin/env python3
"""What the agent sees against what a C program and LiteRT's own tool see: prints, from one run, the figures that the docs quote.

    .venv/bin/python benchmarks/fidelity.py [--pairs 12] [--keep FOLDER] [--json]

On three artifacts (some 20 µs, 2 ms and 60 ms on a core of a server) these take turns, each in a process of its own, in an
order that is drawn anew for every round (and again, up to three times, where other programs took more than 5 % of the processor):

- `fidelity.c`, a few lines that call ``LiteRtRunCompiledModel`` of the wheel's ``libLiteRt.so`` between two looks at
  ``CLOCK_MONOTONIC``
- the agent's worker as a lane starts it, once for every runtime
- the same worker with its sensors off, which tells what watching costs
- ``litert-benchmark``, the tool that comes in LiteRT's wheel (it rounds to 0.01 ms, so that it takes no turn on the smallest)

Three figures of a process are compared: the median of its invocations, their lower quartile and their minimum, which neighbours
reach least. What is printed is the median of the differences within a round, and the two of them that hold the true median with
95 % at least, whatever the distribution (of six rounds the smallest and the largest; Conover, Practical Nonparametric Statistics,
1999, section 3.2). An aim is met where the whole interval is within it, missed where the whole is beyond it, and else this
machine can't tell.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import distribution, version
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from agent import scoring, shards, spawn, wire
from agent.runtimes import find
from agent.sensors import Sensors
from agent.workdir import Workdir
from benchmarks.fidelity_verdict import STATISTICS, Figures, beyond, coverage, row
from orchestrator.analysis.verdicts.device import OTHER_LOAD, share_of_others
from orchestrator.devices.remote.gate import unpack_samples, unpack_scores
from orchestrator.devices.remote.orders import MOST_SAMPLES

HERE = Path(__file__).resolve().parent
#: A process is repeated where others took more of the processor meanwhile: what is compared is not they. So often it is tried.
TRIES = 3
RUNTIMES = ("litert-compiled", "litert")
#: Sides, channels and convolutions of the three artifacts, found by trial.
SIZES = {"small": (64, (8, 32)), "middle": (160, (32, 64, 64)), "large": (224, (32, 64, 128, 128, 128, 128, 128, 128))}
#: Seconds that each process times: as many invocations as give a steady median.
SECONDS = {"small": 0.5, "middle": 1.0, "large": 2.0}
#: What an invocation takes, about, where LiteRT's own tool is asked for a number of runs.
ABOUT_MS = {"middle": 2.0, "large": 60.0}


@dataclass(frozen=True)
class Contender:
    """Who takes a turn: a runtime of the agent, watched or not; the C program or LiteRT's tool, which are no runtimes."""

    name: str
    watch: bool = True

    def __str__(self) -> str:
        return f"{self.name}{'' if self.watch else ', unwatched'}"


C_PROGRAM, TOOL = Contender("C"), Contender("litert-benchmark")


def build(folder: Path) -> None:
    """Write the artifacts."""
    from benchmarks import networks  # noqa: PLC0415  TensorFlow lives and dies in a process of its own

    for name, (side, channels) in SIZES.items():
        (folder / f"{name}.tflite").write_bytes(networks.converted(networks.convolutions(side, channels)))


def compile_harness(program: Path) -> None:
    subprocess.run(
        [os.environ.get("CC", "cc"), "-O2", "-o", str(program), str(HERE / "fidelity.c"), "-ldl"], check=True
    )


def library() -> Path:
    """Return LiteRT's C API in the wheel that the agent would import."""
    return Path(str(distribution("ai-edge-litert").locate_file("ai_edge_litert/libLiteRt.so")))


def look(sensors: Sensors) -> dict[str, object]:
    """Return a reading in which processes that we started and that ended are our own."""
    taken = os.times()
    own = taken.user + taken.system + taken.children_user + taken.children_system
    return sensors.read() | {"cpu_own_ns": int(own * 1e9)}


class Bench:
    """The three artifacts in an agent's work directory, with the C program beside it."""

    def __init__(self, kept: Path, folder: Path) -> None:
        self._library = library()
        self._program = kept / "fidelity"
        self._kept = kept
        self._workdir = Workdir(str(folder / "agent")).make()
        self._folder = folder
        #: Processes beside which others worked, however often they were repeated.
        self.disturbed = 0

    def blob(self, content: bytes) -> str:
        """Put a blob into the agent's work directory; return its sha256."""
        sha256 = hashlib.sha256(content).hexdigest()
        Path(self._workdir.blob(sha256)).write_bytes(content)
        return sha256

    def step(self, name: str, contender: Contender) -> wire.Step:
        """Return what a lane would give the worker."""
        side, _ = SIZES[name]
        pixels = np.random.default_rng(4).integers(0, 256, (1, side, side, 1), np.uint8)
        path = self._folder / f"{name}.npy"
        np.save(path, pixels)
        images = self.blob(path.read_bytes())
        how = wire.Preprocess(height=side, width=side, channels=1, scale=1 / 255, mean=(0.0,), std=(1.0,))
        scoring.preprocess(pixels, how).tofile(self._folder / f"{name}.input")
        return wire.Step(
            id="fidelity",
            kind="measure",
            label=name,
            artifact=self.blob((self._kept / f"{name}.tflite").read_bytes()),
            runtime=contender.name,
            environment=None,
            threads=1,
            batch=1,
            shards=(wire.Shard(self.blob(shards.pack(pixels)), 1),),
            labels=images,
            golden=images,
            preprocess=how,
            timeout_s=120,
            min_invocations=32,
            min_seconds=SECONDS[name],
            watch=contender.watch,
        )

    def measure(self, name: str, contender: Contender) -> tuple[Figures, float | None]:
        """Return (figures of a fresh process in ns, the score that it computes; ``None`` for LiteRT's tool, which has its own input)."""
        if contender == TOOL:
            return self._measure_by_tool(name), None
        step = self.step(name, contender)
        if contender == C_PROGRAM:
            words = [self._library, self._kept / f"{name}.tflite", self._folder / f"{name}.input", 32, SECONDS[name]]
            answer = json.loads(last_line([str(self._program), *map(str, words)]))
            return {each: float(answer[f"{each}_ns"]) for each in STATISTICS}, float(answer["score"])
        answer = json.loads(last_line(spawn.command("agent.worker", self._workdir.path), wire.to_json(step)))
        if "error" in answer:
            raise SystemExit(f"{contender}: {answer['error']}")
        samples = unpack_samples(answer["latency_ns"], MOST_SAMPLES, "the worker").array()
        ((score,),) = unpack_scores(answer["golden_scores"], (1, 1), "the worker")
        p25, p50 = np.quantile(samples, (0.25, 0.5), method="lower") / answer["invocations_per_sample"]
        least = float(samples.min()) / answer["invocations_per_sample"]
        return {"p50": float(p50), "p25": float(p25), "min": least}, float(score)

    def _measure_by_tool(self, name: str) -> Figures:
        found = self._folder / "tool.json"
        runs = str(max(32, int(SECONDS[name] * 1000 / ABOUT_MS[name])))
        words = [sys.executable, "-m", "ai_edge_litert.tools.benchmark_litert_model", "--result_json", str(found)]
        last_line([*words, "--model", str(self._kept / f"{name}.tflite"), "--num_runs", runs, "--warmup_runs", runs])
        latency = json.loads(found.read_bytes())["latency"]
        return {"p50": latency["median_ms"] * 1e6, "min": latency["min_ms"] * 1e6}


def last_line(words: list[str], stdin: bytes = b"") -> bytes:
    """Return the last line that a program prints; where it fails, end with what it wrote to standard error."""
    done = subprocess.run(words, input=stdin, capture_output=True, check=False, env=spawn.child_env())
    if done.returncode:
        raise SystemExit(spawn.last_words(done.stderr, done.returncode))
    return done.stdout.splitlines()[-1]


def rounds_of(bench: Bench, name: str, contenders: list[Contender], rounds: int) -> dict[Contender, list[Figures]]:
    """Let them take turns; whoever computes something else than the first ends it all."""
    figures: dict[Contender, list[Figures]] = {contender: [] for contender in contenders}
    first: float | None = None
    sensors = Sensors.of_this_device()
    for number in range(rounds):
        for contender in random.Random(number).sample(contenders, len(contenders)):  # noqa: S311  an order, no secret
            for _ in range(TRIES):
                before = look(sensors)
                taken, score = bench.measure(name, contender)
                if (share_of_others([before, look(sensors)], os.cpu_count() or 1) or 0.0) <= OTHER_LOAD:
                    break
            else:
                bench.disturbed += 1
            first = score if first is None else first
            if score is not None and first is not None and abs(score - first) > 1e-4:
                raise SystemExit(f"{name}: {contender} computes {score}, another {first}")
            figures[contender].append(taken)
    return figures


def print_table(found: dict[str, dict[Contender, list[Figures]]], runtimes: list[str], rounds: int) -> None:
    print(
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"ai-edge-litert {version('ai-edge-litert')}, {rounds} rounds (intervals: {coverage(rounds, beyond(rounds)):.0%})\n"
    )
    print(
        "| artifact | compared | that, µs | difference, µs | by p50 | by the lower quartile | by the minimum | aim | met |"
    )
    print("|---|---|---:|---:|---:|---:|---:|---|---|")
    for name, figures in found.items():
        for runtime in runtimes:
            print(row(name, f"agent, `{runtime}`, with C", figures[Contender(runtime)], figures[C_PROGRAM]))
        for runtime in runtimes if TOOL in figures else ():
            print(row(name, f"agent, `{runtime}`, with `{TOOL}`", figures[Contender(runtime)], figures[TOOL]))
        watched, unwatched = figures[Contender(runtimes[-1])], figures[Contender(runtimes[-1], watch=False)]
        print(row(name, f"`{runtimes[-1]}` watched with unwatched", watched, unwatched, one_sided=True))


def known(runtimes: list[str]) -> list[str]:
    """Return those that this agent has."""
    kept = []
    for name in runtimes:
        try:
            find(name)
        except Exception as error:  # noqa: BLE001  whatever it is, the others go on
            print(f"without {name}: {error}", file=sys.stderr)
        else:
            kept.append(name)
    return kept


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--pairs", type=int, default=12, help="rounds, at least 5")
    options.add_argument("--runtimes", nargs="+", default=list(RUNTIMES))
    options.add_argument(
        "--keep", type=Path, help="folder of artifacts and C program, made there where they are missing"
    )
    options.add_argument("--json", action="store_true", help="figures of every process in ns")
    options.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.build:
        build(chosen.build)
        return

    runtimes = known(chosen.runtimes)
    contenders = [C_PROGRAM, *map(Contender, runtimes), Contender(runtimes[-1], watch=False)]
    has_tool = importlib.util.find_spec("ai_edge_litert.tools.benchmark_litert_model") is not None
    if not has_tool:
        print("without litert-benchmark: this release of LiteRT does not bring it", file=sys.stderr)
    found: dict[str, dict[Contender, list[Figures]]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        kept = chosen.keep or folder
        kept.mkdir(parents=True, exist_ok=True)
        if not all(
            (kept / f"{name}.tflite").exists() for name in SIZES
        ):  # TensorFlow lives and dies in another process
            subprocess.run(
                [sys.executable, __file__, "--build", str(kept)], check=True, stdout=sys.stderr, stderr=subprocess.PIPE
            )
        if not (kept / "fidelity").exists():
            compile_harness(kept / "fidelity")
        bench = Bench(kept, folder)
        for name in SIZES:
            takes_turns = [*contenders, TOOL] if has_tool and name in ABOUT_MS else contenders
            found[name] = rounds_of(bench, name, takes_turns, chosen.pairs)

    if chosen.json:
        plain = {name: {str(who): values for who, values in figures.items()} for name, figures in found.items()}
        print(json.dumps({"figures_ns": plain, "disturbed": bench.disturbed}, indent=1))
        return
    print_table(found, runtimes, chosen.pairs)
    of = sum(len(values) for figures in found.values() for values in figures.values())
    print(f"\nOthers took more than {OTHER_LOAD:.0%} of the processor during {bench.disturbed} of {of} processes.")


if __name__ == "__main__":
    main()
