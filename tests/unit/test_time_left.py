"""How long a run takes, estimated before it starts."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest

from orchestrator.cli.screen.output import Output
from orchestrator.cli.screen.progress import Screen
from orchestrator.cli.screen.safe_console import SafeConsole
from orchestrator.cli.screen.time_left import Estimates
from orchestrator.domain import run_event
from orchestrator.runs import planner
from orchestrator.store.store import Store
from orchestrator.testing import MIDNIGHT, make_artifact, make_suite
from tests.lab.reported import fill
from tests.lab.telling import started, tell

SCHEMES = ("float32", "int8")


def words(estimates, device="pi5", effort="standard", suite=None):
    plan = planner.plan("r", suite or make_suite(schemes=SCHEMES, effort=effort), (device,))
    return estimates.words(plan.lanes[0], plan.effort)


def test_without_earlier_results_the_estimate_is_what_the_effort_asks():
    assert words(Estimates()) == "2 cases × 5 attempts ≈ 35 s on pi5, and 2 scorings of all images"


def test_earlier_results_of_the_device_with_that_effort_make_the_estimate(tmp_path):
    url = fill(tmp_path)  # attempts of 2 s, scorings of 200 images in 1 s

    with Store.open(url) as store:
        estimates = Estimates(earlier=store.step_times, images=8000)

        assert words(estimates) == "2 cases × 5 attempts ≈ 1 min 40 s on pi5"
        assert words(estimates, device="other") == "2 cases × 5 attempts ≈ 35 s on other, and 2 scorings of 8000 images"
        assert words(estimates, effort="quick").startswith("2 cases × 3 attempts ≈ 1 min 45 s"), (
            "attempts of another effort say nothing"
        )


def test_the_estimate_is_shown_once_before_anything_is_built_and_knows_how_many_images_are_scored():
    out = StringIO()
    suite = make_suite(schemes=SCHEMES, effort="standard", accuracy=16)
    planned = run_event.Planned(run="r", plan=planner.plan("r", suite, ("pi5",)))
    started = run_event.RunStarted(
        run="r",
        suite=suite.to_json(),
        seed=0,
        effort="standard",
        dataset="phantom",
        synthetic=True,
        farm_version="0.1.0",
    )

    with Screen(Output(console=SafeConsole(file=out, width=200))) as screen:
        for event in (started, planned, planned, run_event.BuildStarted(run="r", total=2)):
            screen.show(event)

    assert out.getvalue().count("≈") == 1
    assert out.getvalue().index("2 cases × 5 attempts ≈ 35 s on pi5") < out.getvalue().index("building 2 artifacts")


def test_a_run_that_goes_on_counts_what_is_left_of_it():
    plan = planner.plan("r", make_suite(schemes=SCHEMES, effort="standard"), ("pi5",))
    done = frozenset(step.id for step in plan.lanes[0].steps[:7])
    out = StringIO()

    with Screen(Output(console=SafeConsole(file=out, width=200)), done_steps=lambda _: done) as screen:
        screen.show(run_event.RunResumed(run="r"))
        screen.show(run_event.Planned(run="r", plan=plan))

    assert screen.board.rows["pi5"].steps == len(plan.lanes[0].steps) - 7
    assert "5 attempts of 2 cases ≈ 20 s on pi5" in out.getvalue()


def after(seconds):
    return MIDNIGHT + timedelta(seconds=seconds)


def built(run, *seconds, model="tiny-cxr", kept=0):
    """Yield what a run tells that finds some artifacts and builds others, each ready so many seconds after the beginning."""
    yield started(run, at=MIDNIGHT)
    yield run_event.BuildStarted(run=run, at=MIDNIGHT, total=len(seconds))
    for number, second in enumerate((*(0 for _ in range(kept)), *seconds)):
        artifact = make_artifact(
            sha256=f"{number:064}", model="kept" if number < kept else model, scheme=f"s{number}", recipe={"big": "x"}
        )
        yield run_event.ArtifactReady(
            run=run, at=after(second), artifact=artifact, reused=number < kept, seconds=second
        )


@pytest.fixture
def store(migrated_url):
    with Store.open(migrated_url) as opened:
        yield opened


def test_builds_take_what_they_took_side_by_side_in_the_newest_run_that_had_some(store):
    tell(store, *built("r-1", 900))
    tell(store, *built("r-2", 20, 80, kept=2))
    tell(store, *built("r-3", kept=2))

    assert store.build_times() == {"tiny-cxr": 40.0}
    assert Estimates(builds=store.build_times).build_words(4, {"tiny-cxr"}) == "+ building 4 artifacts ≈ 2 min 40 s"


def test_builds_of_a_model_that_was_never_built_are_counted_in_words_alone(store):
    tell(store, *built("r-1", 900))

    unknown = "+ building 1 artifact; with TensorFlow some take minutes"
    assert Estimates(builds=store.build_times).build_words(1, {"tiny-cxr", "new"}) == unknown
    assert Estimates().build_words(1, {"tiny-cxr"}) == unknown


def test_the_estimate_before_a_run_counts_what_is_built_first():
    out = StringIO()
    plan = planner.plan("r", make_suite(schemes=SCHEMES, effort="standard"), ("pi5",))

    with Screen(
        Output(console=SafeConsole(file=out, width=200)), estimates=Estimates(builds=lambda: {"tiny-cxr": 30.0})
    ) as screen:
        screen.show(run_event.Planned(run="r", plan=plan))
        screen.show(run_event.BuildStarted(run="r", total=2))

    assert out.getvalue().splitlines()[-1] == "+ building 2 artifacts ≈ 1 min 00 s"
