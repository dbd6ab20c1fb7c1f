"""A slow, lossy cable between a host and the lab's bridge: every packet passes through this process, which may keep it a while.

Linux's own way, netem, is not in every kernel. Both ends are TAP devices; what the cable is like stands in a JSON file that
is looked at again five times a second. ``python -m tests.lab.cable LAB HOST PLUG HARDWARE FILE``, the first two being processes
in the networks of the two ends, says its process id and runs until it is killed.
"""

from __future__ import annotations

import fcntl
import heapq
import json
import os
import random
import select
import struct
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.lab.namespaces import Inhabitant

#: From linux/if_tun.h: name a TUN device; it carries whole Ethernet frames, without a header of its own.
TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 0x0002, 0x1000
#: A frame of 1500 bytes with its header fits, and so does everything else a TAP gives.
FRAME_BYTES = 65_600
LOOK_S = 0.2


@dataclass(frozen=True, kw_only=True)
class Quality:
    """What a cable is like, in each direction."""

    delay_ms: float = 0
    #: Up to so much more for every packet, so they overtake each other.
    jitter_ms: float = 0
    loss_percent: float = 0
    #: The same of what the host sends, where that differs: with 100 the cable carries one way only.
    loss_back_percent: float | None = None
    #: In Mbit/s; 0 sets no limit.
    rate_mbit: float = 0
    #: How long a packet may wait for those before it; one that would wait longer is lost.
    queue_ms: float = 200

    def back(self) -> Quality:
        """Return what it is like for what the host sends."""
        return self if self.loss_back_percent is None else replace(self, loss_percent=self.loss_back_percent)


@dataclass(kw_only=True)
class Way:
    """One direction."""

    into: int
    quality: Quality = Quality()
    #: When the last byte will have left, and the frames on their way: when each arrives, its number, itself.
    free_at: float = 0.0
    frames: list[tuple[float, int, bytes]] = field(default_factory=list)
    seen: int = 0
    #: Seeded: two runs lose the same packets.
    random: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311  no secrets here

    def send(self, frame: bytes, now: float) -> None:
        """Take a frame in."""
        quality = self.quality
        if self.random.random() * 100 < quality.loss_percent:
            return
        leaves = now
        if quality.rate_mbit:
            begins = max(now, self.free_at)
            if begins - now > quality.queue_ms / 1e3:
                return
            leaves = self.free_at = begins + len(frame) * 8 / (quality.rate_mbit * 1e6)
        arrives = leaves + (quality.delay_ms + self.random.random() * quality.jitter_ms) / 1e3
        self.seen += 1
        heapq.heappush(self.frames, (arrives, self.seen, frame))

    def deliver(self, now: float) -> None:
        """Let out what has arrived."""
        while self.frames and self.frames[0][0] <= now:
            _, _, frame = heapq.heappop(self.frames)
            try:
                os.write(self.into, frame)
            except OSError:  # the other end is down: lost, as on any cable
                continue


def tap(name: str) -> int:
    """Make a TAP device in this thread's network; it lasts as long as its descriptor."""
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(descriptor, TUNSETIFF, struct.pack("16sH14x", name.encode(), IFF_TAP | IFF_NO_PI))
    return descriptor


def carry(ends: tuple[int, int], file: Path) -> None:
    """Carry frames between the two ends, the lab's and the host's, for ever."""
    first, second = ends
    ways = {first: Way(into=second), second: Way(into=first)}
    poll = select.epoll()
    for end in ends:
        poll.register(end, select.EPOLLIN)
    look_at = 0.0
    while True:
        now = time.monotonic()
        if now >= look_at:
            look_at = now + LOOK_S
            quality = Quality(**json.loads(file.read_text()))
            ways[first].quality, ways[second].quality = quality, quality.back()
        for way in ways.values():
            way.deliver(now)
        arrivals = [way.frames[0][0] for way in ways.values() if way.frames]
        for end, _ in poll.poll(max(min([*arrivals, look_at]) - now, 0)):
            for _ in range(64):
                try:
                    frame = os.read(end, FRAME_BYTES)
                except OSError:  # nothing more for now
                    break
                ways[end].send(frame, time.monotonic())


def main() -> None:
    """Lay the cable and carry."""
    lab, host, plug, hardware, file = sys.argv[1:]
    near, far = Inhabitant.of(int(lab)), Inhabitant.of(int(host))
    with near.entered():
        ours = tap(plug)
    with far.entered():
        theirs = tap("eth0")
    far.ip(f"link set eth0 address {hardware}")
    # as the machine counts, whose /proc it sees; its own number is one in the lab
    print(Path("/proc/self").readlink(), flush=True)  # noqa: T201  to who started it
    carry((ours, theirs), Path(file))


if __name__ == "__main__":
    main()
