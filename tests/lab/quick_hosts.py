"""Hosts by the hundred on two cores: real SSH servers, the real agent, a stand-in for the worker (`tests.lab.quick_python`)."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from orchestrator.devices.remote.bundle import pack_agent
from tests.lab.hosts import HostSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.lab.laboratory import Lab

HERE = Path(__file__).parent
SERVE = """
ln -sf /mnt/share/python3 /usr/local/bin/python3
"$prefix/$python" -I -S /mnt/share/quick_python.py /mnt/share/agent.zip </dev/null &
"""
MODEL = """\
  - path: {name}.tflite
    preprocess: {{scale: 0.00392156862745098, mean: 0, std: 1}}
"""
SUITE = """\
dataset: {{kind: folder, root: images}}
runtimes: ['null']
effort: smoke
attempts: {attempts}
threads: {threads}
accuracy: none
models:
"""
#: sshd says each session that it opens.
EXTRA = "LogLevel VERBOSE"


def specs(share: Path, count: int) -> list[HostSpec]:
    """Return ``count`` such hosts, called ``pc-001`` and so on; ``share`` becomes a folder for what they have in common."""
    share.mkdir(parents=True)
    compiler = shutil.which("cc")
    assert compiler, "a lab of hundreds needs a C compiler (Debian: apt install gcc)"
    subprocess.run([compiler, "-O1", "-o", share / "python3", HERE / "data" / "python3.c"], check=True)
    shutil.copy(HERE / "quick_python.py", share)
    (share / "agent.zip").write_bytes(pack_agent())
    names = [f"pc-{number:03}" for number in range(1, count + 1)]
    return [HostSpec(name=name, share=str(share), dress=SERVE, extra=EXTRA) for name in names]


def schedule(lab: Lab, mean_s: Sequence[float], *, spread: float = 0.1, seed: int = 0) -> None:
    """Let each host's steps last about as long as its mean, in seconds: eight lengths within ``spread`` of it."""
    for host, mean in zip(lab, mean_s, strict=True):
        drawn = random.Random(f"{seed} {host.name}")  # noqa: S311  a simulation
        lines = [f"{mean * drawn.uniform(1 - spread, 1 + spread):.3f}\n" for _ in range(8)]
        (host.folder / "root" / "schedule").write_text("".join(lines))


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What the SSH server of a host has counted."""

    logins: int
    channels: int
    #: Channels that were open at the same moment, at most.
    at_once: int


def counted(lab: Lab) -> dict[str, Counted]:
    """Return what each host's SSH server has counted since it started."""
    return {host.name: _counted(host.log.splitlines()) for host in lab}


def _counted(log: list[str]) -> Counted:
    changes = [line.startswith("Starting session") - line.startswith("Close session") for line in log]
    return Counted(
        logins=sum(line.startswith("Accepted publickey") for line in log),
        channels=changes.count(1),
        at_once=max(accumulate(changes), default=0),
    )


def project(
    lab: Lab,
    folder: Path,
    *,
    attempts: int,
    models: int = 1,
    model_bytes: int = 1_000_000,
    threads: tuple[int, ...] = (1,),
) -> Path:
    """Return a folder with a suite for the devices of ``lab``; a stand-in model is a small one, padded with noise."""
    (folder / ".farm").mkdir(parents=True)
    shutil.copy(lab.known_hosts, folder / ".farm")
    shutil.copy(lab.inventory, folder)
    small = (HERE.parent / "data" / "float32.tflite").read_bytes()
    names = [f"standin-{number}" for number in range(1, models + 1)]
    for name in names:
        (folder / f"{name}.tflite").write_bytes(small + os.urandom(model_bytes - len(small)))
    for finding in ("a", "b", "c"):
        images = folder / "images" / "test" / finding
        images.mkdir(parents=True)
        for number in range(8):
            Image.effect_noise((64, 64), 32).save(images / f"{number}.png")
    suite = SUITE.format(attempts=attempts, threads=list(threads)) + "".join(MODEL.format(name=name) for name in names)
    (folder / "suite.yaml").write_text(suite)
    return folder
