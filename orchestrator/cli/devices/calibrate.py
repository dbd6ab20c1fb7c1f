"""Find out which differences on a device are noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.context import Db, InventoryFile, Json, Wheelhouse, console, errors_console, home, unlock_keys
from orchestrator.cli.devices.format import calibrated, plain, print_json

if TYPE_CHECKING:
    from orchestrator.domain.event import Event
    from orchestrator.domain.result import Reason

CALIBRATE_EPILOG = """It takes a minute or two; comparisons on the device then say what is noise.  Examples:

\b
  farm devices calibrate pi5-a
  farm devices calibrate pi5-a --effort standard --attempts 30
  farm devices calibrate local --json"""


def calibrate(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A device of the inventory.")],
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
    """Compare a case with itself, and store how far apart it comes out: the device's noise floor."""
    from orchestrator.cli.progress import Screen
    from orchestrator.config.inventory import Inventory
    from orchestrator.domain.event import CaseJudged
    from orchestrator.runs.calibrate import calibrate as compare_with_itself
    from orchestrator.store.store import Store

    files = home(db, inventory)
    unlock_keys(files, [Inventory.load(files.inventory).device(name)])
    reasons: list[Reason] = []
    with Store.open(files.db) as store, Screen(errors_console()) as live:

        def show(event: Event) -> None:
            live.show(event)
            if isinstance(event, CaseJudged):
                reasons.extend(event.result.reasons)

        found = compare_with_itself(
            name,
            files.inventory,
            files.state,
            store,
            connector=files.connector,
            effort=effort,
            attempts=attempts,
            seed=seed,
            wheelhouse=wheelhouse,
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
