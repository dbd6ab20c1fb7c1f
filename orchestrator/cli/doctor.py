"""``farm doctor``: what is wrong with this project, with the command that mends it."""

from __future__ import annotations

from dataclasses import asdict
from json import dumps
from typing import TYPE_CHECKING

import typer

from orchestrator.cli.context import Db, InventoryFile, Json, console, project
from orchestrator.cli.screen.terminal import plain

if TYPE_CHECKING:
    from orchestrator.runs.doctor import Finding

EPILOG = """Exit status 1 if something keeps farm from working.  Examples:

\b
  farm doctor
  farm doctor --json"""
#: How a state is shown, with and without colours.
SHOWN = {"ok": "[green]ok[/]     ", "warning": "[yellow]warning[/]", "error": "[red]error[/]  "}


def doctor(*, db: Db = None, inventory: InventoryFile = None, json: Json = False) -> None:
    """Look for what is wrong with this project.

    That is the installation with its versions, disk, files, permissions, database, clocks, host keys, keys, devices that are out of runs, and what
    devices answered last. No device is asked: farm devices check does that.
    """
    from orchestrator.runs.doctor import Doctor, worst

    files = project(db, inventory)
    looked = Doctor(inventory=files.inventory, state=files.state, db=files.db, connector=files.connector)
    findings = []
    for finding in looked.findings():
        findings.append(finding)
        if not json:
            _show(finding)
    if json:
        typer.echo(dumps([asdict(finding) for finding in findings], indent=2))
    if worst(findings) == "error":
        raise typer.Exit(1)


def _show(finding: Finding) -> None:
    out = console()
    out.print(f"{SHOWN[finding.state]}  {plain(finding.subject)}: {plain(finding.sentence)}", soft_wrap=True)
    if finding.command:
        out.print(f"         {plain(finding.command)}", soft_wrap=True)
