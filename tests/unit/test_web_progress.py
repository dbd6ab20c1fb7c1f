"""How far a run is, by its events."""

from __future__ import annotations

from orchestrator.reports.web.progress import Progress
from orchestrator.store.rows import EventRow
from orchestrator.testing import MIDNIGHT, make_case

CASE = str(make_case())


def events(*kinds, first=1):
    return [
        EventRow(id=number, at=MIDNIGHT, kind=kind, device=device, detail=detail)
        for number, (kind, device, detail) in enumerate(kinds, first)
    ]


def test_steps_of_each_device_are_counted_against_its_plan():
    progress = Progress()

    progress.follow(
        events(
            ("Planned", None, {"cases": 2, "skips": 0, "steps": {"local": 3, "pi5": 3}}),
            ("Scored", "local", {"error": None}),
            ("AttemptStarted", "local", {"number": 1, "case": CASE}),
            ("AttemptEnded", "local", {"case": CASE, "error": "Traceback\nKilled"}),
            ("LaneSkipped", "pi5", {"reason": "it is off"}),
        )
    )

    local, pi5 = progress.devices["local"], progress.devices["pi5"]
    assert (local.done, local.total, local.failed, local.state) == (2, 3, 1, "measuring")
    assert local.doing == f"attempt 1 of {CASE}"
    assert (pi5.state, pi5.doing) == ("skipped", "skipped: it is off")
    assert progress.latest[1][2] == f"attempt of {CASE} failed: Killed"


def test_what_is_left_of_a_run_that_goes_on_is_added_to_what_is_done():
    progress = Progress()
    progress.follow(events(("Planned", None, {"steps": {"local": 5}}), ("AttemptEnded", "local", {"case": CASE})))

    assert progress.follow(events(("RunResumed", None, {}), ("Planned", None, {"steps": {"local": 4}}), first=3))

    assert (progress.devices["local"].done, progress.devices["local"].total) == (1, 5)
    assert not progress.follow([])


def test_a_plan_of_an_older_farm_or_of_nonsense_has_no_total():
    progress = Progress()

    progress.follow(
        events(("Planned", None, {"cases": 1}), ("Planned", None, {"steps": ["x"]}), ("LaneStarted", "pi5", {}))
    )

    assert progress.devices["pi5"].total is None


def test_only_the_latest_lines_are_kept():
    progress = Progress()

    progress.follow(events(*[("AttemptEnded", "local", {"case": CASE})] * 100))

    assert (len(progress.latest), progress.last_id, progress.devices["local"].done) == (12, 100, 100)
