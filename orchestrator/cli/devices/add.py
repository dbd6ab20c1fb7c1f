"""A device added: its key confirmed, a runtime installed, a first case measured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli import candidates
from orchestrator.cli.context import (
    Db,
    InventoryFile,
    Json,
    Wheelhouse,
    console,
    errors_console,
    interactive,
    project,
)
from orchestrator.cli.devices.format import describe, print_json
from orchestrator.cli.screen.output import output
from orchestrator.cli.screen.terminal import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.cli.context import Project
    from orchestrator.devices.host_keys import Confirm
    from orchestrator.devices.registration import LetIn
    from orchestrator.devices.session import Session
    from orchestrator.devices.setup import RuntimeInstalled
    from orchestrator.domain.device import Device
    from orchestrator.errors import AuthenticationRefused
    from orchestrator.transports.connector import Connector
    from orchestrator.transports.known_hosts import HostKey

Fingerprint = Annotated[
    str | None,
    typer.Option(
        metavar="SHA256:…", help="The host key you expect, by `ssh-keygen -lf` on the device; skips the question."
    ),
]

Address = Annotated[
    str | None, typer.Option(metavar="USER@HOST:PORT", help="Where it is; user and port may be left out.")
]
IdentityFile = Annotated[
    str | None, typer.Option(metavar="FILE", help="Private key to log in with (default: ssh-agent, ~/.ssh).")
]
Via = Annotated[str | None, typer.Option(metavar="DEVICE", help="Jump host: a device, or USER@HOST:PORT.")]
Tags = Annotated[list[str] | None, typer.Option("--tag", metavar="TAG", help="To select it by; may be repeated.")]
Groups = Annotated[
    list[str] | None, typer.Option("--group", metavar="GROUP", help="A group of the inventory; may be repeated.")
]
Python = Annotated[str, typer.Option(metavar="PROGRAM", help="Python there, a name or a path.")]
Workdir = Annotated[str, typer.Option(metavar="DIR", help="Where the agent keeps its files, below the home directory.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Accept what is offered; never an unknown host key.")]
SetUp = Annotated[bool, typer.Option("--setup/--no-setup", help="Install a runtime and measure a smoke case.")]

ADD_EPILOG = """Examples:

\b
  farm devices add pi5-a --address pi@192.168.1.20 --tag ward-3
  farm devices add pi5-b --address pi@pi5-b.local:2222 --identity-file ~/.ssh/farm
  farm devices add pi5-c --address pi@10.0.0.7 --via gate
  farm devices add pi5-d --address pi@[fe80::1]:22 --fingerprint SHA256:… --yes"""
TRUST_EPILOG = """Examples:

\b
  farm devices trust pi5-a
  farm devices trust pi5-a --fingerprint SHA256:…"""


def add(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="What to call it: letters, digits, dots, dashes and underscores.")
    ],
    address: Address = None,
    identity_file: IdentityFile = None,
    via: Via = None,
    tag: Tags = None,
    group: Groups = None,
    python: Python = "python3",
    workdir: Workdir = ".farm-agent",
    fingerprint: Fingerprint = None,
    yes: Yes = False,
    set_up: SetUp = True,
    wheelhouse: Wheelhouse = None,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Add a device.

    Its host key is confirmed, a runtime installed, a first case measured.
    """
    from orchestrator.devices.registration import entry_for, register
    from orchestrator.devices.session import Session
    from orchestrator.errors import FarmError

    files = project(db, inventory, creates_inventory=True)
    device = entry_for(
        files.inventory,
        name,
        _asked_address(name) if address is None else address,
        via=via,
        identity_file=identity_file,
        tags=tuple(tag or ()),
        groups=tuple(group or ()),
        python=python,
        workdir=workdir,
    )
    files.unlock([device])
    let_in = _let_in(yes=yes) if interactive() else None
    with Session(files.connector) as session:
        confirm = _confirm(device, fingerprint)
        facts = register(device, files.inventory, session, confirm, let_in=let_in, report=_step)
        output().note(f"[green]added[/] [bold]{name}[/] to {plain(files.inventory)}")
        device = files.device(name)
        files.remember([(device, facts)])
        try:
            first = _first_case(device, facts, files, session, wheelhouse) if set_up else None
        except FarmError:
            errors_console().print(f"{name} stays added; once what follows is mended: farm devices setup {name}")
            raise
    if json:
        made, smoke = first or (None, None)
        print_json({"device": name, "facts": facts, "setup": made.to_json() if made else None, "smoke": smoke})
        return
    _show_added(name, facts, first)


def trust(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A device of the inventory.", autocompletion=candidates.device)
    ],
    fingerprint: Fingerprint = None,
    inventory: InventoryFile = None,
) -> None:
    """Trust the host key a device shows now.

    For a device that was re-imaged, or whose entry was written by hand.
    """
    from orchestrator.devices.host_keys import trust as trust_key

    files = project(inventory=inventory)
    device = files.device(name)
    key = trust_key(device, files.connector, _confirm(device, fingerprint))
    console().print(f"[green]trusted[/] [bold]{name}[/] by {key.kind} {key.fingerprint}", soft_wrap=True)


def _asked_address(name: str) -> str:
    from orchestrator.errors import UsageError

    if not interactive():
        raise UsageError(
            f"{name}: --address is required without a terminal",
            hint=f"farm devices add {name} --address USER@HOST:PORT",
        )
    return str(typer.prompt("Its address (USER@HOST:PORT)", err=True))


def _first_case(
    device: Device, facts: Mapping[str, Any], files: Project, session: Session, wheelhouse: Path | None
) -> tuple[RuntimeInstalled, Mapping[str, Any]]:
    """Install a runtime on the device and measure the smoke case, showing what is going on."""
    from orchestrator.cli.screen.progress import Screen
    from orchestrator.devices.setup import install_runtime
    from orchestrator.runs.smoke import smoke_case

    made = install_runtime(
        session.client(device), facts, cache=files.state / "wheels", wheelhouse=wheelhouse, report=_step
    )
    _step(f"{device.name}: measuring a smoke case: its model is built, sent, scored and timed")
    with files.open_store() as store, Screen(output()) as live:
        farm = files.farm(wheelhouse=wheelhouse)
        smoke = smoke_case(farm, device, made.runtime, store, session=session, show=live.show)
    return made, smoke


def _step(words: str) -> None:
    """Show what is going on: a line that stays, because it may be followed by a question."""
    output().note(f"[dim]{plain(words)}[/]")


def _show_added(name: str, facts: Mapping[str, Any], first: tuple[RuntimeInstalled, Mapping[str, Any]] | None) -> None:
    """Say what the device is, in five lines."""
    from orchestrator.devices.health import complaints
    from orchestrator.domain.units import format_bytes

    system = ", ".join(str(facts[key]) for key in ("kernel", "libc", "virtualisation") if facts.get(key))
    lines = [("device", describe(facts)), ("system", system)]
    if first is not None:
        made, smoke = first
        source = f"installed ({format_bytes(made.size_bytes)})" if made.environment else "its own"
        lines += [("runtime", f"{made.runtime} {made.version}, {source}"), ("smoke test", _smoke_test(smoke))]
    lines.append(("warnings", "; ".join(advice for _, advice in complaints(facts)) or "none"))
    screen = console()
    for word, value in lines:
        screen.print(f"  [dim]{word:10}[/] {plain(value)}", soft_wrap=True)
    screen.print(f"Measure on it:  farm run --devices {name}", soft_wrap=True)


def _smoke_test(smoke: Mapping[str, Any]) -> str:
    from orchestrator.domain.units import format_ns

    if smoke["fastest_ns"] is None:
        return f"failed: {smoke['case']}: {smoke['why']}"
    best = format_ns(smoke["fastest_ns"])
    return f"passed: {smoke['case']}, best of {smoke['invocations']}: {best} (not a benchmark result)"


def _let_in(*, yes: bool) -> LetIn:
    """Return who helps when the device takes none of our keys: a public key is copied there, with its password once."""
    from orchestrator.devices.registration import our_public_key

    def let_in(device: Device, refused: AuthenticationRefused, connector: Connector) -> bool:
        public = our_public_key(device)
        if public is None:
            return False
        path, text = public
        errors_console().print(plain(refused.message), soft_wrap=True)
        if not yes and not typer.confirm(f"Copy {path} there? It asks for the password, once.", err=True, default=True):
            return False
        from orchestrator.transports.ssh import install_public_key

        install_public_key(device, connector, text, _hidden)
        return True

    return let_in


def _hidden(question: str) -> str:
    return str(typer.prompt(question, hide_input=True, err=True))


def _confirm(device: Device, expected: str | None) -> Confirm:
    """Return who decides about a host key: the fingerprint that was given, else the person at the terminal."""
    from orchestrator.errors import HostKeyRefused, UsageError
    from orchestrator.transports.known_hosts import same

    if expected is not None:
        same(expected, expected)  # a fingerprint of another form is refused before anything is connected

    def confirm(who: Device, key: HostKey, trusted: Sequence[HostKey]) -> None:
        shown = f"{key.kind} {key.fingerprint}"
        if expected is not None and who.name == device.name:
            if not same(expected, key.fingerprint):
                raise HostKeyRefused(
                    f"{device.name}: its host key is {shown}, not {expected}",
                    hint="on the device: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
                )
            return
        if not interactive():
            hint = f"if the device itself shows the same, add --fingerprint {key.fingerprint}"
            if who.name != device.name:
                hint = f"add the jump host first: farm devices add gate --address {who.destination}"
            raise UsageError(f"{who.name}: cannot confirm host key {shown} without a terminal", hint=hint)
        screen = errors_console()
        screen.print(f"{key.name} shows the host key\n  [bold]{shown}[/]", soft_wrap=True)
        screen.print(plain_lines(key), soft_wrap=True)
        for old in trusted:
            if old.blob != key.blob:
                screen.print(f"  [red]trusted so far:[/] {old.kind} {old.fingerprint}", soft_wrap=True)
        screen.print("On the device, `ssh-keygen -lvf /etc/ssh/ssh_host_ed25519_key.pub` must say the same.")
        if not typer.confirm("Trust it?", err=True):
            raise HostKeyRefused(f"{who.name}: its host key was not confirmed; nothing was changed")

    return confirm


def plain_lines(key: HostKey) -> str:
    """Return the randomart of a host key, which people compare at a glance."""
    from rich.markup import escape

    from orchestrator.transports.randomart import randomart

    return escape(randomart(key.blob))
