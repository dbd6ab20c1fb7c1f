"""Events of a run, for tests of stores."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.domain.dataset import DatasetSummary, PartSummary
from orchestrator.domain.device import LOCAL
from orchestrator.domain.effort import EFFORTS
from orchestrator.domain.plan import Attempt, Lane, Plan
from orchestrator.domain.result import CaseResult, Reason, Verdict
from orchestrator.testing import (
    MIDNIGHT,
    make_artifact,
    make_case,
    make_image_list,
    make_measurement,
    make_profile,
    make_scores,
)

RUN = "run-1"
SMOKE = Reason(verdict=Verdict.WARN, code="smoke", message="wiring only", advice="measure longer")


def started(run=RUN, **changes):
    event = run_event.RunStarted(
        run=run,
        at=MIDNIGHT,
        suite={"models": ["tiny-cxr"]},
        seed=7,
        effort="smoke",
        dataset="phantom",
        synthetic=True,
        farm_version="0.1.0",
    )
    return replace(event, **changes)


def ready(run=RUN, **changes):
    return run_event.ArtifactReady(run=run, artifact=make_artifact(**changes), reused=False, seconds=1.5)


def lane_started(lane="lane-1", run=RUN, device="local"):
    return happened.LaneStarted(run=run, device=device, lane=lane)


def ended(measurement=None, *, run=RUN, offset=None, lane="lane-1"):
    cursor = None if offset is None else happened.Cursor(lane=lane, offset=offset)
    return happened.AttemptEnded(run=run, device="local", cursor=cursor, measurement=measurement or make_measurement())


def profiled(profile=None, *, run=RUN, offset=None, lane="lane-1"):
    cursor = None if offset is None else happened.Cursor(lane=lane, offset=offset)
    return happened.Profiled(run=run, device="local", cursor=cursor, profile=profile or make_profile())


def judged(case=None, *, run=RUN, at=MIDNIGHT, **changes):
    result = CaseResult(
        run=run,
        case=case or make_case(),
        artifact="a" * 64,
        size_bytes=None,
        attempts=1,
        samples=128,
        p50_ns=1_000_000.0,
        p90_ns=2_000_000.0,
        p99_ns=None,
        auc_mean=0.9,
        verdict=Verdict.VALID,
        reasons=(),
    )
    return happened.CaseJudged(run=run, at=at, device="local", result=replace(result, **changes))


def tell(store, *events):
    for event in events:
        store.record(event)


READ = DatasetSummary(
    name="mine",
    synthetic=False,
    parts=(PartSummary(part="evaluation", images=80, by_class={"WELL": 40, "SICK": 40}),),
    patients=9,
    left_out={".dcm": 3},
    pixel_range=(0, 255),
)


def planned():
    plan = Plan(
        run=RUN,
        effort=EFFORTS["smoke"],
        seed=7,
        lanes=(Lane(device="local", steps=(Attempt(id="attempt-1", case=make_case(), number=1),)),),
        skips=(),
    )
    return run_event.Planned(run=RUN, at=MIDNIGHT, plan=plan)


def everything_that_can_happen():
    case, scores = make_case(), make_scores()
    common = {"run": RUN, "at": MIDNIGHT, "device": "local"}
    named = {"model": "tiny-cxr", "scheme": "float32"}
    return [
        started(),
        run_event.RunResumed(run=RUN, at=MIDNIGHT),
        run_event.DatasetRead(run=RUN, at=MIDNIGHT, summary=READ),
        happened.PreparationStarted(**common, what="looking for the agent"),
        happened.DeviceProbed(**common, entry=LOCAL, facts={"cores": 4}),
        happened.LaneSkipped(**common, reason="it is off"),
        happened.LaneCrashed(**common, reason="local: unexpected KeyError: 'x'", report="crashes/report.txt"),
        happened.CaseSkipped(**common, case=make_case(runtime="tflite"), reason="no such runtime"),
        planned(),
        run_event.BuildStarted(run=RUN, at=MIDNIGHT, total=1),
        run_event.BuildsPlaced(run=RUN, at=MIDNIGHT, what="worker one builds tiny-cxr (float32)"),
        ready(),
        run_event.ImagesListed(run=RUN, at=MIDNIGHT, image_list=make_image_list()),
        run_event.BuildFailed(run=RUN, at=MIDNIGHT, **named, batch=1, error="it can't"),
        happened.DamageMended(**common, what="artifact"),
        happened.PushStarted(**common, total_bytes=5_000_000_000, image_bytes=10),
        happened.RelayRefused(**common, gate="gate", reason="it has no Python"),
        happened.BlobSent(**common, what="artifact", sha256="a" * 64, size_bytes=5_000_000_000, sent_bytes=10),
        lane_started(),
        happened.DeviceTuned(**common, answer={"set": [{"what": "governor of policy0", "before": "a", "now": "b"}]}),
        happened.AttemptStarted(**common, attempt="attempt-1", case=case, number=1),
        ended(),
        happened.ScoringStarted(**common, scoring="scoring-1", **named, runtime="litert"),
        happened.ShardScored(**common, scoring="scoring-1", **named, runtime="litert", place=0, shards=2, images=4),
        happened.ScoringPaused(**common, scoring="scoring-1", absent=(1,), shards=2),
        happened.Scored(**common, scores=scores),
        happened.ProfileStarted(**common, profile="profile-1", case=case),
        happened.Profiled(**common, profile=make_profile()),
        happened.LinkLost(**common, reason="the cable"),
        happened.DeviceTakenOut(**common, reason="no worker starts"),
        run_event.RunDetached(run=RUN, at=MIDNIGHT, devices=("local",), exit_status=0),
        run_event.DatabaseLost(run=RUN, at=MIDNIGHT, reason="its server stopped", file=".farm/spool/run-1.jsonl"),
        run_event.DatabaseBack(run=RUN, at=MIDNIGHT, events=3),
        happened.LaneEnded(**common, lane="lane-1"),
        happened.DeviceFinished(**common),
        judged(case, verdict=Verdict.WARN, reasons=(SMOKE,)),
        happened.CaseJudgedAgain(run=RUN, at=MIDNIGHT, device="local", result=judged(case).result),
        run_event.RunEnded(run=RUN, at=MIDNIGHT, exit_status=0),
    ]
