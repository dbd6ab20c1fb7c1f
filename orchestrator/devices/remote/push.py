"""Files that a device lacks, sent there as far as its disk has room."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.domain.units import format_bytes
from orchestrator.errors import DeviceUnfit
from orchestrator.runtimes.pins import ROOM

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping

    from orchestrator.devices.remote.client import AgentClient
    from orchestrator.domain.blob import Blob

#: Of a device's free disk, what images leave alone: for journals, and for whoever else writes there.
SPARE_BYTES = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushing:
    """What is about to be sent, how much of it is images, and how much of them waits for room."""

    total_bytes: int
    image_bytes: int
    later_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """A blob that arrived."""

    blob: Blob
    sent_bytes: int
    #: Whether the device had it, changed by its disk since it arrived.
    was_damaged: bool


def push(
    client: AgentClient,
    needed: Iterable[Blob],
    shards: Iterable[Blob] = (),
    *,
    disk_limit_bytes: int | None = None,
    arrived: Callable[[int], None] = lambda _: None,
) -> Generator[Pushing | Pushed, None, bool]:
    """Send what the device lacks of ``needed``, or has damaged, then of ``shards`` as many as its disk takes, one at least.

    Returns whether it has all of them. ``arrived`` gets, before anything is sent, how many bytes are there. Raises `DeviceUnfit`,
    before anything is sent, where farm's files would take more than ``disk_limit_bytes`` there.
    """
    first = {blob.sha256: blob for blob in needed}
    rest = {blob.sha256: blob for blob in shards if blob.sha256 not in first}
    sizes = {sha256: blob.path.stat().st_size for sha256, blob in (first | rest).items()}
    lacking = client.missing(sizes)
    arrived(sum(lacking.arrived.get(sha256, size) for sha256, size in sizes.items()))
    if not lacking.arrived:
        return True
    sending = {sha256: blob for sha256, blob in first.items() if sha256 in lacking.arrived}
    later = _choose(client, sending, rest, lacking.arrived, disk_limit_bytes)
    to_send = {sha256: sizes[sha256] - lacking.arrived[sha256] for sha256 in sending}
    yield Pushing(
        total_bytes=sum(to_send.values()),
        image_bytes=sum(size for sha256, size in to_send.items() if sending[sha256].is_images),
        later_bytes=sum(sizes[sha256] for sha256 in later),
    )
    for sha256, blob in sending.items():
        sent = client.send(blob.path, sha256, arrived=lacking.arrived[sha256])
        yield Pushed(blob=blob, sent_bytes=sent, was_damaged=sha256 in lacking.damaged)
    return not later


def _choose(
    client: AgentClient,
    sending: dict[str, Blob],
    shards: Mapping[str, Blob],
    arrived: Mapping[str, int],
    limit_bytes: int | None,
) -> list[str]:
    """Add to ``sending`` the lacking shards that there is room for, in their order; return the others."""
    space = client.space()
    more = sum(_room(blob) - arrived[sha256] for sha256, blob in sending.items())
    allowed = None if limit_bytes is None else limit_bytes - space.used_bytes
    lacking = [sha256 for sha256 in shards if sha256 in arrived]
    is_first = len(lacking) == len(shards)
    least = _room(shards[lacking[0]]) - arrived[lacking[0]] if lacking and is_first else 0
    if allowed is not None and limit_bytes is not None and more + least > allowed:
        name = client.device.name
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
