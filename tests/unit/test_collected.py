from __future__ import annotations

from dataclasses import replace

from orchestrator.cli.collect import lacking
from orchestrator.cli.collected import ELSEWHERE, WHOLE, Collected, elsewhere
from orchestrator.devices.remote.answers import FoundLane
from orchestrator.domain.device import LOCAL
from orchestrator.store.store import Store
from tests.lab.telling import RUN, started


def test_runs_of_other_databases_are_one_line_a_device_however_many_there_are():
    rows = [
        Collected(device="pi", run=f"20261127-{number:06}-aaaa", lanes=1, state=ELSEWHERE, why="it still runs")
        for number in range(300)
    ]
    rows += [Collected(device="local", run="20261128-000000-bbbb", lanes=2, state=ELSEWHERE, why="it still runs")]
    rows += [Collected(device="pi", run="20261128-000001-cccc", lanes=1, state=WHOLE)]

    lines = list(elsewhere(rows))

    assert lines == [
        "[yellow]pi[/]  also has 300 runs (20261127-000000-aaaa … 20261127-000299-aaaa) of other databases: it still runs",
        "[yellow]local[/]  also has run 20261128-000000-bbbb of other databases: it still runs",
    ]


def test_a_device_hands_over_no_lane_of_another_device():
    good, bad, renamed = (replace(LOCAL, name=name) for name in ("good", "bad", "renamed"))
    lanes = [
        FoundLane(lane=f"{RUN}-{name}-1", run=RUN, began_at_ns=1, size_bytes=9, state="done", stored=False)
        for name in ("good", "before")
    ]

    with Store.open("sqlite://") as store:
        store.record(started())
        found = [(bad, (lanes[0],)), (good, (lanes[0],)), (renamed, (lanes[1],))]
        of_runs, _, others = lacking(found, store, {"good", "bad", "renamed"})

    assert [(lane.device.name, lane.lane) for lane in of_runs[RUN]] == [
        ("good", f"{RUN}-good-1"),
        ("renamed", f"{RUN}-before-1"),
    ]
    assert others == []
