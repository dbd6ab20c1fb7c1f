from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import product

import pytest

from orchestrator.cli.screen import event_lines
from orchestrator.cli.screen.board import Row
from orchestrator.cli.screen.output import Loudness, Output
from orchestrator.cli.screen.progress import Screen
from orchestrator.cli.screen.safe_console import SafeConsole
from orchestrator.cli.screen.time_left import TimeLeft
from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.domain.device import LOCAL
from orchestrator.domain.effort import EFFORTS
from orchestrator.domain.plan import Attempt, Lane, Profiling, Scoring
from orchestrator.domain.result import Verdict
from orchestrator.runs import planner
from orchestrator.testing import make_artifact, make_case, make_suite
from tests.lab.telling import everything_that_can_happen, judged, started


def screen_of(*events, loudness=Loudness.NORMAL, is_live=False):
    out = StringIO()
    output = Output(console=SafeConsole(file=out, width=200), loudness=loudness)
    with Screen(output, is_live=is_live, drawing_share=math.inf) as screen:
        for event in events:
            screen.show(event)
    return out.getvalue()


def failed(scheme, error="m.keras: weights alone\n  model.save()", model="mine"):
    return run_event.BuildFailed(run="r", model=model, scheme=scheme, batch=1, error=error)


def ready(scheme, **checks):
    artifact = make_artifact(model="mine", scheme=scheme, checks=checks)
    return run_event.ArtifactReady(run="r", artifact=artifact, reused=True, seconds=0.0)


def test_why_a_model_cannot_be_built_is_shown_once_for_all_its_schemes():
    shown = screen_of(failed("float32"), failed("int8"), failed("int8", model="other"))

    assert shown.splitlines() == [
        "mine float32 cannot be built: m.keras: weights alone",
        "  model.save()",
        "mine int8 cannot be built: for the same reason",
        "other int8 cannot be built: m.keras: weights alone",
        "  model.save()",
    ]


def test_why_a_device_is_left_out_is_shown_once_and_not_for_each_of_its_cases():
    case = make_case(device="off")
    off = happened.LaneSkipped(run="r", device="off", reason="off: nothing answers")

    shown = screen_of(
        off, *(happened.CaseSkipped(run="r", device="off", case=case, reason=why) for why in (off.reason, "no tflite"))
    )

    assert shown.splitlines() == ["off  skipped: nothing answers", f"{case}  skipped: no tflite"]


def test_a_wait_for_a_link_is_shown_once_for_its_reason_with_its_length_and_its_number():
    def lost(failures, reason="pi4: the connection was lost"):
        wait_s = 2.0 * failures
        return happened.LinkLost(run="r", device="pi4", reason=reason, wait_s=wait_s, failures=failures, most=65)

    shown = screen_of(lost(1), lost(2), lost(3, "pi4: nothing answers"), lost(4, "pi4: nothing answers"))

    assert shown.splitlines() == [
        "pi4  link lost, its lane goes on there; again in 2.0 s (1 of 65): the connection was lost",
        "pi4  link lost, its lane goes on there; again in 6.0 s (3 of 65): nothing answers",
    ]


def test_doubtful_scores_of_a_model_are_shown_once_also_where_its_artifacts_are_found_again():
    shown = screen_of(ready("float32", doubt="they are the same"), ready("int8", doubt="they are the same"))

    assert shown == "mine  doubtful: they are the same\n"
    assert screen_of(ready("float32")) == ""


def test_the_cpu_quota_of_a_device_in_a_container_is_shown_before_it_measures():
    facts = {"cpu_model": "Cortex-A72", "cores": 4, "quota_cpus": 0.5}
    odd = facts | {"quota_cpus": "half"}

    shown = screen_of(
        *(happened.DeviceProbed(run="r", device="local", entry=LOCAL, facts=each) for each in (facts, odd))
    )

    assert shown.splitlines() == ["local  Cortex-A72, 4 cores, CPU quota 0.5", "local  Cortex-A72, 4 cores"]


def planned(*devices):
    return run_event.Planned(run="r", plan=planner.plan("r", make_suite(), devices))


def test_a_device_that_is_finished_shows_its_verdicts_while_others_work():
    end = judged(make_case(device="pi"), verdict=Verdict.VALID, p50_ns=1_500_000.0, auc_mean=0.9)
    verdict = "pi/tiny-cxr/float32/litert/t1/b1  VALID, p50 1.50 ms, AUC 0.9000"

    several = screen_of(planned("pi", "slow"), happened.DeviceFinished(run="r", device="pi"), end)

    assert several.splitlines()[-1] == verdict
    assert verdict not in screen_of(planned("pi"), end), "the table of a single device follows at once"


def at(seconds):
    return datetime(2026, 11, 27, 12, tzinfo=UTC) + timedelta(seconds=seconds)


def time_left(*ends, effort="quick", steps="sa"):
    """Return what is shown of the time left: ``steps`` of a lane are s, a or p, ``ends`` of the first ones in seconds."""
    kinds = {
        "s": Scoring(id="s", device="pi", model="m", scheme="int8", runtime="litert", batch=1),
        "a": Attempt(id="a", case=make_case(device="pi"), number=1),
        "p": Profiling(id="p", case=make_case(device="pi")),
    }
    left = TimeLeft(Lane(device="pi", steps=tuple(kinds[letter] for letter in steps)), EFFORTS[effort])
    left.begin(at(0))
    for letter, second in zip(steps, ends, strict=False):
        left.end(type(kinds[letter]), at(second))
    return left.words()


def test_the_time_left_is_what_finished_steps_took_and_first_what_the_effort_asks():
    assert time_left() == "", "how long scoring takes is not known before"
    assert time_left(3, steps="saaaaaaaaaa") == "about 35 s left", "2 s of timing each, and what is around it"
    assert time_left(3, 63, steps="saaaaaaaaaa") == "about 9 min left"
    assert time_left(3, 63, steps="sap") == "about 1 min left"
    assert time_left(3, effort="sustained", steps="saaa") == "about 1 h 30 min left"
    assert time_left(3, 63, 64, steps="sap") == "", "nothing is left"


@pytest.mark.parametrize(("limit", "words"), [(None, "evaluates 80 images"), (45, "scores at most 45 of them")])
def test_a_run_names_the_subset_that_it_scores(limit, words):
    read = next(event for event in everything_that_can_happen() if isinstance(event, run_event.DatasetRead))

    shown = screen_of(replace(read, limit=limit))

    assert words in shown
    assert ("scores at most" in shown) is (limit is not None)


@pytest.mark.parametrize(
    ("medians_ns", "spread"), [([1e6], "1.00 ms; "), ([1e6, 2e6], "2.00 ms, attempts 1.00 ms to 2.00 ms; ")]
)
def test_a_case_of_one_attempt_is_finished_without_a_range_of_attempts(medians_ns, spread):
    case = make_case()
    row = Row(device="local", case=case, medians_ns={case: medians_ns})

    (line,) = event_lines._of_a_case(row)

    assert line.markup == f"{case}  measured: p50 about {spread}"


def test_a_lane_that_a_person_stopped_is_no_problem_of_a_run_that_goes_on():
    def over(why):
        return happened.LaneEnded(run="r", device="pi", lane="l", error=why)

    assert "lane was stopped before its end" in screen_of(over("stopped"))
    assert screen_of(over("stopped"), loudness=Loudness.QUIET) == ""
    assert "lane ended early: no space left" in screen_of(over("no space left"), loudness=Loudness.QUIET)


def test_a_run_without_accuracy_evaluates_no_images():
    read = next(event for event in everything_that_can_happen() if isinstance(event, run_event.DatasetRead))

    shown = screen_of(started(suite={"accuracy": "none"}), read)

    assert "for latency alone, without accuracy" in shown
    assert "evaluates" not in shown


def test_lines_that_come_quickly_are_printed_together_in_their_order(monkeypatch):
    out = StringIO()
    console = SafeConsole(file=out, width=200, force_terminal=True)
    names = ["zz".join(letters) + "zz" for letters in product("abcdefghij", "klmnopqrst")]
    prints = []
    printing = console.print
    monkeypatch.setattr(console, "print", lambda *words, **how: prints.append(words) or printing(*words, **how))
    with Screen(Output(console=console), is_live=True, drawing_share=1e-6) as screen:
        for name in names:
            screen.show(run_event.RunResumed(run=name))

    places = [out.getvalue().find(name) for name in names]
    assert -1 not in places
    assert places == sorted(places)
    assert len(prints) < 10
