#!/usr/bin/env python3
"""Files on their way to devices: prints farm's push beside scp's on the same cable, a second push, a broken one, a jump host's line.

    .venv/bin/python benchmarks/push.py [--tries 2] [--markdown]

Needs root on Linux and OpenSSH (docs/lab.md); takes some four minutes. farm logs in, puts its agent there, asks what is lacking, sends,
and each file is hashed there and synced to the disk; scp logs in and sends. The better of ``--tries`` counts, of both.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

from orchestrator.devices.remote.push import Pushed, push
from orchestrator.devices.session import Session, connect, relays
from orchestrator.domain.blob import Blob
from orchestrator.errors import FarmError
from orchestrator.transports.connector import Connector
from tests.lab.hosts import HostSpec
from tests.lab.laboratory import Lab

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.lab.hosts import Host

MB = 1_000_000
AIM = 0.8
#: A cable each way, and the sizes of the files that are sent over it: one, and those of a lane.
LINKS = {
    "no limit": ({}, (200 * MB,)),
    "100 Mbit/s": ({"rate_mbit": 100}, (50 * MB,)),
    "50 Mbit/s, 20 ms": ({"rate_mbit": 50, "delay_ms": 10}, (50 * MB,)),
    "the same, 22 files": ({"rate_mbit": 50, "delay_ms": 10}, (20 * MB, 10 * MB, *[1 * MB] * 20)),
    "10 Mbit/s, 100 ms": ({"rate_mbit": 10, "delay_ms": 50}, (10 * MB,)),
}
BROKEN_BYTES = 100 * MB
BEHIND = 4
ARTIFACT_BYTES = 5 * MB


def blobs(folder: Path, sizes: Sequence[int]) -> list[Blob]:
    """Make files of random bytes, named by their sha256."""
    made = []
    for size in sizes:
        content = os.urandom(size)
        sha256 = hashlib.sha256(content).hexdigest()
        (folder / sha256).write_bytes(content)
        made.append(Blob(what="artifact", sha256=sha256, path=folder / sha256))
    return made


def scp(lab: Lab, host: Host, files: Sequence[Blob]) -> float:
    host.run("sh", "-c", "rm -rf /root/copied; mkdir /root/copied")
    began = time.perf_counter()
    argv = ["scp", "-q", "-F", lab.ssh_config, *(blob.path for blob in files), f"{host.name}:copied"]
    subprocess.run(lab.command(*argv), check=True)
    return time.perf_counter() - began


def farm(lab: Lab, host: Host, files: Sequence[Blob], *, again: bool = False) -> tuple[float, list[Pushed]]:
    """Return the seconds of a push over a new connection, and what was sent; unless ``again``, to a device without farm's files."""
    if not again:
        host.run("rm", "-rf", "/root/.farm-agent")
    began = time.perf_counter()
    with lab.entered(), closing(connect(host.device, Connector(known_hosts=lab.known_hosts))) as client:
        sent = [step for step in push(client, files) if isinstance(step, Pushed)]
    return time.perf_counter() - began, sent


def carried(host: Host) -> int:
    """Return the bytes that a host has received on its cable."""
    return int(host.run("cat", "/sys/class/net/eth0/statistics/rx_bytes"))


def throughput(lab: Lab, folder: Path, tries: int) -> list[tuple[str, ...]]:
    rows = []
    for name, (cable, sizes) in LINKS.items():
        host = lab["plain" if not cable else "cabled"]
        if cable:
            host.cable(**cable)
            time.sleep(0.5)
        files = blobs(folder, sizes)
        theirs, ours = [], []
        for _ in range(tries):
            theirs.append(scp(lab, host, files))
            ours.append(farm(lab, host, files)[0])
        before = carried(host)
        _, sent = farm(lab, host, files, again=True)
        second = carried(host) - before
        ratio = min(theirs) / min(ours)
        total = sum(sizes)
        rows.append(
            (
                name,
                f"{total / MB:.0f} MB",
                f"{total / min(theirs) / MB:.2f} MB/s",
                f"{total / min(ours) / MB:.2f} MB/s",
                f"{ratio:.2f}",
                f"{len(sent)} files, {second / 1000:.0f} kB",
            )
        )
    return rows


def broken(lab: Lab, folder: Path) -> tuple[int, int]:
    """Cut the power of the SSH server's host in the middle of a push; return the bytes that were there, and those sent then."""
    host = lab["plain"]
    (blob,) = blobs(folder, (BROKEN_BYTES,))
    partial = host.folder / "root" / ".farm-agent" / "blobs" / f"{blob.sha256}.partial"

    def cut() -> None:
        while not partial.exists() or partial.stat().st_size < BROKEN_BYTES * 0.4:
            time.sleep(0.005)
        host.kill()

    killer = threading.Thread(target=cut)
    killer.start()
    try:
        farm(lab, host, [blob])
    except FarmError:
        pass
    else:
        sys.exit("the push was over before it was cut")
    finally:
        killer.join()
    arrived = partial.stat().st_size
    host.boot()
    _, sent = farm(lab, host, [blob], again=True)
    return arrived, sum(step.sent_bytes for step in sent)


def gate(lab: Lab, folder: Path, *, relayed: bool) -> tuple[int, float]:
    """Return the bytes on a jump host's line, and the seconds, for one artifact to all devices behind it."""
    (blob,) = blobs(folder, (ARTIFACT_BYTES,))
    devices = [host.device for host in lab if host.spec.behind]
    session = Session(Connector(known_hosts=lab.known_hosts))
    ways = relays(devices if relayed else (), session.connector, session.limits)

    def one(number: int) -> None:
        with lab.entered():
            device = devices[number]
            list(push(session.client(device), [blob], limits=session.limits, relay=ways.of(device)))

    before, began = carried(lab["gate"]), time.perf_counter()
    threads = [threading.Thread(target=one, args=(number,)) for number in range(len(devices))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    for device in devices:
        if not (lab[device.name].folder / "root" / ".farm-agent" / "blobs" / blob.sha256).exists():
            sys.exit(f"{device.name} did not get its file")
    with lab.entered():
        session.close()
    return carried(lab["gate"]) - before, seconds


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tries", type=int, default=2)
    options.add_argument("--markdown", action="store_true", help="as tables for docs/devices.md")
    asked = options.parse_args()
    hosts = [HostSpec(name="plain"), HostSpec(name="cabled"), HostSpec(name="gate")]
    hosts += [HostSpec(name=f"behind-{number}", behind="gate") for number in range(1, BEHIND + 1)]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        lab = Lab.up(folder / "lab", hosts)
        try:
            rows = throughput(lab, folder, asked.tries)
            arrived, rest = broken(lab, folder)
            lab["gate"].cable(rate_mbit=20, delay_ms=10)
            time.sleep(0.5)
            alone = gate(lab, folder, relayed=False)
            once = gate(lab, folder, relayed=True)
        finally:
            lab.down()
    load = os.getloadavg()[1]
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, load {load:.0f}; aim: {AIM} of scp's throughput\n")
    show(("link", "sent", "scp", "farm, first push", "farm ÷ scp", "second push"), rows, markdown=asked.markdown)
    print()
    lines = [
        (
            f"{BROKEN_BYTES / MB:.0f} MB, power cut on the way",
            f"{arrived / MB:.1f} MB were there",
            f"{rest / MB:.1f} MB sent then",
        ),
        (
            f"{ARTIFACT_BYTES / MB:.0f} MB to {BEHIND} devices behind a jump host",
            f"{once[0] / MB:.1f} MB on its line",
            f"{once[1]:.0f} s",
        ),
        ("the same with `relay: false`", f"{alone[0] / MB:.1f} MB on its line", f"{alone[1]:.0f} s"),
    ]
    show(("what", "bytes", "then"), lines, markdown=asked.markdown)


def show(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], *, markdown: bool) -> None:
    for number, row in enumerate((head, *rows)):
        print(f"| {' | '.join(row)} |" if markdown else " | ".join(row))
        if markdown and not number:
            print("|" + "---|" * len(head))


if __name__ == "__main__":
    main()
