"""A device to test the agent on: a directory, and the agent as the zip that the controller pushes."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent import shards, wire
from orchestrator.devices.remote.gate import unpack_samples, unpack_scores
from orchestrator.devices.remote.orders import MOST_SAMPLES
from tests.data.make_artifacts import SIZE

DATA = Path(__file__).parent.parent / "data"
PREPROCESS = wire.Preprocess(height=SIZE, width=SIZE, channels=3, scale=1 / 255, mean=(0.0,), std=(1.0,))

#: A runtime whose artifacts are orders: what `FAKE` says after the colon is done at each invocation.
FAKE = """
import ctypes, os, signal, sys
import numpy as np

class Interpreter:
    def __init__(self, model_path, num_threads):
        with open(model_path, errors="replace") as text:
            self.order, _, self.path = text.read().partition(":")
        self.asked = num_threads
        if self.order == "refuse":
            with open(self.path, "a") as asked:
                asked.write("asked ")
            raise ValueError("no such version of an operator")
    def allocate_tensors(self):
        pass
    def get_input_details(self):
        return [{"index": 0, "shape": np.array([1, 8, 8, 3]), "dtype": np.float32, "quantization": (0.0, 0)}]
    def get_output_details(self):
        return [{"index": 1, "shape": np.array([1, 3]), "dtype": np.float32, "quantization": (0.0, 0)}]
    def set_tensor(self, index, value):
        pass
    def get_tensor(self, index):
        return np.zeros((1, 3), np.float32)
    def invoke(self):
        if self.order == "crash":
            print("about to crash", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGSEGV)
        elif self.order == "eat":
            self.eaten = [bytearray(16 << 20) for _ in range(64)]
        elif self.order == "noise":
            libc = ctypes.CDLL(None)
            libc.printf(b"a C library talks to descriptor 1\\n")
            libc.fflush(None)
            print("and so does Python", flush=True)
        elif self.order == "babble":
            print("x" * 100000 + "the end", file=sys.stderr, flush=True)
            raise RuntimeError("enough")
        elif self.order == "tell":
            raise RuntimeError("%s=%s" % (self.path, os.environ.get(self.path)))
        elif self.order == "hang":
            with open(self.path, "w") as fifo:
                fifo.write(str(os.getpid()))
            while True:
                signal.pause()
"""


def integers(packed: str) -> list[int]:
    """Return what `packing.pack_ints` packed."""
    return unpack_samples(packed, 32 * MOST_SAMPLES, "the test").array().tolist()


def npy(values: Any) -> bytes:
    """Return an array as the content of a ``.npy`` file."""
    out = io.BytesIO()
    np.save(out, values, allow_pickle=False)
    return out.getvalue()


def wheel(files: dict[str, str]) -> bytes:
    """Return a zip of text files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


@dataclasses.dataclass(frozen=True)
class Device:
    """The agent with its directory."""

    zip: Path
    workdir: Path
    python: str = sys.executable

    def argv(self, *words: str) -> list[str]:
        return [self.python, str(self.zip), "--workdir", str(self.workdir), *words]

    def run(self, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(self.argv(*words), input=stdin, capture_output=True, timeout=300, check=False)

    def ask(self, *words: str, stdin: bytes = b"") -> dict[str, Any]:
        done = self.run(*words, stdin=stdin)
        assert done.returncode == 0, (done.stdout, done.stderr)
        return dict(json.loads(done.stdout.splitlines()[-1]))

    def refusal(self, *words: str, stdin: bytes = b"") -> dict[str, Any]:
        done = self.run(*words, stdin=stdin)
        assert done.returncode == wire.REFUSED, (done.returncode, done.stdout, done.stderr)
        stream = done.stderr if words[0] in ("follow", "collect") else done.stdout
        return dict(json.loads(stream.splitlines()[-1]))

    def push(self, content: bytes) -> str:
        """Put a blob where `receive` would."""
        sha256 = hashlib.sha256(content).hexdigest()
        path = self.workdir / "blobs" / sha256
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return sha256

    def push_images(self, *blocks: NDArray[np.uint8]) -> tuple[wire.Shard, ...]:
        """Put a shard for each block of images there."""
        return tuple(wire.Shard(self.push(shards.pack(pixels)), len(pixels)) for pixels in blocks)

    def step(self, name: str, artifact: bytes | None = None, **changes: Any) -> wire.Step:
        """Return a step that measures shortly; everything it needs is there."""
        pixels = np.random.default_rng(7).integers(0, 256, (10, SIZE, SIZE, 3), dtype=np.uint8)
        labels = np.array([[row % 2, row % 3 == 0, 1] for row in range(10)], np.uint8)
        step = wire.Step(
            id=name,
            kind="measure",
            label=name,
            artifact=self.push((DATA / "float32.tflite").read_bytes() if artifact is None else artifact),
            runtime="litert",
            environment=None,
            threads=1,
            batch=1,
            shards=self.push_images(pixels),
            labels=self.push(npy(labels)),
            preprocess=PREPROCESS,
            timeout_s=300.0,
            min_invocations=5,
            min_seconds=0.0,
            warmup_max_s=0.0,
        )
        return dataclasses.replace(step, **changes)

    def fake(self, name: str, order: str, **changes: Any) -> wire.Step:
        """Return a step whose runtime does as ordered: ``crash``, ``noise``, ``babble``, ``tell:VARIABLE``, ``hang:FIFO``."""
        files = {"ai_edge_litert/__init__.py": "__version__ = '0'", "ai_edge_litert/interpreter.py": FAKE}
        sha256 = self.push(wheel(files))
        request = wire.EnvironmentRequest("fake", (wire.Wheel("fake.whl", sha256),))
        self.ask("environment", stdin=wire.to_json(request))
        return self.step(name, order.encode(), environment="fake", **changes)

    def order(self, *steps: wire.Step, lane: str = "lane-1", run: str = "run-1") -> bytes:
        return wire.to_json(wire.LaneRequest(lane=lane, run=run, holder=f"ada@desk, run {run}", steps=steps))

    def start(self, *steps: wire.Step, lane: str = "lane-1", run: str = "run-1") -> None:
        assert self.ask("start", stdin=self.order(*steps, lane=lane, run=run)) == {"lane": lane}

    @contextmanager
    def following(self, lane: str = "lane-1", offset: int = 0) -> Iterator[subprocess.Popen[bytes]]:
        """Follow a lane; the process is killed at the end if it still runs."""
        argv = self.argv("follow", lane, "--from", str(offset))
        pipe = subprocess.PIPE
        with subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe) as follower:
            try:
                yield follower
            finally:
                follower.kill()

    def refusal_of_follow(self, lane: str) -> dict[str, Any]:
        """Follow a lane to the refusal that ends it."""
        with self.following(lane) as follower:
            assert follower.stderr is not None
            words = follower.stderr.read()
            assert follower.wait() == wire.REFUSED
        return dict(json.loads(words.splitlines()[-1]))

    def records(self, lane: str = "lane-1") -> list[Any]:
        """Follow a lane to its end and return its records."""
        with self.following(lane) as follower:
            assert follower.stdout is not None
            mark, *lines = follower.stdout.readlines()
            assert mark == wire.JOURNAL_MARK + b"\n"
            assert follower.wait() == 0
        return [wire.decode_line(line) for line in lines]

    def done(self, lane: str = "lane-1") -> dict[str, Any]:
        """Follow a lane to its end and return what became of its steps, by id."""
        records = self.records(lane)
        assert records[-1] == wire.LaneDone(at_ns=records[-1].at_ns)
        return {record.id: record for record in records if isinstance(record, tuple(wire.RECORD_OF.values()))}

    def scores(self, name: str, lane: str = "lane-1") -> NDArray[np.float32]:
        """Follow a lane to its end and return the scores of a step, shard by shard in their order."""
        scored = [record for record in self.records(lane) if isinstance(record, wire.ShardScored) and record.id == name]
        ordered = sorted(scored, key=lambda record: record.shard)
        assert [record.shard for record in ordered] == list(range(len(ordered)))
        return np.concatenate([unpack_scores(record.scores, record.shape, "the test") for record in ordered])

    def pid(self, lane: str = "lane-1") -> int:
        """Return the process of the lane that holds the device."""
        holder = json.loads((self.workdir / "lane.holder").read_text())
        assert holder["lane"] == lane
        return int(holder["pid"])


@contextmanager
def hang(folder: Path) -> Iterator[tuple[str, Any]]:
    """Yield the order that makes a worker hang, and a function that waits for that and returns its process."""
    fifo = folder / "hanging"
    os.mkfifo(fifo)
    yield f"hang:{fifo}", lambda: int(fifo.read_text())
