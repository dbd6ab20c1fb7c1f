"""Devices that answer what they like, and `farm` run against them in a process whose memory is told.

``python -m tests.lab.hostile SEED ROUNDS FARM-ARGUMENTS…`` is ``farm`` with one more transport, ``hostile``, run ROUNDS
times: each device of it answers as an agent would, but for one answer in each round, which is mutated. The last line on
standard error is JSON: how often which answer was mutated, and the most memory that the process took.
"""

from __future__ import annotations

import io
import itertools
import json
import platform
import random
import re
import shutil
import sys
import zlib
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from agent import packing, wire
from agent.bootstrap import MARK
from orchestrator import registry
from orchestrator.errors import AgentFailed
from orchestrator.transports.base import Completed
from orchestrator.transports.pipes import Drain, pieces
from tests.lab import dialogues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from orchestrator.domain.device import Device

#: Clear the screen, be red, ring, write from right to left, start another line, be red once more, end no tag.
ORDERS = "\x1b[2J\x9b31m\x07\u202e\u2066\x00\r\nrun finished [red]owned[/red] [/]"
ODD: tuple[Any, ...] = (
    *(None, True, -1, 0.5, 10**400, 1 << 31, 1 << 63, float("nan"), float("inf"), "", "abc", ORDERS, "\ud800", "\0"),
    *([], [1], [[1]], {}, {"a": 1}, [{"temperature_c": "abc"}], {"record": ["x"]}, "AAAA", "=", 1e300),
    packing.pack_bytes(bytes(10_000_000)),
)
#: Answers that an agent is asked for in every run.
COMMANDS = ("locate", "install", "probe", "have", "receive", "start", "follow", "follow", "follow")
#: What ends an answer of a hundred megabytes, piece by piece.
PIECE = b"x" * (1 << 16)
MANY = 3_200

mutations: Counter[str] = Counter()
#: What `main` sets, for transports that `farm` makes.
_state = {"seed": 0, "round": 0}


class HostileTransport:
    """A device without a device; one of its answers in a run is mutated."""

    def __init__(self, device: Device, connector: object = None) -> None:
        self.chance = random.Random(f"{_state['seed']} {_state['round']} {device.name}")  # noqa: S311  a seed, no secret
        #: One device in each round prints without end.
        self._endless = device.name.endswith(f"-{_state['round']:03}")
        self.victim = self.chance.choice(COMMANDS)
        self._labels: dict[str, np.ndarray] = {}
        self._order: dict[str, Any] = {}
        self._device = device

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: Any = b"",
        timeout_s: float = 60.0,
        progress: Callable[[int], None] | None = None,
    ) -> Completed:
        content = b"".join(pieces(stdin))
        command = argv[2] if argv[1] == "-c" else argv[4]
        command = "receive" if command == "receive-all" else command
        answer = getattr(self, f"_{command}")(argv, content)
        if command != self.victim:
            return Completed(status=0, out=b"Welcome!\n" + json.dumps(answer).encode(), err=b"")
        status, printed = self._mutated(command, answer)
        # what a real transport keeps of it
        drain = Drain(_reader(printed), lambda: None)
        drain.wait()
        return Completed(status=status, out=drain.content, err=drain.content)

    def dialogue(self, argv: Sequence[str]) -> HostileDialogue:
        return HostileDialogue(self, argv)

    def stream(self, argv: Sequence[str], *, stdin: bytes = b"", tick_s: float | None = None) -> Iterator[bytes]:
        records = [{"record": type(record).__name__, **asdict(record)} for record in self._journal()]
        at = self.chance.randrange(len(records)) if self.victim == "follow" else -1
        yield b"Welcome!\n" + wire.JOURNAL_MARK + b"\n"
        for number, record in enumerate(records):
            if number != at:
                yield _line(json.dumps(record).encode())
                continue
            status, pieces = self._mutated("follow", record)
            if status:
                raise AgentFailed(
                    "it failed", status=status, stderr=b"".join(itertools.islice(pieces, 4))[-(1 << 16) :]
                )
            if self.chance.random() < 0.1:  # another checksum
                yield b"0" * 8 + b" "
                yield from pieces
                yield b"\n"
            elif self._endless:
                yield b"0" * 8 + b" "
                yield from pieces
            else:
                yield _line(b"".join(pieces).replace(b"\n", b" "))

    def close(self) -> None:
        pass

    def _mutated(self, command: str, answer: Any) -> tuple[int, Iterator[bytes]]:
        """Return an exit status and what is printed in place of ``answer``, this once."""
        self.victim = ""
        mutations[command] += 1
        chance = self.chance
        if self._endless:
            head = b'{"error": "busy", "message": "'
            return chance.choice([0, wire.REFUSED]), itertools.chain([head], itertools.repeat(PIECE, MANY), [b'"}'])
        kind = chance.choice(["value", "value", "value", "bytes", "deep", "refusal", "noise", "nothing"])
        text = json.dumps(_change(answer, chance)).encode()
        if kind == "bytes":
            at = chance.randrange(len(text))
            text = text[:at] + chance.randbytes(chance.randrange(6)) + text[at + chance.randrange(6) :]
        elif kind == "deep":
            text = chance.choice([b'{"a":', b"["]) * 100_000
        elif kind == "refusal":
            words = chance.choice([ORDERS, 5, None, {"a": 1}, "x" * 100_000, f"[red]{ORDERS}"])
            code = chance.choice([wire.UNFIT, wire.NO_SPACE, wire.BAD_REQUEST, "?", 7, ORDERS])
            return wire.REFUSED, iter([json.dumps({"error": code, "message": words}).encode()])
        elif kind == "noise":
            return chance.choice([0, 1, 127, 255]), iter(
                [ORDERS.encode("utf-8", "surrogatepass"), chance.randbytes(500)]
            )
        elif kind == "nothing":
            text = b""
        return 0, iter([text])

    def _locate(self, argv: Sequence[str], content: bytes) -> Any:
        present = self.victim != "install"
        agent = "/w/agents/a.zip"
        return {"workdir": "/w", "agent": agent, "runs": agent, "present": present}

    def _install(self, argv: Sequence[str], content: bytes) -> Any:
        return {"runs": argv[-1]}

    def _probe(self, argv: Sequence[str], content: bytes) -> Any:
        works = {name: {"works": True, "version": "2.1.0"} for name in json.loads(content)["runtimes"]}
        return {
            "machine": platform.machine(),
            "system": "Linux",
            "cores": 4,
            "memory_bytes": 10**9,
            "python": "3.11.2",
            "clock_ns": 5,
            "board": ORDERS,
            "governor": "performance",
            "tuned": None,
            "swap": {"used_bytes": 0},
            "runtimes": works,
        }

    def _have(self, argv: Sequence[str], content: bytes) -> Any:
        return {"missing": dict.fromkeys(json.loads(content), 0), "damaged": [], "used_bytes": 1, "free_bytes": 10**10}

    def _receive(self, argv: Sequence[str], content: bytes) -> Any:
        if argv[4] == "receive":
            self._keep(argv[5], content)
            return {"sha256": argv[5], "size_bytes": len(content)}
        head, _, rest = content.partition(b"\n")
        listed = json.loads(head)
        for sha256, size, _ in listed:
            self._keep(sha256, rest[:size])
            rest = rest[size:]
        return {"received": len(listed)}

    def _keep(self, sha256: str, content: bytes) -> None:
        if len(content) < 100_000 and content.startswith(b"\x93NUMPY"):
            self._labels[sha256] = np.load(io.BytesIO(content), allow_pickle=False)

    def _environment(self, argv: Sequence[str], content: bytes) -> Any:
        return {"environment": json.loads(content)["environment"], "reused": False}

    def _start(self, argv: Sequence[str], content: bytes) -> Any:
        self._order = json.loads(content)
        return {"lane": self._order["lane"]}

    def _stop(self, argv: Sequence[str], content: bytes) -> Any:
        return {"stopped": True}

    def _journal(self) -> Iterable[object]:
        yield wire.LaneBegan(lane=self._order["lane"], run=self._order["run"], at_ns=1)
        yield wire.Tuned(at_ns=1, answer={"restored": [{"what": "boost", "before": "0", "now": "1"}], "failed": []})
        times = {"began_at_ns": 2, "ended_at_ns": 3, "wall_ns": 1}
        for step in self._order["steps"]:
            yield wire.StepBegan(id=step["id"], at_ns=2)
            if step["kind"] == "measure":
                yield wire.AttemptDone(
                    id=step["id"],
                    **times,
                    span_ns=5000,
                    warmup_ns=packing.pack_ints([600, 500]),
                    latency_ns=packing.pack_ints([500] * step["min_invocations"]),
                    readings=({"at_ns": 1, "mono_ns": 1, "temperature_c": 40.0}, {"at_ns": 2, "mono_ns": 2}),
                    requested={"threads": step["threads"], "delegate": None},
                    effective={"threads": step["threads"], "delegate": ORDERS},
                    versions={"python": "3.11.2"},
                )
            elif step["kind"] == "profile":
                operator = wire.Operator(kind=ORDERS, types=ORDERS, delegate=ORDERS, median_ns=900, total_ns=900)
                one = {"invocations": 1, "total_ns": 1000, "operators": (operator,)}
                yield wire.ProfileDone(id=step["id"], **times, **one)
            else:
                columns = self._labels[step["labels"]].shape[1]
                for place, shard in enumerate(step["shards"]):
                    scores = np.linspace(0, 1, shard["images"] * columns, dtype="<f4")
                    packed, shape = packing.pack_bytes(scores.tobytes()), (shard["images"], columns)
                    yield wire.ShardScored(id=step["id"], at_ns=3, shard=place, scores=packed, shape=shape)
                yield wire.ScoringDone(id=step["id"], **times, auc=(0.5,) * columns)
        yield wire.LaneDone(at_ns=4)


class HostileDialogue(dialogues.Scripted):
    """What it answers is mutated in what it says as well as in how it is sent: its line, its length, what comes before."""

    def __init__(self, device: HostileTransport, argv: Sequence[str]) -> None:
        super().__init__(device.run, argv)
        self._device = device

    def ask(self, stdin: Any, take: Callable[[bytes], bool], *, timeout_s: float = 60.0) -> Completed | None:
        sent: list[bytes] = []
        victim = self._device.victim
        ended = super().ask(stdin, lambda chunk: bool(sent.append(chunk)), timeout_s=timeout_s)
        chance = self._device.chance
        if self._device.victim != victim and chance.random() < 0.4:
            sent = [_mangled(b"".join(sent), chance)]
        for chunk in sent:
            if take(chunk):
                return None
        return ended or Completed(status=chance.choice([0, 1, 127, 137, 255]), out=b"", err=ORDERS.encode())


def _mangled(content: bytes, chance: random.Random) -> bytes:
    """Return an answer whose first line is another, or none, or never ends."""
    head, _, rest = content.partition(b"\n")
    lengths = chance.choice([-1, 0, 1, len(rest), len(rest) + 1, 1 << 20, 1 << 31, 10**40, None, "x", ORDERS, 0.5])
    fields: dict[str, Any] = {"status": 0, "out_bytes": lengths, "err_bytes": 0}
    line = json.dumps(_change(fields, chance) if chance.random() < 0.5 else fields).encode()
    heads = [MARK + line, MARK + b"x" * 100_000, MARK, head[:-1], b"", MARK + head, PIECE * 40]
    return chance.choice(heads) + chance.choice([b"\n", b""]) + rest


def _change(value: Any, chance: random.Random) -> Any:
    """Return ``value`` with something in it replaced, left out or added, at any depth."""
    if chance.random() < 0.2 or not isinstance(value, dict | list | tuple) or not value:
        return chance.choice(ODD)
    changed = dict(value) if isinstance(value, dict) else list(value)
    place = chance.choice(list(value) if isinstance(value, dict) else range(len(value)))
    what = chance.choice(["change", "change", "change", "leave out", "add"])
    if what == "change":
        changed[place] = _change(changed[place], chance)
    elif what == "leave out":
        del changed[place]
    elif isinstance(changed, dict):
        changed[chance.choice([ORDERS, "x", ""])] = chance.choice(ODD)
    else:
        changed.append(chance.choice(ODD))
    return changed


def _line(text: bytes) -> bytes:
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _reader(pieces: Iterator[bytes]) -> Callable[[int], bytes]:
    return lambda _: next((piece for piece in pieces if piece), b"")


def main(seed: int, rounds: int, arguments: list[str]) -> int:
    """Run `farm` with ``arguments`` so often; return the highest exit status."""
    from orchestrator.cli import main as cli

    registry.BUILT_IN["transport"]["hostile"] = "tests.lab.hostile:HostileTransport"
    hostile = sys.modules["tests.lab.hostile"] = sys.modules[__name__]
    hostile._state["seed"] = seed  # type: ignore[attr-defined]
    highest = 0
    for number in range(rounds):
        _state["round"] = number
        sys.argv = ["farm", *arguments]
        try:
            cli.main()
        except SystemExit as ended:
            highest = max(highest, int(ended.code or 0))
        shutil.rmtree(Path(".farm", "outages"), ignore_errors=True)  # else the third round would be their last
    print(json.dumps({"mutations": mutations, "peak_rss_bytes": _peak_rss_bytes()}), file=sys.stderr)  # noqa: T201  it is the answer
    return highest


def _peak_rss_bytes() -> int:
    """Return the most memory of this process; ``getrusage`` would tell that of the larger one which started it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    (peak,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(peak) * 1024


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
