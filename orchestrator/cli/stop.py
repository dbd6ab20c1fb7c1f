"""``farm stop``: the lanes of a run ended on their devices."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import candidates
from orchestrator.cli.collected import FAILED, followed, read_lanes, show_collected
from orchestrator.cli.context import Db, InventoryFile, Json, console, errors_console, project
from orchestrator.cli.screen.output import output
from orchestrator.cli.screen.terminal import plain
from orchestrator.cli.waiting import replay_all

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.cli.collected import Collected
    from orchestrator.cli.context import Project
    from orchestrator.devices.fleet import Outcome
    from orchestrator.domain.device import Device
    from orchestrator.runs.collect import LaneToRead
    from orchestrator.store.rows import LaneRow
    from orchestrator.store.store import Store

EPILOG = """Exit status 1 if any device fails.  Examples:

\b
  farm stop                 the newest run: each device ends the step that it is at
  farm stop --now           at once: what was finished is kept"""


def stop(
    run: Annotated[
        str,
        typer.Argument(metavar="RUN", help="Its id, a beginning of it, its name.", autocompletion=candidates.run),
    ] = "latest",
    now: Annotated[
        bool,
        typer.Option("--now", help="End workers at once; the step that is under way is measured anew on --resume."),
    ] = False,
    db: Db = None,
    inventory: InventoryFile = None,
    json: Json = False,
) -> None:
    """Stop what a run still does on devices.

    Each device ends the attempt, or the shard of images, that it is at; what was finished is collected. farm run --resume goes on.
    """
    from orchestrator.config.inventory import Inventory
    from orchestrator.devices.fleet import for_each
    from orchestrator.runs.collect import LaneToRead

    files = project(db, inventory)
    with files.open_store(create=False) as store:
        replay_all(files, store, output().note)
        row = store.run(run)
        unended = [lane for lane in store.lanes(row.id) if not lane.ended]
        lanes = {lane.device: lane for lane in unended}  # the last one of a device is the one that may run
        devices = [device for device in Inventory.load(files.inventory).devices if device.name in lanes]
        files.unlock(devices)

        outcomes = list(for_each(devices, partial(_stop_one, files, lanes, now=now)))
        for outcome in outcomes:
            _show(outcome, now=now)
        answered = {outcome.device.name: outcome.device for outcome in outcomes if outcome.error is None}
        asked = [
            LaneToRead(device=answered[lane.device], lane=lane.id, offset=lane.offset)
            for lane in unended
            if lane.device in answered
        ]
        rows = _stored(files, store, row.id, asked)
        removed = lanes.keys() - {device.name for device in devices}
        for name in removed:
            errors_console().print(
                f"[yellow]{plain(name)}[/]  is no longer in {plain(files.inventory)}", soft_wrap=True
            )
        if rows or json:
            show_collected(rows, store, as_json=json)
        elif not lanes:
            console().print(f"nothing of run {row.id} runs on devices", soft_wrap=True)
    failed = removed or any(outcome.error for outcome in outcomes) or any(each.state == FAILED for each in rows)
    raise typer.Exit(1 if failed else 0)


def _stored(files: Project, store: Store, run: str, lanes: Sequence[LaneToRead]) -> list[Collected]:
    """Store what ``lanes`` finished, unless the command that follows the run does."""
    from orchestrator.runs.farm import LEAVES_WITHIN_S

    if not lanes:
        return []
    with store.following(run, wait_s=LEAVES_WITHIN_S) as is_ours:
        known = {row.id: row for row in store.lanes(run)}  # another command may have stored some until now
        left = [each for each in lanes if is_ours and not known[each.lane].ended]
        ours = [replace(each, offset=known[each.lane].offset) for each in left]
        rows = read_lanes(files.farm(), store, run, ours, waits=True) if ours else []
    theirs = Counter(each.device for each in lanes if each not in left)
    return [*rows, *(followed(device, run, count) for device, count in theirs.items())]


def _stop_one(files: Project, lanes: Mapping[str, LaneRow], device: Device, *, now: bool) -> bool:
    """Stop the lane of a device; return False where it was over already."""
    from orchestrator.devices.session import connect
    from orchestrator.errors import AgentFailed

    with closing(connect(device, files.connector)) as client:
        try:
            return client.stop(lanes[device.name].id, now=now)
        except AgentFailed as error:
            if error.code in client.GONE:
                return False
            raise


def _show(outcome: Outcome[bool], *, now: bool) -> None:
    name = plain(outcome.device.name)
    if outcome.error is not None:
        errors_console().print(f"[red]{name}  can't be asked:[/] {plain(outcome.error.message)}", soft_wrap=True)
    elif not outcome.value:
        output().note(f"[bold]{name}[/]  had ended already")
    else:
        waited = "" if now else "; it ends the step that it is at (farm stop --now does not wait)"
        output().note(f"[bold]{name}[/]  {'stopped' if now else 'stops'}{waited}")
