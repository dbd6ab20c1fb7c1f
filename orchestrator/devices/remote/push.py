"""Files that a device lacks, sent there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.domain.units import format_bytes
from orchestrator.errors import DeviceUnfit
from orchestrator.runtimes.pins import ROOM

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from orchestrator.devices.remote.client import AgentClient
    from orchestrator.domain.blob import Blob


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """A blob that arrived."""

    blob: Blob
    sent_bytes: int
    #: Whether the device had it, changed by its disk since it arrived.
    was_damaged: bool


def push(
    client: AgentClient,
    blobs: Iterable[Blob],
    *,
    disk_limit_bytes: int | None = None,
    arrived: Callable[[int], None] = lambda _: None,
) -> Iterator[Pushed]:
    """Send what the device lacks of ``blobs``, or has damaged; yield each blob that arrived.

    ``arrived`` gets, before anything is sent, how many bytes of them are there. Raises `DeviceUnfit`, before anything is
    sent, where farm's files would take more than ``disk_limit_bytes`` there.
    """
    wanted = {blob.sha256: blob for blob in blobs}
    sizes = {sha256: blob.path.stat().st_size for sha256, blob in wanted.items()}
    lacking = client.missing(sizes)
    arrived(sum(lacking.arrived.get(sha256, size) for sha256, size in sizes.items()))
    if lacking.arrived and disk_limit_bytes is not None:
        used = client.space().used_bytes
        more = sum(_room(wanted[sha256].path) - there for sha256, there in lacking.arrived.items())
        if used + more > disk_limit_bytes:
            name = client.device.name
            raise DeviceUnfit(
                f"{name}: farm's files take {format_bytes(used)} there and need {format_bytes(more)} more; "
                f"the inventory allows {format_bytes(disk_limit_bytes)}",
                hint=f"farm devices clean {name} --unused-days 0, or raise limits.disk",
            )
    for sha256, there in lacking.arrived.items():
        sent = client.send(wanted[sha256].path, sha256, arrived=there)
        yield Pushed(blob=wanted[sha256], sent_bytes=sent, was_damaged=sha256 in lacking.damaged)


def _room(path: Path) -> int:
    """Return what a blob takes on a device; a wheel is unpacked beside itself."""
    size = path.stat().st_size
    return size * ROOM if path.suffix == ".whl" else size
