"""``farm devices``: list them, ask how they are, take new ones in."""

from __future__ import annotations

import json as json_module
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.context import InventoryFile, Json, console, errors_console, home, interactive

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.domain.device import Device
    from orchestrator.enrol import Answer, Confirm
    from orchestrator.transports.known_hosts import HostKey

app = typer.Typer(
    name="devices",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The devices of the inventory: list, check, add, trust.",
)

Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]...", help="Names, globs such as pi5-*, tag:x, !name (default: all)."),
]
Fingerprint = Annotated[
    str | None,
    typer.Option(
        metavar="SHA256:…", help="The host key you expect, by `ssh-keygen -lf` on the device; then nobody is asked."
    ),
]

LIST_EPILOG = """Examples:

\b
  farm devices list
  farm devices list tag:ward-3 --json"""
CHECK_EPILOG = """Exit status 1 if any device fails.  Examples:

\b
  farm devices check
  farm devices check pi5-a 'jetson-*'"""
ADD_EPILOG = """Examples:

\b
  farm devices add pi5-a --address pi@192.168.1.20 --tag ward-3
  farm devices add pi5-b --address pi@pi5-b.local:2222 --identity-file ~/.ssh/farm
  farm devices add pi5-c --address pi@[fe80::1]:22 --fingerprint SHA256:…"""
TRUST_EPILOG = """Examples:

\b
  farm devices trust pi5-a
  farm devices trust pi5-a --fingerprint SHA256:…"""


@app.command("list", epilog=LIST_EPILOG)
def list_devices(names: Names = None, inventory: InventoryFile = None, json: Json = False) -> None:
    """List the devices, asking them nothing."""
    from orchestrator.inventory import Inventory
    from orchestrator.selectors import select

    devices = select(Inventory.load(home(inventory=inventory).inventory).devices, names or ["all"])
    if json:
        _print_json([_entry(device) for device in devices])
        return
    table = _table("device", "address", "transport", "tags")
    for device in devices:
        address = "this machine" if device.transport == "local" else device.destination
        table.add_row(device.name, address, device.transport, ", ".join(device.tags))
    console().print(table)


@app.command(epilog=CHECK_EPILOG)
def check(names: Names = None, inventory: InventoryFile = None, json: Json = False) -> None:
    """Ask devices whether they answer, and what they are."""
    from orchestrator.enrol import ask
    from orchestrator.inventory import Inventory
    from orchestrator.selectors import select

    files = home(inventory=inventory)
    devices = select(Inventory.load(files.inventory).devices, names or ["all"])
    answers = list(ask(devices, files.known_hosts))
    if json:
        _print_json([_answer(answer) for answer in answers])
    else:
        _show_answers(answers)
    if any(answer.error for answer in answers):
        raise typer.Exit(1)


@app.command(epilog=ADD_EPILOG)
def add(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What to call it: letters, digits, dots, dashes and underscores.")
    ],
    address: Annotated[str, typer.Option(metavar="USER@HOST:PORT", help="Where it is; user and port may be left out.")],
    identity_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="Private key to log in with (default: ssh-agent, ~/.ssh).")
    ] = None,
    tag: Annotated[list[str] | None, typer.Option(metavar="TAG", help="To select it by; may be repeated.")] = None,
    python: Annotated[str, typer.Option(metavar="PROGRAM", help="Python there, a name or a path.")] = "python3",
    workdir: Annotated[
        str, typer.Option(metavar="DIR", help="Where the agent keeps its files, below the home directory.")
    ] = ".farm-agent",
    fingerprint: Fingerprint = None,
    inventory: InventoryFile = None,
) -> None:
    """Take a device in, after you confirmed its host key."""
    from orchestrator.addresses import parse_address
    from orchestrator.domain.device import Device
    from orchestrator.enrol import enrol

    files = home(inventory=inventory)
    user, host, port = parse_address(address)
    device = Device(
        name=name,
        address=host,
        user=user,
        port=port,
        identity_file=identity_file,
        tags=tuple(tag or ()),
        python=python,
        workdir=workdir,
    )
    facts = enrol(device, files.inventory, files.known_hosts, _confirm(device, fingerprint))
    screen = console()
    screen.print(f"[green]added[/] [bold]{name}[/] to {files.inventory}", soft_wrap=True)
    screen.print(f"  {_plain(describe(facts))}", soft_wrap=True)
    screen.print(f"  runtimes: {_plain(_runtimes(facts))}", soft_wrap=True)
    screen.print(f"Measure on it:  farm run --devices {name}", soft_wrap=True)


@app.command(epilog=TRUST_EPILOG)
def trust(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A device of the inventory.")],
    fingerprint: Fingerprint = None,
    inventory: InventoryFile = None,
) -> None:
    """Trust the host key a device shows now.

    For a device that was re-imaged, or whose entry was written by hand.
    """
    from orchestrator.enrol import trust as trust_key
    from orchestrator.inventory import Inventory

    files = home(inventory=inventory)
    device = Inventory.load(files.inventory).device(name)
    key = trust_key(device, files.known_hosts, _confirm(device, fingerprint))
    console().print(f"[green]trusted[/] [bold]{name}[/] by {key.kind} {key.fingerprint}", soft_wrap=True)


def describe(facts: Mapping[str, Any]) -> str:
    """Return what a device is, in one line."""
    from orchestrator.units import format_bytes

    memory = facts.get("memory_bytes")
    words = (
        facts.get("board") or facts.get("cpu_model") or facts.get("machine"),
        f"{facts['cores']} cores" if facts.get("cores") else None,
        format_bytes(memory) if memory else None,
        facts.get("os"),
        f"Python {facts['python']}" if facts.get("python") else None,
    )
    return ", ".join(str(word) for word in words if word)


def _confirm(device: Device, expected: str | None) -> Confirm:
    """Return who decides about a host key: the fingerprint that was given, else the person at the terminal."""
    from orchestrator.errors import HostKeyRefused, UsageError
    from orchestrator.transports.known_hosts import same

    if expected is not None:
        same(expected, expected)  # a fingerprint of another form is refused before anything is connected

    def confirm(key: HostKey, trusted: Sequence[HostKey]) -> None:
        shown = f"{key.kind} {key.fingerprint}"
        if expected is not None:
            if not same(expected, key.fingerprint):
                raise HostKeyRefused(
                    f"{device.name}: its host key is {shown}, not {expected}",
                    hint="on the device: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
                )
            return
        if not interactive():
            raise UsageError(
                f"{device.name}: nobody is here to confirm its host key {shown}",
                hint=f"if that is what the device itself says, add --fingerprint {key.fingerprint}",
            )
        screen = errors_console()
        screen.print(f"{key.name} shows the host key\n  [bold]{shown}[/]", soft_wrap=True)
        for old in trusted:
            if old.blob != key.blob:
                screen.print(f"  [red]trusted so far:[/] {old.kind} {old.fingerprint}", soft_wrap=True)
        screen.print("On the device, `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` must say the same.")
        if not typer.confirm("Trust it?", err=True):
            raise HostKeyRefused(f"{device.name}: its host key was not confirmed; nothing was changed")

    return confirm


def _show_answers(answers: Sequence[Answer]) -> None:
    table = _table("device", "address", "answer", "runtimes")
    for answer in answers:
        device = answer.device
        address = "this machine" if device.transport == "local" else device.destination
        if answer.facts is not None:
            table.add_row(device.name, address, _plain(describe(answer.facts)), _plain(_runtimes(answer.facts)))
        else:
            table.add_row(device.name, address, f"[red]{type(answer.error).__name__}[/]", "")
    console().print(table)
    for answer in answers:
        if answer.error is not None:
            errors_console().print(f"[bold red]farm:[/] {_plain(str(answer.error))}", soft_wrap=True)


def _runtimes(facts: Mapping[str, Any]) -> str:
    """Return the runtimes the device has by itself; others are brought along when a run needs them."""
    working = [
        f"{name} {found.get('version') or ''}".strip()
        for name, found in facts.get("runtimes", {}).items()
        if found.get("works")
    ]
    return ", ".join(working) or "none of its own; farm brings one along"


def _entry(device: Device) -> dict[str, Any]:
    return asdict(device)


def _answer(answer: Answer) -> dict[str, Any]:
    error = answer.error
    return {
        "device": answer.device.name,
        "address": answer.device.destination,
        "reached": error is None,
        "facts": answer.facts,
        "error": type(error).__name__ if error else None,
        "message": error.message if error else None,
        "hint": error.hint if error else None,
    }


def _print_json(rows: Sequence[Mapping[str, Any]]) -> None:
    typer.echo(json_module.dumps(rows, indent=2, ensure_ascii=False))


def _table(*columns: str) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
