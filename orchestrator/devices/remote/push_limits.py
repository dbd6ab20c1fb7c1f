"""How quickly files are sent, to how many devices of a site at once."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, BinaryIO, cast

from orchestrator.domain.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.domain.device import Device

#: Devices of one site that receive files at the same time, unless `--site-pushes` says otherwise.
SITE_PUSHES = 4
#: The least that each of several pushes gets of a limited rate: one that gets less would be taken for a device that hangs.
LEAST_BYTES_PER_S = 16_000
#: A paced read takes about so long, so that pushes take turns and a screen moves.
READ_S = 0.1


class Bucket:
    """A rate that several threads share: whoever takes bytes waits until these are due. ``clock`` is in seconds."""

    def __init__(
        self,
        bytes_per_s: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.bytes_per_s = bytes_per_s
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._free_at = clock()

    @property
    def read_bytes(self) -> int:
        """How much to take at once."""
        return max(1, int(self.bytes_per_s * READ_S))

    def take(self, count: int) -> None:
        """Wait until the bytes that were taken before have had their time."""
        with self._lock:
            now = self._clock()
            due = max(now, self._free_at)
            self._free_at = due + count / self.bytes_per_s
        if due > now:
            self._sleep(due - now)


class Turn:
    """The places that one device needs to receive files: one of its site, one of the whole command."""

    def __init__(self, places: tuple[threading.Semaphore, ...], words: str) -> None:
        self._places = places
        self._held: list[threading.Semaphore] = []
        #: What the device waits for, for people.
        self.words = words

    def take(self, *, blocking: bool) -> bool:
        """Take every place; return False, with none taken, where one is not free and ``blocking`` is not asked for."""
        for place in self._places:  # always in the same order: two that wait for each other can't be
            if not place.acquire(blocking=blocking):
                self.give_back()
                return False
            self._held.append(place)
        return True

    def give_back(self) -> None:
        """Let the next one have the places that are held."""
        while self._held:
            self._held.pop().release()


class PushLimits:
    """Limits that all pushes of one command share; used by several threads.

    ``bytes_per_s`` is the most that all pushes send together, ``site_pushes`` how many devices of one site receive at once.
    `Limits.push_bytes_per_s` of the inventory is the most that all pushes to a device's site send together.
    """

    def __init__(self, *, bytes_per_s: int | None = None, site_pushes: int = SITE_PUSHES) -> None:
        self.bytes_per_s, self.site_pushes = bytes_per_s, site_pushes
        self._lock = threading.Lock()
        self._sites: dict[str, threading.Semaphore] = {}
        self._buckets: dict[tuple[str, int], Bucket] = {}
        self._total = None if bytes_per_s is None else Bucket(bytes_per_s)
        self._places = None if bytes_per_s is None else threading.Semaphore(_most_at(bytes_per_s))

    def turn(self, device: Device) -> Turn:
        """Return the places that ``device`` needs; nothing is taken yet."""
        places: list[threading.Semaphore] = []
        words = []
        if device.site is not None:
            rate = device.limits.push_bytes_per_s
            most = self.site_pushes if rate is None else min(self.site_pushes, _most_at(rate))
            with self._lock:
                places.append(self._sites.setdefault(device.site, threading.Semaphore(most)))
            words.append(f"at most {most} {'device' if most == 1 else 'devices'} of site {device.site} at once")
        if self._places is not None and self._total is not None:
            places.append(self._places)
            words.append(f"{format_bytes(self._total.bytes_per_s)}/s for all devices")
        return Turn(tuple(places), f"waits for its turn to receive: {', '.join(words)}")

    def paced(self, device: Device, source: BinaryIO) -> BinaryIO:
        """Return ``source``, read no faster than the limits allow for ``device``."""
        buckets = [self._total] if self._total is not None else []
        rate = device.limits.push_bytes_per_s
        if rate is not None:
            with self._lock:
                key = (device.site or f"device {device.name}", rate)
                buckets.append(self._buckets.setdefault(key, Bucket(rate)))
        return cast("BinaryIO", _Paced(source, buckets)) if buckets else source


class _Paced:
    """What a transport reads of a file, at a limited rate."""

    def __init__(self, source: BinaryIO, buckets: list[Bucket]) -> None:
        self._source, self._buckets = source, buckets

    def read(self, size: int) -> bytes:
        """Return ``size`` bytes at most; fewer are not the end."""
        piece = self._source.read(min(size, *(bucket.read_bytes for bucket in self._buckets)))
        for bucket in self._buckets:
            bucket.take(len(piece))
        return piece


def _most_at(bytes_per_s: int) -> int:
    return max(1, bytes_per_s // LEAST_BYTES_PER_S)
