"""``farm runs stop``: lanes ended on devices whose controller is gone."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import candidates
from orchestrator.cli.context import Db, InventoryFile, console, existing_store, project
from orchestrator.cli.terminal import plain

if TYPE_CHECKING:
    from orchestrator.domain.device import Device


def stop(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN", help="Its id, a beginning of it, its name.", autocompletion=candidates.run),
    ] = "latest",
    db: Db = None,
    inventory: InventoryFile = None,
) -> None:
    """Stop what a run still does on devices.

    For a run that was left at once, or whose farm was killed. What was measured stays there until farm run --resume collects it.
    Exit status 1 where a device can't be asked.
    """
    from orchestrator.config.inventory import Inventory
    from orchestrator.devices.fleet import for_each
    from orchestrator.devices.session import connect
    from orchestrator.errors import AgentFailed

    files = project(db, inventory)
    with existing_store(db, inventory) as store:
        row = store.run(run)
        lanes = {lane.device: lane.id for lane in store.lanes(row.id) if not lane.ended}
    devices = [device for device in Inventory.load(files.inventory).devices if device.name in lanes]
    files.unlock(devices)

    def stop_one(device: Device) -> bool:
        with closing(connect(device, files.connector)) as client:
            try:
                return client.stop(lanes[device.name])
            except AgentFailed as error:
                if error.code in client.GONE:
                    return False
                raise

    screen = console()
    failed = False
    for outcome in for_each(devices, stop_one):
        words = "stopped" if outcome.value else "had ended already"
        if outcome.error is not None:
            failed, words = True, f"can't be asked: {outcome.error.message}"
        screen.print(f"[bold]{outcome.device.name}[/]  {plain(words)}", soft_wrap=True)
    for name in lanes.keys() - {device.name for device in devices}:
        failed = True
        screen.print(f"[bold]{plain(name)}[/]  is no longer in {plain(files.inventory)}", soft_wrap=True)
    if not lanes:
        screen.print(f"nothing of run {row.id} runs on devices", soft_wrap=True)
    elif row.ended_at is None:
        screen.print(f"Collect it and go on:  farm run --resume {row.id}", soft_wrap=True)
    raise typer.Exit(1 if failed else 0)
