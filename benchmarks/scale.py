#!/usr/bin/env python3
"""Two hundred devices, then two thousand cases, from one workstation, as root on Linux: prints the tables of docs/scaling.md.

    sudo .venv/bin/python benchmarks/scale.py [--devices 200] [--seconds 150] [--cases 2000]

Every device is a host of tests/lab with an SSH server, a network and processes of its own, and the real agent; a stand-in that
sleeps takes the place of inference. One device in ten is slow. The slowest device's own time is what its attempts lasted by its own
clock. 0 devices or 0 cases leave that table out.
"""

from __future__ import annotations

import argparse
import json
import random
import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.scale_lab import FARM, Watched, machine, up
from tests.lab import quick_hosts

if TYPE_CHECKING:
    from benchmarks.scale_lab import Cost
    from tests.lab.laboratory import Lab
    from tests.lab.quick_hosts import Counted

ATTEMPTS = 6
#: Of the run of many cases: hosts, models, and how long a step of theirs sleeps.
HOSTS, MODELS, STEP_S = 10, 20, 0.05
MOST_BYTES = 300e6
MOST_CHANNELS = 5
#: Threads that all devices share: the main one, one that draws, those that decode images.
SHARED_THREADS = 8


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A run, and what the store and the devices' SSH servers hold of it."""

    cost: Cost
    #: Seconds that the attempts of each device lasted.
    own_s: dict[str, float]
    done: int
    troubles: int
    sent: list[int]
    counted: tuple[Counted, ...]


def main() -> None:
    """Run it, and print what was measured."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--devices", type=int, default=200)
    options.add_argument("--seconds", type=float, default=150.0, help="that the slowest device measures")
    options.add_argument("--cases", type=int, default=2000, help="in all, on 10 other devices")
    chosen = options.parse_args()
    print(f"{machine()}; a stand-in that sleeps takes the place of inference\n", flush=True)
    if chosen.devices:
        drawn = random.Random(1)  # noqa: S311  a simulation
        slowest_s = chosen.seconds / ATTEMPTS / 1.1
        means = [slowest_s * (1.0 if n % 10 == 0 else drawn.uniform(0.3, 0.6)) for n in range(chosen.devices)]
        _devices(_run(means, attempts=ATTEMPTS), chosen.devices)
    if chosen.cases:
        threads = tuple(range(1, chosen.cases // (HOSTS * MODELS) + 1))
        ran = _run([STEP_S] * HOSTS, attempts=1, models=MODELS, model_bytes=20_000, threads=threads)
        _cases(ran, HOSTS * MODELS * len(threads))


def _run(means: list[float], **of_the_suite: object) -> Ran:
    with tempfile.TemporaryDirectory(prefix="farm-scale-") as name:
        folder = Path(name)
        lab = up(folder, len(means))
        try:
            quick_hosts.schedule(lab, means)
            work = quick_hosts.project(lab, folder / "project", **of_the_suite)  # type: ignore[arg-type]  # passed on
            for argv in (
                ("models", "build", "suite.yaml", "--out", "built"),
                ("run", "suite.yaml", "--devices", "pc-*"),
            ):
                cost = Watched(lab, (*FARM, *argv), work).end()
                if cost.status:
                    print(cost.shown.decode(errors="replace")[-4000:], file=sys.stderr)
            return _ran(lab, work, cost)
        finally:
            lab.down()


def _ran(lab: Lab, work: Path, cost: Cost) -> Ran:
    own = (
        "SELECT cases.device, sum(attempts.wall_ns) / 1e9 FROM attempts "
        "JOIN cases ON cases.id = attempts.case_id GROUP BY cases.device"
    )
    troubles = "SELECT count(*) FROM events WHERE kind IN ('LinkLost', 'LaneSkipped', 'LaneCrashed', 'DamageMended', 'DatabaseLost')"
    with closing(sqlite3.connect(work / "farm.db")) as store:
        sent = store.execute("SELECT detail FROM events WHERE kind = 'BlobSent'").fetchall()
        return Ran(
            cost=cost,
            own_s=dict(store.execute(own).fetchall()),
            done=store.execute("SELECT count(*) FROM attempts WHERE error IS NULL").fetchone()[0],
            troubles=store.execute(troubles).fetchone()[0],
            sent=[json.loads(detail)["sent_bytes"] for (detail,) in sent],
            counted=tuple(quick_hosts.counted(lab).values()),
        )


def _devices(ran: Ran, count: int) -> None:
    cost, slowest = ran.cost, max(ran.own_s.values(), default=0.0)
    limit_s = 1.1 * slowest + 10
    logins, channels, at_once = (
        max(getattr(each, name) for each in ran.counted) for name in ("logins", "channels", "at_once")
    )
    print(f"| {count} devices, {ATTEMPTS} attempts on each | measured | bar | met |\n|---|---|---|---|")
    _print(
        (
            "makespan",
            f"{cost.wall_s:.0f} s",
            f"≤ {limit_s:.0f} s: 1.1 × {slowest:.0f} s + 10 s",
            cost.wall_s <= limit_s,
        ),
        ("controller's memory, at most", f"{cost.rss_bytes / 1e6:.0f} MB", "≤ 300 MB", cost.rss_bytes <= MOST_BYTES),
        (
            "farm's own threads, at most",
            f"{cost.own_threads}",
            f"≤ {count + SHARED_THREADS}: one a device, {SHARED_THREADS} shared",
            cost.own_threads <= count + SHARED_THREADS,
        ),
        ("logins to a device in the run", f"{logins}", "1", logins == 1),
        ("connections to a device at once", f"{cost.connections}", "1", cost.connections == 1),
        ("channels to a device at once", f"{at_once}", f"≤ {MOST_CHANNELS}", at_once <= MOST_CHANNELS),
        ("channels to a device in the run", f"{channels}", f"≤ {MOST_CHANNELS}", channels <= MOST_CHANNELS),
        ("attempts stored", f"{ran.done} of {ATTEMPTS * count}", "all", ran.done == ATTEMPTS * count),
        ("links lost, lanes skipped, crashes", f"{ran.troubles}", "0", not ran.troubles),
        ("exit status", f"{cost.status}", "0", cost.status == 0),
    )
    print(f"| controller's CPU time | {cost.cpu_s:.0f} s, {cost.cpu_s / count:.2f} s a device | | |")
    print(f"| threads with paramiko's reader for each connection, at most | {cost.threads} | | |")
    print(f"| open files, at most | {cost.files} | | |")
    print(f"| pushed | {len(ran.sent)} blobs, {sum(ran.sent) / 1e6:.0f} MB | | |\n", flush=True)


def _cases(ran: Ran, count: int) -> None:
    cost = ran.cost
    settled = [rss for at, rss in cost.course if at > cost.wall_s / 3]
    early, late = (max(settled[part]) for part in (slice(len(settled) // 4), slice(-len(settled) // 4, None)))
    print(f"| {count} cases on {HOSTS} devices | measured | bar | met |\n|---|---|---|---|")
    _print(
        (
            "controller's memory after a third and at the end",
            f"{early / 1e6:.0f} and {late / 1e6:.0f} MB",
            "at most 50 MB more, ≤ 300 MB",
            late - early <= 50e6 and cost.rss_bytes <= MOST_BYTES,
        ),
        ("open files, at most", f"{cost.files}", "≤ 64", cost.files <= 64),
        (
            "farm's own threads, at most",
            f"{cost.own_threads}",
            f"≤ {HOSTS + SHARED_THREADS}",
            cost.own_threads <= HOSTS + SHARED_THREADS,
        ),
        ("cases measured", f"{ran.done} of {count}", "all", ran.done == count),
        ("exit status", f"{cost.status}", "0", cost.status == 0),
    )
    print(f"| run | {cost.wall_s:.0f} s | | |")
    print(
        f"| controller's CPU time, with the screen | {cost.cpu_s:.0f} s, {1000 * cost.cpu_s / count:.0f} ms a case | | |"
    )


def _print(*bars: tuple[str, str, str, bool]) -> None:
    for what, measured, bar, is_met in bars:
        print(f"| {what} | {measured} | {bar} | {'yes' if is_met else '**no**'} |")


if __name__ == "__main__":
    main()
