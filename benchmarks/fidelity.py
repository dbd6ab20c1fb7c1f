#!/usr/bin/env python3
"""What the agent sees against what a C program sees: prints, from one run, the figures that the docs quote.

    .venv/bin/python benchmarks/fidelity.py [--pairs 12] [--keep FOLDER] [--json]

On three artifacts (some 20 µs, 2 ms and 60 ms on a core of a server) these take turns, each in a process of its own, in an
order that is drawn anew for every round (and again, up to three times, where other programs took more than 5 % of the processor):

- `fidelity.c`, a few lines that call ``LiteRtRunCompiledModel`` of the wheel's ``libLiteRt.so`` between two looks at
  ``CLOCK_MONOTONIC``
- the agent's worker as a lane starts it, once for every runtime
- the same worker with its sensors off, which tells what watching costs

What is compared is the median of a process's invocations; what is printed is the median of the differences within a round,
and the two of them that hold the true median with 95 % at least, whatever the distribution (of six rounds the smallest and the
largest; Conover, Practical Nonparametric Statistics, 1999, section 3.2).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import distribution, version
from pathlib import Path
from typing import Any

import numpy as np

from agent import scoring, shards, spawn, wire
from agent.runtimes import find
from agent.sensors import Sensors
from agent.workdir import Workdir
from orchestrator.analysis.verdicts.device import OTHER_LOAD, share_of_others
from orchestrator.devices.remote.gate import unpack_samples, unpack_scores
from orchestrator.devices.remote.orders import MOST_SAMPLES

HERE = Path(__file__).resolve().parent
#: The issue's aim: a difference of at most so much, whichever is more.
AIM_SHARE, AIM_NS = 0.01, 10_000
WATCHING_AIM = 0.01
CONFIDENCE = 0.95
#: A process is repeated where others took more of the processor meanwhile: what is compared is not they. So often it is tried.
TRIES = 3
RUNTIMES = ("litert-compiled", "litert")
#: Sides, channels and convolutions of the three artifacts, found by trial.
SIZES = {"small": (64, (8, 32)), "middle": (160, (32, 64, 64)), "large": (224, (32, 64, 128, 128, 128, 128, 128, 128))}
#: Seconds that each process times: as many invocations as give a steady median.
SECONDS = {"small": 0.5, "middle": 1.0, "large": 2.0}


@dataclass(frozen=True)
class Contender:
    """Who takes a turn: a runtime of the agent, watched or not; the C program where there is none."""

    runtime: str | None
    watch: bool = True

    def __str__(self) -> str:
        return f"{self.runtime or 'C'}{'' if self.watch else ', unwatched'}"


@dataclass(frozen=True)
class Compared:
    """What the rounds say about one contender against another, in ns."""

    base_ns: float
    difference_ns: float
    low_ns: float
    high_ns: float

    @property
    def share(self) -> float:
        """Return the difference as a share of what it is compared with."""
        return self.difference_ns / self.base_ns


def compare(ours_ns: list[float], theirs_ns: list[float]) -> Compared:
    """Compare round by round."""
    differences = sorted(ours - theirs for ours, theirs in zip(ours_ns, theirs_ns, strict=True))
    left_out = beyond(len(differences))
    return Compared(
        base_ns=statistics.median(theirs_ns),
        difference_ns=statistics.median(differences),
        low_ns=differences[left_out],
        high_ns=differences[-1 - left_out],
    )


def is_met(compared: Compared) -> bool:
    """Say whether the difference is within the aim."""
    return abs(compared.difference_ns) <= max(AIM_SHARE * compared.base_ns, AIM_NS)


def beyond(rounds: int) -> int:
    """Return how many differences may be left out on each side of an interval that holds the median with `CONFIDENCE`."""
    left_out = 0
    while coverage(rounds, left_out + 1) >= CONFIDENCE:
        left_out += 1
    return left_out


def coverage(rounds: int, left_out: int) -> float:
    """Return how probably the true median is between the ordered differences that ``left_out`` leaves as the outermost."""
    return 1 - 2 * sum(math.comb(rounds, below) for below in range(left_out + 1)) / 2**rounds


def build(folder: Path) -> None:
    """Write the artifacts, converted as farm converts them (from a SavedModel, with a fixed batch of one)."""
    import tensorflow as tf  # noqa: PLC0415  it lives and dies in a process of its own
    from tensorflow.python.framework.convert_to_constants import (  # noqa: PLC0415
        convert_variables_to_constants_v2,
    )

    for name, (side, channels) in SIZES.items():
        tf.keras.utils.set_random_seed(4)
        layers: list[Any] = [tf.keras.Input((side, side, 1))]
        for number, wide in enumerate(channels):
            layers.append(tf.keras.layers.Conv2D(wide, 3, 1 + (number < 2), padding="same", activation="relu"))
        layers += [tf.keras.layers.GlobalAveragePooling2D(), tf.keras.layers.Dense(1, activation="sigmoid")]
        model = tf.keras.Sequential(layers)
        spec = tf.TensorSpec([1, side, side, 1], tf.float32, name="image")
        frozen = convert_variables_to_constants_v2(tf.function(model).get_concrete_function(spec))
        serve = tf.function(lambda image, frozen=frozen: {"scores": frozen(image)[0]}, input_signature=[spec])
        with tempfile.TemporaryDirectory() as saved:
            tf.saved_model.save(tf.Module(), saved, signatures=serve)
            (folder / f"{name}.tflite").write_bytes(tf.lite.TFLiteConverter.from_saved_model(saved).convert())


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
    """The three artifacts in an agent's work directory, and the C program beside it."""

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
            runtime=str(contender.runtime),
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

    def measure(self, name: str, contender: Contender) -> tuple[float, float]:
        """Return (the median of a fresh process's invocations in ns, the score it computes)."""
        step = self.step(name, contender)
        if contender.runtime is None:
            words = [self._library, self._kept / f"{name}.tflite", self._folder / f"{name}.input", 32, SECONDS[name]]
            answer = json.loads(said([str(self._program), *map(str, words)]))
            return float(answer["p50_ns"]), float(answer["score"])
        answer = json.loads(said(spawn.command("agent.worker", self._workdir.path), wire.to_json(step)))
        if "error" in answer:
            raise SystemExit(f"{contender}: {answer['error']}")
        samples = unpack_samples(answer["latency_ns"], MOST_SAMPLES, "the worker").array()
        ((score,),) = unpack_scores(answer["golden_scores"], (1, 1), "the worker")
        return float(np.median(samples)) / answer["invocations_per_sample"], float(score)


def said(words: list[str], stdin: bytes = b"") -> bytes:
    """Return the last line that a program prints; what it says on standard error, where it fails."""
    done = subprocess.run(words, input=stdin, capture_output=True, check=False, env=spawn.child_env())
    if done.returncode:
        raise SystemExit(spawn.last_words(done.stderr, done.returncode))
    return done.stdout.splitlines()[-1]


def rounds_of(bench: Bench, name: str, contenders: list[Contender], rounds: int) -> dict[Contender, list[float]]:
    """Let them take turns; whoever computes something else than the first ends it all."""
    medians: dict[Contender, list[float]] = {contender: [] for contender in contenders}
    first: float | None = None
    sensors = Sensors.of_this_device()
    for number in range(rounds):
        for contender in random.Random(number).sample(contenders, len(contenders)):  # noqa: S311  an order, no secret
            for _ in range(TRIES):
                before = look(sensors)
                median_ns, score = bench.measure(name, contender)
                if (share_of_others([before, look(sensors)], os.cpu_count() or 1) or 0.0) <= OTHER_LOAD:
                    break
            else:
                bench.disturbed += 1
            first = score if first is None else first
            if abs(score - first) > 1e-4:
                raise SystemExit(f"{name}: {contender} computes {score}, another {first}")
            medians[contender].append(median_ns)
    return medians


def row(name: str, what: str, compared: Compared, aim: str, *, met: bool) -> str:
    base, difference, low, high = (
        ns / 1000 for ns in (compared.base_ns, compared.difference_ns, compared.low_ns, compared.high_ns)
    )
    return (
        f"| {name} | {what} | {base:,.1f} | {difference:+,.1f} ({low:+,.1f} … {high:+,.1f}) "
        f"| {compared.share:+.2%} | {aim} | {'yes' if met else '**no**'} |"
    )


def print_table(medians: dict[str, dict[Contender, list[float]]], runtimes: list[str], rounds: int) -> None:
    print(
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"ai-edge-litert {version('ai-edge-litert')}, {rounds} rounds (intervals: {coverage(rounds, beyond(rounds)):.0%})\n"
    )
    print("| artifact | compared | that, µs | difference, µs | share | aim | met |")
    print("|---|---|---:|---:|---:|---|---|")
    for name, found in medians.items():
        for runtime in runtimes:
            compared = compare(found[Contender(runtime)], found[Contender(None)])
            print(row(name, f"agent, `{runtime}`, with C", compared, "1 % or 10 µs", met=is_met(compared)))
        watched, unwatched = Contender(runtimes[-1]), Contender(runtimes[-1], watch=False)
        compared = compare(found[watched], found[unwatched])
        met = compared.share <= WATCHING_AIM
        print(row(name, f"`{runtimes[-1]}` watched with unwatched", compared, "≤ 1 %", met=met))


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
    options.add_argument("--json", action="store_true", help="medians of every process in ns")
    options.add_argument("--build", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.build:
        build(chosen.build)
        return

    runtimes = known(chosen.runtimes)
    contenders = [Contender(None), *map(Contender, runtimes), Contender(runtimes[-1], watch=False)]
    medians: dict[str, dict[Contender, list[float]]] = {}
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
            medians[name] = rounds_of(bench, name, contenders, chosen.pairs)

    if chosen.json:
        plain = {name: {str(who): values for who, values in found.items()} for name, found in medians.items()}
        print(json.dumps({"medians_ns": plain, "disturbed": bench.disturbed}, indent=1))
        return
    print_table(medians, runtimes, chosen.pairs)
    of = sum(len(values) for found in medians.values() for values in found.values())
    print(f"\nOthers took more than {OTHER_LOAD:.0%} of the processor during {bench.disturbed} of {of} processes.")


if __name__ == "__main__":
    main()
