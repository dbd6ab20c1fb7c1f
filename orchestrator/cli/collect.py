"""``farm collect``: what finished on devices without a controller."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import typer

from orchestrator.cli.collected import ELSEWHERE, FAILED, WHOLE, Collected, followed, read_lanes, show_collected
from orchestrator.cli.context import Db, InventoryFile, Json, console, project
from orchestrator.cli.devices.format import Names
from orchestrator.cli.devices.setup import show_failures
from orchestrator.cli.screen.output import output
from orchestrator.cli.waiting import replay_all

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from orchestrator.cli.context import Project
    from orchestrator.devices.remote.answers import FoundLane
    from orchestrator.domain.device import Device
    from orchestrator.runs.collect import LaneToRead
    from orchestrator.runs.farm import Farm
    from orchestrator.store.store import Store

RUNNING = "running"
WITH_THEIRS = "collect it where it was started: farm collect --db URL"
STILL_RUNS = "it still runs: farm collect once it is over"
EPILOG = """Exit status 1 if any device fails.  Examples:

\b
  farm collect              from every device
  farm collect tag:ward-3   from some"""


def collect(names: Names = None, db: Db = None, inventory: InventoryFile = None, json: Json = False) -> None:
    """Collect what finished on devices and was never fetched.

    Asks every device for journals that the database does not have whole, stores and judges what they hold, and starts nothing.
    Lanes that still run are read as far as they are; of runs that another controller started, what is over is stored too.
    """
    from orchestrator.config.inventory import Inventory
    from orchestrator.devices.fleet import for_each
    from orchestrator.devices.remote.upkeep import lanes_on
    from orchestrator.devices.session import connect

    files = project(db, inventory)
    devices = files.select(names)

    def ask(device: Device) -> tuple[FoundLane, ...]:
        with closing(connect(device, files.connector)) as client:
            return lanes_on(client)

    outcomes = list(for_each(devices, ask))
    farm = files.farm()
    names_of_devices = {device.name for device in Inventory.load(files.inventory).devices}
    found = [(outcome.device, outcome.value or ()) for outcome in outcomes]
    with files.open_store(create=any(lanes for _, lanes in found)) as store:
        replay_all(files, store, output().note)
        look = partial(
            lacking, store=store, inventory=names_of_devices, is_here=lambda sha: (farm.blobs / sha).exists()
        )
        of_runs, strangers, others = look(found)
        rows: list[Collected] = []
        for run in dict.fromkeys([*of_runs, *(each.run for each in strangers)]):
            of_run = [(device, tuple(lane for lane in lanes if lane.run == run)) for device, lanes in found]
            with store.following(run) as is_ours:
                if is_ours:  # what another command stored since is known now
                    lanes, theirs, _ = look(of_run)
                    for row in _collected(farm, files, store, lanes, theirs):
                        (others if row.state == ELSEWHERE else rows).append(row)
                else:
                    lacked = Counter(lane.device for lane in of_runs.get(run, ()))
                    lacked.update({each.device: len(each.lanes) for each in strangers if each.run == run})
                    rows += [followed(device, run, count) for device, count in lacked.items()]
        rows += others
        show_collected(rows, store, as_json=json)
        is_new = not others and not store.runs()
    answered = sum(outcome.error is None for outcome in outcomes)
    if len(rows) == len(others) and not json and answered:
        of = "" if answered == len(outcomes) else f"of the {answered} of {len(outcomes)} devices that answered, "
        whole = f"{of}the database has every journal whole"
        console().print(f"nothing to collect: {'there is no run yet: farm run starts one' if is_new else whole}")
    show_failures(outcomes)
    raise typer.Exit(1 if any(row.state == FAILED for row in rows) else 0)


def _collected(
    farm: Farm,
    files: Project,
    store: Store,
    of_runs: Mapping[str, Sequence[LaneToRead]],
    strangers: Sequence[Stranger],
) -> Iterator[Collected]:
    for run, lanes in of_runs.items():
        yield from read_lanes(farm, store, run, lanes, waits=False)
    for each in strangers:
        yield take_over(farm, files, store, each)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stranger:
    """What a device has of a run that another controller started."""

    device: Device
    run: str
    lanes: tuple[FoundLane, ...]
    #: How far the database has each lane that it knows.
    offsets: Mapping[str, int]
    #: Lanes that it has to their ends: of these it lacks scores, whose labels are here now, or verdicts.
    ended: frozenset[str] = frozenset()


def lacking(
    found: Sequence[tuple[Device, tuple[FoundLane, ...]]],
    store: Store,
    inventory: Collection[str],
    is_here: Callable[[str], bool] = lambda _: False,
) -> tuple[dict[str, list[LaneToRead]], list[Stranger], list[Collected]]:
    """Return the lanes of which ``store`` lacks something by run, what is over of runs of other controllers, and what is not.

    A lane that two names of one machine lead to is there once. What another store has whole is left out, and what bears the name of
    another device of ``inventory``: no device speaks for another. A lane that was stored without its scores lacks them once their labels
    are a file by whose sha256 ``is_here`` says so; one that was stored and not judged lacks its verdicts.
    """
    from orchestrator.runs.collect import LaneToRead
    from orchestrator.store.adoptions import adoptions, is_judged, unlabelled

    runs = {row.id for row in store.runs()}
    with store.reading() as session:
        adopted = adoptions(session, {lane.run for _, lanes in found for lane in lanes})
    theirs = {run for run, _ in adopted}
    wanted_labels = {key: [each["labels"] for each in unlabelled(detail).values()] for key, detail in adopted.items()}
    open_ones = {key for key, labels in wanted_labels.items() if labels and all(map(is_here, labels))}
    open_ones |= {key for key, detail in adopted.items() if not is_judged(detail)}
    stored = {row.id: row for row in store.lanes()}
    of_runs: dict[str, list[LaneToRead]] = {}
    elsewhere: dict[tuple[str, str], tuple[Device, list[FoundLane]]] = {}
    seen: set[str] = set()
    for device, lanes in found:
        for lane in sorted(lanes, key=lambda lane: lane.began_at_ns):
            row, key = stored.get(lane.lane), (device.name, lane.run)
            has_all = row is not None and row.ended and key[::-1] not in open_ones
            if lane.lane in seen or has_all or (row is not None and row.device != device.name):
                continue
            wanted = LaneToRead(device=device, lane=lane.lane, offset=None if row is None else row.offset)
            planned = wanted.planned_name(lane.run)
            if row is None and lane.run in runs and planned in inventory and planned != device.name:
                continue
            seen.add(lane.lane)
            if lane.run in runs - theirs and lane.lane.startswith(f"{lane.run}-"):
                of_runs.setdefault(lane.run, []).append(wanted)
            elif not lane.stored or key[::-1] in open_ones:
                elsewhere.setdefault(key, (device, []))[1].append(lane)
    strangers, others = [], []
    for (name, run), (device, lanes_there) in elsewhere.items():
        over = tuple(lane for lane in lanes_there if lane.state != RUNNING and lane.lane.startswith(f"{run}-"))
        if over:
            offsets = {lane.lane: stored[lane.lane].offset for lane in over if lane.lane in stored}
            ended = frozenset(lane for lane in offsets if stored[lane].ended)
            strangers.append(Stranger(device=device, run=run, lanes=over, offsets=offsets, ended=ended))
        else:
            others.append(Collected(device=name, run=run, lanes=len(lanes_there), state=ELSEWHERE, why=STILL_RUNS))
    return of_runs, strangers, others


def take_over(farm: Farm, files: Project, store: Store, stranger: Stranger) -> Collected:
    """Store and judge what a device has of a run of another controller, by what it keeps of that run; nothing where that does not do."""
    from orchestrator.devices.remote import origin as kept
    from orchestrator.devices.remote.upkeep import origin_of
    from orchestrator.devices.session import connect
    from orchestrator.errors import FarmError
    from orchestrator.exchange.adopt import adopt, note_judged, unlabelled
    from orchestrator.runs.collect import LaneToRead

    device, run, newest = stranger.device, stranger.run, stranger.lanes[-1]
    row = Collected(device=device.name, run=run, lanes=len(stranger.lanes), state=ELSEWHERE)
    try:
        with closing(connect(device, files.connector)) as client:
            answer = origin_of(client, newest.lane)
        if not answer.origin:
            row.why = f"its device keeps too little of it to be stored here (an older farm started it); {WITH_THEIRS}"
            return row
        origin = kept.read(answer.origin, run, f"{device.name}: what it keeps of run {run}")
        lacks = unlabelled(origin, farm.blobs, device.name)
        holder = answer.holder.partition(",")[0]
        adopt(store, origin, device.name, holder, stranger.lanes[0].began_at_ns, lacks)
    except FarmError as error:
        row.why = f"{error}; {WITH_THEIRS}"
        return row
    lanes = [
        LaneToRead(
            device=device,
            lane=each.lane,
            offset=0 if each.lane in stranger.ended else stranger.offsets.get(each.lane),
            unlabelled=frozenset(lacks),
            scores_only=each.lane in stranger.ended,
        )
        for each in stranger.lanes
    ]
    (row,) = read_lanes(farm, store, run, lanes, waits=False, origins={device.name: origin})
    row.holder = holder or "another controller"
    row.unlabelled = sorted({each["dataset"] for each in lacks.values()})
    if row.state == WHOLE:
        note_judged(store, run, device.name, holder, lacks)
    return row
