"""Files that reach devices by way of their jump host, which keeps them: each crosses the line to it once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from agent import relay_wire, wire
from orchestrator.devices.remote.answers import AllReceived
from orchestrator.devices.remote.dialogue import SILENCE_S
from orchestrator.devices.remote.gate import ANSWER_BYTES, Exact, read_answer
from orchestrator.devices.remote.relay_pass import make_pass
from orchestrator.domain.units import format_bytes
from orchestrator.errors import (
    AgentFailed,
    AnswerRefused,
    DeviceBusy,
    DeviceUnfit,
    FarmError,
    NoAnswer,
    TransferBroken,
    Transient,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from orchestrator.devices.remote.client import AgentClient, Lacking
    from orchestrator.domain.blob import Blob
    from orchestrator.domain.device import Device

#: A jump host keeps files for so many devices at least; for one alone it would be a detour.
LEAST_DEVICES = 2
#: Handed out at once: their names fit into one command line of every system.
MOST_BLOBS = 1000
#: Of a jump host's disk, what is left alone.
SPARE_BYTES = 100_000_000
#: Links to it that broke one after the other; then each device is sent its own files.
MOST_BREAKS = 3
#: Between jump host and device; what is slower is sent by us.
SLOWEST_WAY_BYTES_PER_S = 100_000
TICK_S = 1.0
#: A jump host that hands out a file may be silent for so long.
PATIENCE_S = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayServes:
    """A jump host hands out files at this address."""

    address: Exact
    port: Annotated[int, Field(ge=1, le=65535)]


class Relays:
    """The jump hosts of one command that pass files on; used by several threads.

    ``connect`` returns a client of a jump host, ``host`` the name or address by which the last hop reaches a device. One that hands out
    a file may be silent for ``patience_s``.
    """

    def __init__(
        self,
        devices: Iterable[Device],
        connect: Callable[[Device], AgentClient],
        host: Callable[[Device], str],
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        behind = [device.via for device in devices if device.via is not None and device.relay and device.via.relay]
        count = Counter(gate.name for gate in behind)
        self._relays = {
            gate.name: Relay(gate, connect, host, patience_s=patience_s)
            for gate in behind
            if count[gate.name] >= LEAST_DEVICES
        }

    def of(self, device: Device) -> Relay | None:
        """Return what passes files on to ``device``."""
        return self._relays.get(device.via.name) if device.via is not None and device.relay else None


class Relay:
    """One jump host, for all devices behind it."""

    def __init__(
        self,
        gate: Device,
        connect: Callable[[Device], AgentClient],
        host: Callable[[Device], str],
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.gate, self.patience_s = gate, patience_s
        self._connect, self._host = connect, host
        self._uploads = threading.Lock()
        #: Blobs that the jump host has, whole.
        self._there: set[str] = set()
        self._refusals = threading.Lock()
        #: Of what was asked of the jump host itself; of devices, those which did not get what it keeps.
        self._is_off, self._breaks = False, 0
        self._without: set[str] = set()
        self._reason, self._is_new = "", False

    def open(self, client: AgentClient, blobs: Iterable[Blob]) -> Way | None:
        """Return the way of ``blobs`` to the device of ``client``, ``None`` where there is none; close it after use.

        Raises `Transient` where the link broke: without the jump host the device can't be reached, either.
        """
        if self._is_off or client.device.name in self._without:
            return None
        way = Way(self, self._connect(self.gate), client)
        hashes = [blob.sha256 for blob in blobs][:MOST_BLOBS]
        try:
            if self.works(partial(way.serve, self._host(client.device), hashes)) and self.works(
                way.fetch, device=client.device.name
            ):
                return way
        except BaseException:
            way.close()
            raise
        way.close()
        return None

    def works(self, act: Callable[[], None], *, device: str | None = None) -> bool:
        """Do ``act``; return False where it shows that files can't go this way, to ``device`` or, without one, to any.

        Why is noted once, and the way not tried again. Broken links, and a device without room, are raised; a link to the jump host that
        broke `MOST_BREAKS` times in a row is as good as none.
        """
        try:
            act()
        except (TransferBroken, NoAnswer, DeviceBusy, AgentFailed, DeviceUnfit) as error:
            if device is not None and isinstance(error, NoAnswer | DeviceUnfit):
                raise
            self._refuse(error, device)
            return False
        except Transient as error:
            if device is None:
                self._breaks += 1
                if self._breaks >= MOST_BREAKS:
                    self._refuse(error, None)
            raise
        if device is None:
            self._breaks = 0
        return True

    def _refuse(self, error: FarmError, device: str | None) -> None:
        with self._refusals:
            if not self._reason:
                self._reason, self._is_new = error.message, True
            if device is None:
                self._is_off = True
            else:
                self._without.add(device)

    def take_news(self) -> str | None:
        """Return, once, why files do not go this way."""
        with self._refusals:
            is_new, self._is_new = self._is_new, False
        return self._reason if is_new else None

    def bring(self, gate: AgentClient, batch: Mapping[str, Blob]) -> None:
        """Send blobs to the jump host unless they are there; other devices that need them wait meanwhile."""
        with self._uploads:
            sizes = {sha256: blob.path.stat().st_size for sha256, blob in batch.items() if sha256 not in self._there}
            if not sizes:
                return
            lacking = gate.missing(sizes)
            left = {sha256: sizes[sha256] - arrived for sha256, arrived in lacking.arrived.items()}
            if left:
                self._expect_room(lacking, sum(left.values()))
                gate.send_all({sha256: batch[sha256].path for sha256 in left}, lacking.arrived)
            self._there |= sizes.keys()

    def _expect_room(self, space: Lacking, more_bytes: int) -> None:
        most = self.gate.limits.disk_bytes
        room = min(space.free_bytes - SPARE_BYTES, space.free_bytes if most is None else most - space.used_bytes)
        if more_bytes > room:
            raise DeviceUnfit(f"{self.gate.name}: no room for {format_bytes(more_bytes)} more of farm's files there")


class Way:
    """The way of some blobs over a jump host to one device; used by one thread."""

    def __init__(self, relay: Relay, gate: AgentClient, client: AgentClient) -> None:
        self.gate = relay.gate
        self._relay, self._gate, self._client = relay, gate, client
        self._pass = make_pass()
        self._hashes: frozenset[str] = frozenset()
        self._serving: Iterator[bytes] = iter(())
        self._serves: RelayServes | None = None

    def serve(self, host: str, hashes: list[str]) -> None:
        """Let the jump host hand out ``hashes`` towards ``host`` until `close`."""
        self._hashes = frozenset(hashes)
        asked = relay_wire.ServeRequest(self._pass.certificate, self._pass.key, self._pass.token)
        self._serving = self._gate.stream(["serve", host, *hashes], wire.to_json(asked) + b"\n", tick_s=TICK_S)
        source = f"{self.gate.name}: the agent's answer to serve"
        printed, deadline = b"", time.monotonic() + SILENCE_S
        for chunk in self._serving:
            printed = (printed + chunk)[-ANSWER_BYTES:]
            line = next((line for line in printed.splitlines(keepends=True) if line.startswith(relay_wire.MARK)), b"")
            if line.endswith(b"\n"):
                self._serves = read_answer(RelayServes, line.removeprefix(relay_wire.MARK), source)
                return
            if time.monotonic() > deadline:
                raise NoAnswer(f"{self.gate.name}: no answer to `serve` within {SILENCE_S:g} s")
        raise AnswerRefused(f"{source} is empty")

    def fetch(self, blobs: Sequence[tuple[str, int, int]] = ()) -> None:
        """Let the device get blobs, (sha256, size, byte to begin with), from the jump host; without any, try the way.

        Raises what `AgentClient.send` raises.
        """
        assert self._serves is not None  # noqa: S101  `serve` comes first
        asked = relay_wire.FetchRequest(
            self._serves.address,
            self._serves.port,
            self._pass.certificate,
            self._pass.token,
            tuple(blobs),
            self._relay.patience_s,
        )
        timeout_s = SILENCE_S + sum(size for _, size, _ in blobs) / SLOWEST_WAY_BYTES_PER_S
        answer = self._client.answer(AllReceived, ["fetch"], wire.to_json(asked), timeout_s=timeout_s)
        if answer.received != len(blobs):
            raise AnswerRefused(f"{self._client.device.name}: the agent's answer to fetch is about other files")

    def leads(self, hashes: Iterable[str]) -> bool:
        """Check whether blobs can go this way, as far as it is known."""
        return self._hashes.issuperset(hashes)

    def deliver(self, batch: Mapping[str, Blob], arrived: Mapping[str, int]) -> bool:
        """Bring the rest of blobs to the device; return False where this way does not lead there."""
        files = [(sha256, blob.path.stat().st_size, arrived[sha256]) for sha256, blob in batch.items()]
        is_there = self._relay.works(partial(self._relay.bring, self._gate, batch))
        if is_there and self._relay.works(partial(self.fetch, files), device=self._client.device.name):
            return True
        self._hashes = frozenset()
        return False

    def close(self) -> None:
        """End handing out."""
        if isinstance(self._serving, Generator):
            with suppress(FarmError):
                self._serving.close()
        self._gate.close()
