"""The noise floor of a device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import candidates
from orchestrator.cli.context import Db, InventoryFile, Json, Wheelhouse, console, errors_console, project
from orchestrator.cli.devices.format import calibrated, print_json
from orchestrator.cli.screen.terminal import plain

if TYPE_CHECKING:
    from orchestrator.domain.event import Event
    from orchestrator.domain.result import Reason

CALIBRATE_EPILOG = """It takes a minute or two; comparisons on the device then say what is noise.  Examples:

\b
  farm devices calibrate pi5-a
  farm devices calibrate pi5-a --effort standard --attempts 30
  farm devices calibrate local --json"""


def calibrate(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A device of the inventory.", autocompletion=candidates.device)
    ],
    attempts: Annotated[int, typer.Option(min=2, metavar="N", help="How often to measure the case.")] = 20,
    effort: Annotated[
        str, typer.Option(help="How long an attempt is, and how many a comparison has: quick, standard, mobile.")
    ] = "quick",
    seed: Annotated[int, typer.Option(help="Seed of the draws.")] = 0,
    wheelhouse: Wheelhouse = None,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Measure the noise floor of a device.

    One case is compared with itself.
    """
    from orchestrator.cli.screen.output import output
    from orchestrator.cli.screen.progress import Screen
    from orchestrator.devices.session import Session
    from orchestrator.domain.event import CaseJudged
    from orchestrator.runs.calibrate import calibrate as compare_with_itself

    files = project(db, inventory)
    device = files.device(name)
    files.unlock([device])
    reasons: list[Reason] = []
    with files.open_store() as store, Session(files.connector) as session, Screen(output()) as live:

        def show(event: Event) -> None:
            live.show(event)
            if isinstance(event, CaseJudged):
                reasons.extend(event.result.reasons)

        found = compare_with_itself(
            files.farm(wheelhouse=wheelhouse),
            device,
            store,
            session,
            effort=effort,
            attempts=attempts,
            seed=seed,
            show=show,
        )
    for reason in reasons:
        errors_console().print(f"[yellow]{name}:[/] {plain(reason.message)}; {plain(reason.advice)}", soft_wrap=True)
    if json:
        print_json(found.to_json())
        return
    screen = console()
    screen.print(f"[bold]{name}[/]  noise floor {plain(calibrated(found))}", soft_wrap=True)
    screen.print(f"Its attempts, halved into A and B, came out {found.observed:.2%} apart.", soft_wrap=True)
