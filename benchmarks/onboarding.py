#!/usr/bin/env python3
"""From `farm devices add` to a device's first result: prints seconds and bytes for each kind of lab device.

    .venv/bin/python benchmarks/onboarding.py [--markdown]

Needs root on Linux (docs/lab.md). Every device has nothing of farm's. Cold: the controller has no wheels and takes them from a
wheelhouse, as it would from the internet; warm: it has them from the device before. The built-in model is built already.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.lab.hosts import Host, HostSpec
from tests.lab.laboratory import Lab

FARM = [sys.executable, "-m", "orchestrator.cli.main"]
AIM_S = 300.0
KINDS = {
    "x86-64, OpenSSH": HostSpec(name="openssh"),
    "x86-64, dropbear": HostSpec(name="dropbear", server="dropbear"),
    "x86-64, behind a jump host": HostSpec(name="behind", behind="openssh"),
    "aarch64, emulated": HostSpec(name="board", arm=True),
}


def farm(lab: Lab | None, folder: Path, *argv: str) -> str:
    command = [*FARM, *argv] if lab is None else lab.command(*FARM, *argv)
    home = {"HOME": str(folder / "home"), "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(command, cwd=folder, env=os.environ | home, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"farm {' '.join(argv)}: {done.stderr}")
    return done.stdout


def add(lab: Lab, host: Host, folder: Path, wheelhouse: Path) -> tuple[float, int]:
    """Return seconds and bytes from nothing to the first result."""
    argv = ["--address", f"root@{host.address}", "--fingerprint", host.fingerprint, "--wheelhouse", str(wheelhouse)]
    argv += ["--identity-file", str(lab.identity_file)]
    argv += ["--via", host.spec.behind] if host.spec.behind else []
    began = time.perf_counter()
    said = json.loads(farm(lab, folder, "devices", "add", host.name, *argv, "--json"))
    seconds = time.perf_counter() - began
    if said["smoke"]["fastest_ns"] is None:
        sys.exit(f"{host.name}: no result: {said['smoke']['why']}")
    return seconds, said["setup"]["sent_bytes"] + said["smoke"]["sent_bytes"]


def forget(lab: Lab, host: Host, folder: Path) -> None:
    farm(lab, folder, "devices", "remove", host.name, "--yes")
    host.run("rm", "-rf", "/root/.farm-agent")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--markdown", action="store_true", help="as a table for docs/onboarding.md")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder, wheelhouse = Path(scratch) / "project", Path(scratch) / "wheels"
        (folder / "home").mkdir(parents=True)
        farm(None, folder, "run", "--models", "tiny-cxr", "--schemes", "float32", "--effort", "smoke")
        version = f"3.{sys.version_info.minor}"
        began = time.perf_counter()
        machines = ["--machine", "x86_64", "--machine", "aarch64", "--python", version, "--python", "3.11"]
        farm(None, folder, "devices", "wheels", str(wheelhouse), *machines)
        fetching_s = time.perf_counter() - began
        lab = Lab.up(Path(scratch) / "lab", KINDS.values())
        try:
            rows = []
            for kind, spec in KINDS.items():
                host = lab[spec.name]
                for wheel in (folder / ".farm" / "wheels").glob("*.whl"):
                    wheel.unlink()
                cold = add(lab, host, folder, wheelhouse)
                if spec.name != "openssh":  # the jump host stays
                    forget(lab, host, folder)
                    rows.append((kind, cold, add(lab, host, folder, wheelhouse)))
                else:
                    rows.append((kind, cold, None))
        finally:
            lab.down()
    show(rows, fetching_s, markdown=asked.markdown)


def show(
    rows: list[tuple[str, tuple[float, int], tuple[float, int] | None]], fetching_s: float, *, markdown: bool
) -> None:
    bar = "|" if markdown else ""
    print(f"fetching all wheels into the wheelhouse: {fetching_s:.0f} s; aim for each device: below {AIM_S:.0f} s\n")
    print(f"{bar} device | cold | warm | bytes sent {bar}".strip())
    if markdown:
        print("|---|---|---|---|")
    for kind, (cold_s, sent), warm in rows:
        print(f"{bar} {kind} | {cold_s:.0f} s | {f'{warm[0]:.0f} s' if warm else ''} | {sent:,} {bar}".strip())


if __name__ == "__main__":
    main()
