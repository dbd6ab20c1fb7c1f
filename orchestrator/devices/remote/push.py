"""Files that a device lacks, sent there as far as its disk has room."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from orchestrator.devices.remote.push_limits import PushLimits
from orchestrator.domain.units import format_bytes
from orchestrator.errors import DeviceUnfit
from orchestrator.runtimes.pins import ROOM

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from orchestrator.devices.remote.client import AgentClient, Lacking
    from orchestrator.devices.remote.relay import Relay
    from orchestrator.domain.blob import Blob

#: Of a device's free disk, what images leave alone: for journals, and for whoever else writes there.
SPARE_BYTES = 100_000_000
#: Files that are sent together have at most so many bytes; a device says when they are there, not before.
BATCH_BYTES = 16_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushing:
    """What is about to be sent, how much of it is images, and how much of them waits for room."""

    total_bytes: int
    image_bytes: int
    later_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Nothing is sent yet; ``what`` is waited for."""

    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotRelayed:
    """A jump host does not pass files on, for ``reason``; each device behind it is sent its own."""

    gate: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """A blob that arrived."""

    blob: Blob
    sent_bytes: int
    #: Whether the device had it, changed by its disk since it arrived.
    was_damaged: bool = False


#: What `push` yields.
PushStep: TypeAlias = Waiting | NotRelayed | Pushing | Pushed


def push(
    client: AgentClient,
    needed: Iterable[Blob],
    shards: Iterable[Blob] = (),
    *,
    disk_limit_bytes: int | None = None,
    arrived: Callable[[int], None] = lambda _: None,
    limits: PushLimits | None = None,
    relay: Relay | None = None,
) -> Generator[PushStep, None, bool]:
    """Send what the device lacks of ``needed``, or has damaged, then of ``shards`` as many as its disk takes, one at least.

    Returns whether it has all of them. ``arrived`` gets, before anything is sent, how many bytes are there. The device waits for its
    turn by ``limits``; files reach it by way of ``relay`` where that is possible. Raises `DeviceUnfit`, before anything is sent, where farm's files would take more than ``disk_limit_bytes`` there.
    """
    first = {blob.sha256: blob for blob in needed}
    rest = {blob.sha256: blob for blob in shards if blob.sha256 not in first}
    sizes = {sha256: blob.path.stat().st_size for sha256, blob in (first | rest).items()}
    lacking = client.missing(sizes)
    arrived(sum(lacking.arrived.get(sha256, size) for sha256, size in sizes.items()))
    if not lacking.arrived:
        return True
    sending = {sha256: blob for sha256, blob in first.items() if sha256 in lacking.arrived}
    later = _choose(client.device.name, sending, rest, lacking, disk_limit_bytes)
    to_send = {sha256: sizes[sha256] - lacking.arrived[sha256] for sha256 in sending}
    turn = (limits or PushLimits()).turn(client.device)
    if not turn.take(blocking=False):
        yield Waiting(what=turn.words)
        turn.take(blocking=True)
    try:
        yield Pushing(
            total_bytes=sum(to_send.values()),
            image_bytes=sum(size for sha256, size in to_send.items() if sending[sha256].is_images),
            later_bytes=sum(sizes[sha256] for sha256 in later),
        )
        for step in _sent(client, sending, lacking.arrived, relay):
            yield replace(step, was_damaged=step.blob.sha256 in lacking.damaged) if isinstance(step, Pushed) else step
    finally:
        turn.give_back()
    return not later


def _sent(
    client: AgentClient, sending: Mapping[str, Blob], arrived: Mapping[str, int], relay: Relay | None
) -> Generator[Waiting | NotRelayed | Pushed, None, None]:
    """Send all of ``sending``, by way of ``relay`` as far as that leads there."""
    way = None
    if relay is not None and sending:
        yield Waiting(what=f"looks for a way to get its files from {relay.gate.name}")
        way = relay.open(client, sending.values())
    try:
        for batch in _batches(sending, arrived):
            offsets: Mapping[str, int] = arrived
            is_there = False
            if way is not None and way.leads(batch):
                yield Waiting(what=f"gets {_named(batch)} by way of {way.gate.name}")
                is_there = way.deliver(batch, arrived)
                if not is_there:  # some may have come all the same; of a part, who knows whether it is right
                    sizes = {sha256: blob.path.stat().st_size for sha256, blob in batch.items()}
                    left = client.missing(sizes).arrived
                    offsets = sizes | {sha256: min(came, arrived[sha256]) for sha256, came in left.items()}
            if relay is not None and (reason := relay.take_news()) is not None:
                yield NotRelayed(gate=relay.gate.name, reason=reason)
            if not is_there:
                _send(client, batch, offsets)
            for sha256, blob in batch.items():
                yield Pushed(blob=blob, sent_bytes=blob.path.stat().st_size - arrived[sha256])
    finally:
        if way is not None:
            way.close()


def _batches(sending: Mapping[str, Blob], arrived: Mapping[str, int]) -> Iterator[dict[str, Blob]]:
    """Yield the blobs in their order: those of few bytes together, for each transfer takes a program's start over there."""
    batch: dict[str, Blob] = {}
    batch_bytes = 0
    for sha256, blob in sending.items():
        left = blob.path.stat().st_size - arrived[sha256]
        if batch and batch_bytes + left > BATCH_BYTES:
            yield batch
            batch, batch_bytes = {}, 0
        batch[sha256] = blob
        batch_bytes += left
    if batch:
        yield batch


def _send(client: AgentClient, batch: Mapping[str, Blob], arrived: Mapping[str, int]) -> None:
    if len(batch) > 1:
        client.send_all({sha256: blob.path for sha256, blob in batch.items()}, arrived)
    else:
        for sha256, blob in batch.items():
            client.send(blob.path, sha256, arrived=arrived[sha256])


def _named(batch: Mapping[str, Blob]) -> str:
    first = next(iter(batch.values())).what
    return first if len(batch) == 1 else f"{first} and {len(batch) - 1} more"


def _choose(
    name: str,
    sending: dict[str, Blob],
    shards: Mapping[str, Blob],
    space: Lacking,
    limit_bytes: int | None,
) -> list[str]:
    """Add to ``sending`` the lacking shards that there is room for, in their order; return the others."""
    arrived = space.arrived
    more = sum(_room(blob) - arrived[sha256] for sha256, blob in sending.items())
    allowed = None if limit_bytes is None else limit_bytes - space.used_bytes
    lacking = [sha256 for sha256 in shards if sha256 in arrived]
    is_first = len(lacking) == len(shards)
    least = _room(shards[lacking[0]]) - arrived[lacking[0]] if lacking and is_first else 0
    if allowed is not None and limit_bytes is not None and more + least > allowed:
        raise DeviceUnfit(
            f"{name}: farm's files take {format_bytes(space.used_bytes)} there and need {format_bytes(more + least)} more; "
            f"the inventory allows {format_bytes(limit_bytes)}",
            hint=f"farm devices clean {name} --unused-days 0, or raise limits.disk",
        )
    room = min(space.free_bytes - SPARE_BYTES, space.free_bytes if allowed is None else allowed)
    while lacking and (is_first or more + _room(shards[lacking[0]]) - arrived[lacking[0]] <= room):
        sha256 = lacking.pop(0)
        more += _room(shards[sha256]) - arrived[sha256]
        sending[sha256] = shards[sha256]
        is_first = False
    return lacking


def _room(blob: Blob) -> int:
    """Return what a blob takes on a device; a wheel is unpacked beside itself."""
    size = blob.path.stat().st_size
    return size * ROOM if blob.path.suffix == ".whl" else size
