#!/usr/bin/env python3
"""farm beside what a user would take otherwise, in one run on the same lab, as root on Linux: prints the table of docs/scaling.md.

    sudo .venv/bin/python benchmarks/peers.py [--devices 40] [--seconds 30]

Every tool pushes the same files to the same hosts, has each host do the same stand-in work (steps that sleep), waits for it,
fetches what it wrote; then the same again with nothing changed; again with every link cut for 5 s in the middle; again with the
controller killed in the middle, then started anew. The other tools come from PyPI into an environment of their own.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import venv
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.peer_scripts import ANSIBLE, FABRIC, PARALLEL_SSH, PLAYBOOK, WORK
from benchmarks.scale_lab import FARM, Watched, machine, up
from tests.lab import quick_hosts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchmarks.scale_lab import Cost
    from tests.lab.laboratory import Lab

STEPS = 6
CUT_S = 5.0
OTHERS = ("ansible-core", "parallel-ssh", "fabric")


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One way to do it."""

    name: str
    folder: Path
    argv: tuple[str, ...]
    #: How a user starts it after a crash.
    again: tuple[str, ...]
    #: How many hosts it has all results of.
    complete: Callable[[Path], int]


@dataclass(frozen=True, kw_only=True)
class Pass:
    """What one pass of a tool came to."""

    cost: Cost
    wall_s: float
    wire_bytes: int
    complete: int
    #: Steps that hosts began beyond those that were asked for.
    twice: int

    def survived(self, hosts: int) -> str:
        """Return whether every result is there, each measured once."""
        if self.complete < hosts:
            return f"**no**: results of {self.complete} of {hosts}"
        return "yes" if not self.twice else f"**no**: {self.twice} steps done twice"


def main() -> None:
    """Run all of them."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--devices", type=int, default=40)
    options.add_argument("--seconds", type=float, default=30.0, help="that each device works")
    options.add_argument("--only", default="", help="a part of a tool's name")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="farm-peers-") as name:
        folder = Path(name)
        python, versions = _others(folder)
        print(
            f"{machine()}; {chosen.devices} devices, {chosen.seconds:.0f} s of work on each; {', '.join(versions)}\n",
            flush=True,
        )
        lab = up(folder, chosen.devices)
        try:
            quick_hosts.schedule(lab, [chosen.seconds / STEPS] * chosen.devices, spread=0.0)
            print(
                "| tool | first run | bytes | again, unchanged | bytes | links cut for 5 s | controller killed, run again |"
            )
            print("|---|---|---|---|---|---|---|", flush=True)
            for tool in _tools(lab, folder, python):
                if chosen.only in tool.name:
                    _row(lab, tool)
        finally:
            lab.down()


def _row(lab: Lab, tool: Tool) -> None:
    count = len(lab.hosts)
    _forget(lab)
    first = _pass(lab, tool)
    if first.complete < count or first.cost.status not in {0, 1}:
        sys.exit(f"{tool.name} did not do it even undisturbed:\n{first.cost.shown.decode(errors='replace')[-4000:]}")
    second = _pass(lab, tool)
    _forget(lab)
    cut = _pass(lab, tool, fault=lambda _: _cut(lab))
    _forget(lab)
    killed = _pass(lab, tool, fault=_kill)
    cells = [
        tool.name,
        f"{first.wall_s:.0f} s",
        f"{first.wire_bytes / 1e6:.1f} MB",
        f"{second.wall_s:.0f} s",
        f"{second.wire_bytes / 1e6:.1f} MB",
        cut.survived(count),
        killed.survived(count),
    ]
    print("| " + " | ".join(cells) + " |", flush=True)


def _pass(lab: Lab, tool: Tool, *, fault: Callable[[Watched], None] | None = None) -> Pass:
    """Let ``tool`` do it; ``fault`` happens when half of the steps have begun."""
    for stale in ("results", "farm.db"):
        path = tool.folder / stale
        shutil.rmtree(path, ignore_errors=True)
        path.unlink(missing_ok=True)
    begun, wire, began = _begun(lab), _wire_bytes(lab), time.monotonic()
    watched = Watched(lab, tool.argv, tool.folder)
    if fault is not None:
        while _begun(lab) - begun < STEPS * len(lab.hosts) / 2 and watched.process.poll() is None:
            time.sleep(0.1)
        fault(watched)
    cost = watched.end()
    if fault is _kill:
        cost = Watched(lab, tool.again, tool.folder).end()
    return Pass(
        cost=cost,
        wall_s=time.monotonic() - began,
        wire_bytes=_wire_bytes(lab) - wire,
        complete=tool.complete(tool.folder),
        twice=_begun(lab) - begun - STEPS * len(lab.hosts),
    )


def _tools(lab: Lab, folder: Path, python: Path) -> list[Tool]:
    farm = quick_hosts.project(lab, folder / "farm", attempts=STEPS)
    built = Watched(lab, (*FARM, "models", "build", "suite.yaml", "--out", "built"), farm).end()
    if built.status:
        sys.exit(built.shown.decode(errors="replace"))
    payload = folder / "payload"
    payload.mkdir()
    # what farm pushes: the model, the images, their labels, the agent, which is the worker
    shutil.copy(farm / "standin-1.tflite", payload / "model.bin")
    shutil.copy(folder / "share" / "agent.zip", payload / "worker.zip")
    (payload / "images.bin").write_bytes(os.urandom(4_000))
    (payload / "work.py").write_text(WORK.replace("@steps@", str(STEPS)))
    tools = [
        Tool(
            name="farm",
            folder=farm,
            argv=(*FARM, "run", "suite.yaml", "--devices", "pc-*"),
            again=(*FARM, "run", "--resume", "latest"),
            complete=_measured,
        )
    ]
    scripts = {
        "Ansible": (
            PLAYBOOK,
            "playbook.yaml",
            (str(python.parent / "ansible-playbook"), "-i", "hosts", "playbook.yaml"),
        ),
        "parallel-ssh": (PARALLEL_SSH, "with_parallel_ssh.py", (str(python), "with_parallel_ssh.py")),
        "Fabric ThreadingGroup": (FABRIC, "with_fabric.py", (str(python), "with_fabric.py")),
    }
    for name, (script, file, argv) in scripts.items():
        home = folder / file.partition(".")[0]
        home.mkdir()
        values = {
            "hosts": len(lab.hosts),
            "key": lab.identity_file,
            "payload": payload,
            "steps": STEPS,
            "known_hosts": lab.known_hosts,
            "home": home,
        }
        for written, text in ((file, script), ("ansible.cfg", ANSIBLE)):
            (home / written).write_text(_filled(text, values))
        (home / "hosts").write_text("".join(f"{host.name} ansible_host={host.address}\n" for host in lab))
        (home / "addresses").write_text("".join(f"{host.address}\n" for host in lab))
        tools.append(Tool(name=name, folder=home, argv=argv, again=argv, complete=_fetched))
    return tools


def _filled(text: str, values: Mapping[str, object]) -> str:
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    return text


def _others(folder: Path) -> tuple[Path, list[str]]:
    """Install the other tools; return their Python, their versions."""
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    pip = [str(python), "-m", "pip", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--quiet", *OTHERS], check=True, stderr=subprocess.DEVNULL)
    listed = subprocess.run([*pip, "list", "--format", "freeze"], check=True, capture_output=True, text=True).stdout
    return python, [line.replace("==", " ") for line in listed.splitlines() if line.partition("==")[0] in OTHERS]


def _cut(lab: Lab) -> None:
    for host in lab:
        host.link_down()
    time.sleep(CUT_S)
    for host in lab:
        host.link_up()


def _kill(watched: Watched) -> None:
    with suppress(ProcessLookupError):
        os.killpg(watched.process.pid, signal.SIGKILL)


def _begun(lab: Lab) -> int:
    files = [host.folder / "root" / "begun" for host in lab]
    return sum(len(file.read_text().split()) for file in files if file.exists())


def _forget(lab: Lab) -> None:
    """Wait until no host works, then remove what tools left on the hosts."""
    for host in lab:
        while "work.py" in host.run("sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '", check=False):
            time.sleep(0.2)
        for left in ("peer", ".farm-agent", ".ansible"):
            shutil.rmtree(host.folder / "root" / left, ignore_errors=True)


def _wire_bytes(lab: Lab) -> int:
    """Return the bytes that the cables of all hosts have carried, both ways, headers too."""
    shown = subprocess.run(lab.command("cat", "/proc/net/dev"), check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in shown.splitlines() if line.lstrip().startswith("v")]
    return sum(int(row[1]) + int(row[9]) for row in rows)


def _measured(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "farm.db")) as store:
        counts = store.execute(
            "SELECT count(DISTINCT attempts.id) FROM attempts JOIN cases ON cases.id = case_id "
            "WHERE error IS NULL GROUP BY device"
        ).fetchall()
    return sum(count == STEPS for (count,) in counts)


def _fetched(folder: Path) -> int:
    files = (folder / "results").glob("*")
    return sum(len(json.loads(file.read_text() or "[]")) == STEPS for file in files)


if __name__ == "__main__":
    main()
