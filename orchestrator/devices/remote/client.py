"""The only speaker of `agent.wire`: what the controller asks of the agent on one device."""

from __future__ import annotations

import json
import logging
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

from agent import wire
from orchestrator.devices.remote.answers import (
    AllReceived,
    EnvironmentReady,
    LaneAccepted,
    LaneStopped,
    MissingBlobs,
    Received,
)
from orchestrator.devices.remote.contact import no_python, reach
from orchestrator.devices.remote.dialogue import SILENCE_S, exchange, question, source_of
from orchestrator.devices.remote.file_row import FileRow
from orchestrator.devices.remote.gate import last_words, read_answer, read_facts
from orchestrator.devices.remote.journal_lines import records
from orchestrator.devices.remote.orders import RECORD_BYTES
from orchestrator.devices.remote.refusals import refusal_of
from orchestrator.domain.tuning import Tuning
from orchestrator.errors import (
    AgentFailed,
    AnswerRefused,
    ConnectionLost,
    FarmError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from orchestrator.devices.remote.contact import Contact
    from orchestrator.devices.remote.journal_lines import Recorded
    from orchestrator.domain.device import Device
    from orchestrator.transports.base import Dialogue, Transport


T = TypeVar("T")

#: Which device is asked what, for ``--verbose``: never what is sent, where secrets may be.
_LOG = logging.getLogger(__name__)
#: What Python answers where the file that it should run is not there; what a shell answers where Python is not there.
NO_FILE, NOT_EXECUTABLE, NOT_FOUND = 2, 126, 127
#: How often the clock is looked at while a lane writes nothing; rare, because `local` measures on this machine.
TICK_S = 15.0
#: Hashing and syncing what arrived takes an old SD card as long as this allows.
SLOWEST_DISK_BYTES_PER_S = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Lacking:
    """Blobs that a device lacks: sha256 -> bytes that arrived, which it had, damaged since, and the room for them."""

    arrived: dict[str, int]
    damaged: frozenset[str]
    #: Of its disk: what farm takes up, and what is left.
    used_bytes: int
    free_bytes: int


class AgentClient:
    """One device with its agent. Errors of the transport pass through; refusals of the agent are translated.

    The agent stays between questions, until a lane starts or is followed: nothing of farm's waits beside what measures.
    """

    def __init__(
        self,
        transport: Transport,
        device: Device,
        *,
        paced: Callable[[BinaryIO], BinaryIO] = lambda source: source,
        tick_s: float = TICK_S,
    ) -> None:
        """``paced`` returns what is read in the place of a file that is sent; ``tick_s`` is as in `follow`."""
        self.device = device
        self._paced = paced
        self._tick_s = tick_s
        self._transport = transport
        self._dialogue: Dialogue | None = None
        self._agent: str | None = None
        self._workdir = ""
        self._damaged: list[str] = []

    def take_damaged(self) -> tuple[str, ...]:
        """Return, once, what the device's disk had changed of what was installed there, and has been installed anew."""
        damaged, self._damaged = tuple(self._damaged), []
        return damaged

    def close(self) -> None:
        """Give the connection back; the next command looks for the agent again, which may be gone meanwhile."""
        self._agent = None
        self._hang_up()
        _LOG.debug("%s: connection closed", self.device.name)
        self._transport.close()

    def ensure_agent(self) -> int:
        """Push the agent unless the device has this very version, have it stay; return the bytes sent.

        Raises `DeviceUnfit` where there is no Python, or one older than 3.9.
        """
        if self._dialogue is not None:
            return 0
        contact = self._contact()
        self._dialogue = contact.dialogue
        return contact.sent_bytes

    def _contact(self) -> Contact:
        contact = reach(self._transport, self.device, self._python, self._paced)
        if contact.is_mended:
            self._damaged.append("agent")
        self._agent, self._workdir = contact.runs, contact.workdir
        return contact

    def _hang_up(self) -> None:
        dialogue, self._dialogue = self._dialogue, None
        if dialogue is not None:
            dialogue.close()

    def probe(self, runtimes: Iterable[str] = (), environment: str | None = None) -> dict[str, Any]:
        """Return the device's facts; ``runtimes`` are tried for real, in ``environment`` if one is named.

        ``clock_offset_ns`` is how far its clock is ahead of ours, give or take ``clock_uncertainty_ns``: half of what asking took.
        """
        request = wire.ProbeRequest(runtimes=tuple(runtimes), environment=environment)
        self.ensure_agent()
        asked = time.time_ns()
        printed = self._ask(["probe"], wire.to_json(request), timeout_s=120)
        answered = time.time_ns()
        facts = read_facts(printed, self._source("probe"))
        if "clock_ns" in facts:
            facts["clock_offset_ns"] = facts["clock_ns"] - (asked + answered) // 2
            facts["clock_uncertainty_ns"] = (answered - asked) // 2
        return facts

    def missing(self, sizes: Mapping[str, int]) -> Lacking:
        """Return which of the blobs, sha256 -> bytes, the device lacks; it reads and hashes those it has."""
        timeout_s = SILENCE_S + sum(sizes.values()) / SLOWEST_DISK_BYTES_PER_S
        answer = self._have(sizes, timeout_s=timeout_s)
        for sha256, arrived in answer.missing.items():
            if sha256 not in sizes:
                raise AnswerRefused(f"{self._source('have')} speaks of blobs that it was not asked for")
            if arrived > sizes[sha256]:
                raise AnswerRefused(f"{self._source('have')} says that more bytes arrived than a file has: {arrived}")
        if not set(answer.damaged) <= set(answer.missing):
            raise AnswerRefused(f"{self._source('have')} calls blobs damaged that it has")
        damaged = frozenset(answer.damaged)
        return Lacking(
            arrived=answer.missing, damaged=damaged, used_bytes=answer.used_bytes, free_bytes=answer.free_bytes
        )

    def send(self, path: Path, sha256: str, *, arrived: int = 0) -> int:
        """Send a blob from byte ``arrived`` on and return the bytes sent; raises `TransferBroken` if it arrives wrong."""
        size = path.stat().st_size
        with path.open("rb") as source:
            source.seek(arrived)
            argv = ["receive", sha256, "--size", str(size), "--offset", str(arrived)]
            timeout_s = SILENCE_S + size / SLOWEST_DISK_BYTES_PER_S
            received = self.answer(Received, argv, self._paced(source), timeout_s=timeout_s)
        if received != Received(sha256=sha256, size_bytes=size):
            raise AnswerRefused(f"{self._source('receive')} is about another file")
        return size - arrived

    def send_all(self, files: Mapping[str, Path], arrived: Mapping[str, int]) -> None:
        """Send the rest of several blobs, sha256 -> file, in one go; raises as `send`, with those before it there."""
        row = FileRow(files, arrived)
        timeout_s = SILENCE_S + row.size_bytes / SLOWEST_DISK_BYTES_PER_S
        stdin = self._paced(cast("BinaryIO", row))
        if self.answer(AllReceived, ["receive-all"], stdin, timeout_s=timeout_s).received != len(files):
            raise AnswerRefused(f"{self._source('receive-all')} is about other files")

    def ensure_environment(self, name: str, wheels: Iterable[tuple[str, str]]) -> None:
        """Unpack wheels, (file name, sha256) of blobs that are there, into the environment ``name``; again where it is damaged."""
        request = wire.EnvironmentRequest(
            environment=name, wheels=tuple(wire.Wheel(filename=filename, sha256=sha256) for filename, sha256 in wheels)
        )
        if self.answer(EnvironmentReady, ["environment"], wire.to_json(request), timeout_s=900).damaged:
            self._damaged.append(f"environment {name[:12]}")

    def start(self, request: wire.LaneRequest) -> None:
        """Start a lane, detached; starting the same lane twice starts it once. Raises `DeviceBusy`."""
        self.answer(LaneAccepted, ["start"], wire.to_json(request))
        self._hang_up()

    def tune(self, *, holder: str, no_turbo: bool, seconds: float) -> Tuning:
        """Set what makes timings steady until `restore`, for ``seconds`` at most. Raises `DeviceBusy`."""
        return self._tuning("tune", wire.to_json(wire.TuneRequest(holder=holder, no_turbo=no_turbo, seconds=seconds)))

    def restore(self) -> Tuning:
        """Put back what was tuned. Raises `DeviceBusy`."""
        return self._tuning("restore")

    #: Codes of refusals that mean: the lane is no longer there, nothing more will come.
    GONE = frozenset({wire.LANE_DIED, wire.UNKNOWN_LANE})

    def follow(
        self,
        lane: str,
        offset: int,
        *,
        line_bytes: int = RECORD_BYTES,
        check: Callable[[], None] = lambda: None,
        waits: bool = True,
    ) -> Iterator[Recorded]:
        """Yield the journal of ``lane`` from ``offset`` as it grows, until its `LaneDone`; what is there now, unless it ``waits``.

        ``check`` is called whenever something arrives, and every ``tick_s`` in silence; what it raises ends the following.
        Raises `ConnectionLost` when the link dies (follow again from the last offset), `AgentFailed` with the code
        ``lane-died`` where the lane's process is gone, `AnswerRefused` for what is no journal, or a line of more than
        ``line_bytes``.
        """
        command = "follow" if waits else "collect"
        chunks = self.stream([command, lane, "--from", str(offset)], tick_s=self._tick_s)
        self._hang_up()
        source = f"{self.device.name}: the journal of lane {lane}"
        _LOG.debug("%s: %s %s from byte %d", self.device.name, command, lane, offset)
        try:
            yield from records(chunks, offset, line_bytes=line_bytes, source=source, check=check)
        except AnswerRefused:
            raise
        except AgentFailed as error:
            raise self._refusal(error.stderr, error.status or 1) from error

    def stop(self, lane: str, *, now: bool = True) -> bool:
        """Stop a lane, or let it finish the step that it is at; return False where it was over already.

        Another thread may be at work with this client: this one asks in a dialogue of its own.
        """
        argv = ["stop", lane, *([] if now else ["--gently"])]
        with closing(self._contact().dialogue) as dialogue:
            return read_answer(LaneStopped, self._put(dialogue, argv), self._source("stop")).stopped

    def answer(
        self, kind: type[T], argv: list[str], stdin: bytes | BinaryIO = b"", *, timeout_s: float = SILENCE_S
    ) -> T:
        """Return the answer to a command of the agent as a ``kind`` of `gate`."""
        return read_answer(kind, self._ask(argv, stdin, timeout_s=timeout_s), self._source(argv[0]))

    def _have(self, hashes: Iterable[str], *, timeout_s: float = SILENCE_S) -> MissingBlobs:
        return self.answer(MissingBlobs, ["have"], json.dumps(sorted(hashes)).encode(), timeout_s=timeout_s)

    def _tuning(self, command: str, stdin: bytes = b"") -> Tuning:
        answer = read_facts(self._ask([command], stdin), self._source(command))
        try:
            return Tuning.from_json(answer)
        except ValueError as error:
            raise AnswerRefused(f"{self._source(command)} does not fit: {error}") from error

    def _source(self, command: str) -> str:
        return source_of(self.device, command)

    @property
    def _python(self) -> str:
        # The device `local` is measured with farm's own Python, which has the runtime; a path in the inventory wins.
        if self.device.transport == "local" and self.device.python == "python3":
            return sys.executable
        return self.device.python

    def _command(self, argv: list[str]) -> list[str]:
        if (agent := self._agent) is None:
            self._hang_up()
            self.ensure_agent()
            agent = self._agent or ""  # another thread may have closed us at once: then Python finds no file
        return [self._python, agent, "--workdir", self._workdir, *argv]

    def stream(self, argv: list[str], stdin: bytes = b"", *, tick_s: float) -> Iterator[bytes]:
        """Yield what a command of the agent prints, as `Transport.stream` does."""
        return self._transport.stream(self._command(argv), stdin=stdin, tick_s=tick_s)

    def _ask(self, argv: list[str], stdin: bytes | BinaryIO = b"", *, timeout_s: float = SILENCE_S) -> bytes:
        """Return what a command of the agent printed; raises what its refusal means."""
        if (dialogue := self._dialogue) is None:
            dialogue = self._dialogue = self._contact().dialogue
        try:
            printed = self._put(dialogue, argv, stdin, timeout_s=timeout_s)
        except BaseException:  # an answer that failed is the last one
            self._hang_up()
            raise
        if self._dialogue is not dialogue:  # another thread closed us meanwhile
            dialogue.close()
        return printed

    def _put(
        self, dialogue: Dialogue, argv: list[str], stdin: bytes | BinaryIO = b"", *, timeout_s: float = SILENCE_S
    ) -> bytes:
        done = exchange(dialogue, self.device, argv[0], question(argv, stdin), timeout_s=timeout_s)
        if done.status:
            raise self._refusal(done.out if done.status == wire.REFUSED else done.err, done.status)
        return done.out

    def _refusal(self, printed: bytes, status: int) -> FarmError:
        """Turn the refusal in the last line of ``printed`` into our error."""
        if status == NO_FILE and b"can't open file" in printed:
            self._agent = None  # the next command pushes it again
            return ConnectionLost(f"{self.device.name}: the agent was deleted from its directory there")
        if status in (NOT_FOUND, NOT_EXECUTABLE):
            return no_python(self.device, self._python, last_words(printed, 500) or f"status {status}")
        return refusal_of(self.device.name, printed, status)
