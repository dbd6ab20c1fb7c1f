"""Test devices from the command line: ``sudo .venv/bin/python -m tests.lab up 5 --arm 1``; see docs/lab.md."""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if importlib.util.find_spec("pytest") is None:
    sys.exit("test devices need what the tests need: ./scripts/prepare installs it")

from tests.lab.armboard import BoardError, cache_folder
from tests.lab.hosts import HostSpec
from tests.lab.laboratory import Lab, missing

if TYPE_CHECKING:
    from collections.abc import Callable


def specs(hosts: int, *, arm: int, armv7l: int, dropbear: int, behind: int) -> list[HostSpec]:
    """Name the hosts that a command asks for."""
    return [
        *(HostSpec(name=f"pc-{number}") for number in range(1, hosts + 1)),
        *(HostSpec(name=f"dropbear-{number}", server="dropbear") for number in range(1, dropbear + 1)),
        *(HostSpec(name=f"behind-{number}", behind="pc-1") for number in range(1, behind + 1)),
        *(HostSpec(name=f"board-{number}", arm=True) for number in range(1, arm + 1)),
        *(HostSpec(name=f"old-board-{number}", arm=True, bits=32) for number in range(1, armv7l + 1)),
    ]


def up(asked: argparse.Namespace) -> None:
    folder: Path = asked.folder
    if (folder / "lab.json").exists():
        if Lab.find(folder).is_up:
            sys.exit(f"a lab is up in {folder} already: python -m tests.lab down")
        shutil.rmtree(folder)
    if folder.exists():
        sys.exit(f"{folder} exists and holds no lab")
    wanted = specs(asked.hosts, arm=asked.arm, armv7l=asked.armv7l, dropbear=asked.dropbear, behind=asked.behind)
    if words := missing(wanted):
        sys.exit(words)
    begin = time.monotonic()
    try:
        lab = Lab.up(folder, wanted, standing=True)
    except BoardError as error:
        sys.exit(str(error))
    print(f"{len(wanted)} hosts after {time.monotonic() - begin:.1f} s; their inventory is {lab.inventory}")  # noqa: T201  to a person
    status(asked)


def status(asked: argparse.Namespace) -> None:
    for host in find(asked):
        kind = host.spec.processor.machine if host.spec.arm else host.spec.server
        through = f"behind {host.spec.behind}" if host.spec.behind else ""
        state = "on" if host.inhabitant else "off"
        print(f"{host.name:<13} {host.address:<14}{kind:<10}{state:<5}{host.fingerprint}  {through}".rstrip())  # noqa: T201  to a person


def down(asked: argparse.Namespace) -> None:
    find(asked).down()
    shutil.rmtree(asked.folder)


def execute(asked: argparse.Namespace) -> None:
    command = find(asked).command(*asked.command)
    os.execvp(command[0], command)  # noqa: S606  it becomes the command


def link(asked: argparse.Namespace) -> None:
    host = find(asked)[asked.host]
    if asked.state == "up":
        host.link_up()
    else:
        host.link_down()


def cable(asked: argparse.Namespace) -> None:
    find(asked)[asked.host].cable(
        delay_ms=asked.delay_ms, jitter_ms=asked.jitter_ms, loss_percent=asked.loss_percent, rate_mbit=asked.rate_mbit
    )


def kill(asked: argparse.Namespace) -> None:
    find(asked)[asked.host].kill()


def boot(asked: argparse.Namespace) -> None:
    find(asked)[asked.host].boot()


def find(asked: argparse.Namespace) -> Lab:
    """Return the lab that is up, or end with what to do."""
    if not (asked.folder / "lab.json").exists() or not (lab := Lab.find(asked.folder)).is_up:
        sys.exit(f"no lab is up in {asked.folder}: python -m tests.lab up 3")
    if getattr(asked, "host", None) not in {None, *lab.hosts}:
        sys.exit(f"no host {asked.host}: there are {', '.join(lab.hosts)}")
    return lab


def main() -> None:
    """Carry out the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description="Test devices on this machine.")
    parser.add_argument(
        "--folder", type=Path, default=cache_folder() / "lab", help="where the lab's files are (default: %(default)s)"
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: Callable[[argparse.Namespace], None], words: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=words, description=words)
        added.set_defaults(function=function)
        return added

    starting = command("up", up, "start a lab, which stays up until `down`")
    starting.add_argument("hosts", type=int, nargs="?", default=3, help="how many PCs with OpenSSH (default: 3)")
    starting.add_argument("--arm", type=int, default=0, metavar="N", help="and N emulated aarch64 boards")
    starting.add_argument("--armv7l", type=int, default=0, metavar="N", help="and N 32-bit ones, armv7l with numpy")
    starting.add_argument("--dropbear", type=int, default=0, metavar="N", help="and N hosts without an sftp server")
    starting.add_argument("--behind", type=int, default=0, metavar="N", help="and N hosts behind pc-1")
    command("down", down, "end every host and remove the lab's files")
    command("status", status, "list the hosts with their host keys")
    executing = command("exec", execute, "run a command as the controller: in the lab's network")
    executing.add_argument("command", nargs=argparse.REMAINDER, help="the command and its arguments")
    linking = command("link", link, "pull a host's cable out, or put it back")
    linking.add_argument("host")
    linking.add_argument("state", choices=["up", "down"])
    laying = command("cable", cable, "give a host a slow or lossy cable")
    laying.add_argument("host")
    for name in ("--delay-ms", "--jitter-ms", "--loss-percent", "--rate-mbit"):
        laying.add_argument(name, type=float, default=0, metavar="N")
    command("kill", kill, "cut a host's power").add_argument("host")
    command("boot", boot, "switch a host on").add_argument("host")
    asked = parser.parse_args()
    asked.function(asked)


if __name__ == "__main__":
    main()
