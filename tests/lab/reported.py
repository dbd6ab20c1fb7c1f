"""A run of a small fleet as its store would have it, for tests of reports."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.analysis.auc import auc_per_class, mean_auc
from orchestrator.domain import event as happened
from orchestrator.domain import run_event
from orchestrator.domain.device import LOCAL
from orchestrator.domain.image_list import ImageList
from orchestrator.domain.result import CaseResult, Reason, Verdict
from orchestrator.store.store import Store
from orchestrator.testing import (
    MIDNIGHT,
    make_artifact,
    make_case,
    make_measurement,
    make_profile,
    make_scores,
    make_suite,
)
from tests.lab.scorings import labelled

if TYPE_CHECKING:
    from pathlib import Path

RUN = "20260101-000000-f1ee"
ATTEMPTS = 5
FINDINGS = ("Effusion", "Nodule", "Pneumonia")
#: What a device or a suite might send to whoever opens a report.
HOSTILE = "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 2'>"
#: The same as a name, in which no slash may be.
HOSTILE_NAME = "<img src=x onerror=window.hacked=3>"
#: p50 in ms by scheme.
FLEET = {
    "pi5": {"float32": 42.0, "float16": 42.4, "int8": 17.0},
    "laptop": {"float32": 8.0, "float16": 8.1, "int8": 3.2},
}


def fill(folder: Path, fleet: dict[str, dict[str, float]] | None = None, *, hostile: bool = False) -> str:
    """Store the run in ``farm.db`` of ``folder``, with the labels of its images; return the database's URL."""
    random = np.random.default_rng(5)
    labels = (random.random((200, len(FINDINGS))) < 0.3).astype(np.uint8)
    labelled(folder, labels)
    (folder / "inventory.yaml").write_text("devices:\n  local:\n    transport: local\n")
    images = ImageList.of(
        dataset="phantom",
        task="multi-label",
        classes=(HOSTILE, *FINDINGS[1:]) if hostile else FINDINGS,
        names=[f"{number}.png" for number in range(len(labels))],
        patients=[str(number // 2) for number in range(len(labels))],
        labels=labels,
    )
    url = f"sqlite:///{folder / 'farm.db'}"
    shown = dict(fleet or FLEET)
    if hostile:
        shown[HOSTILE_NAME] = {"float32": 9.0, "int8": 8.0}
    with Store.open(url) as store:
        store.record(
            run_event.RunStarted(
                run=RUN,
                at=MIDNIGHT,
                suite=make_suite().to_json(),
                seed=0,
                effort="standard",
                dataset=HOSTILE if hostile else "phantom",
                synthetic=True,
                farm_version="0.1.0",
            )
        )
        store.record(run_event.ImagesListed(run=RUN, image_list=images))
        for device, schemes in shown.items():
            facts = {"cores": 4, "cpu_model": HOSTILE if hostile else "Cortex-A76", "hostname": "secret-host"}
            store.record(happened.DeviceProbed(run=RUN, device=device, at=MIDNIGHT, entry=LOCAL, facts=facts))
            for scheme, milliseconds in schemes.items():
                _record(
                    store,
                    device=device,
                    scheme=scheme,
                    p50_ns=milliseconds * 1e6,
                    images=images,
                    random=random,
                    hostile=hostile,
                )
        store.record(run_event.RunEnded(run=RUN, at=MIDNIGHT + timedelta(minutes=9), exit_status=0))
    return url


def _record(store, *, device, scheme, p50_ns, images, random, hostile):
    labels = images.labels()
    case = make_case(device=device, scheme=scheme)
    common = {"run": RUN, "device": device, "at": MIDNIGHT}
    sha256, size = (
        ("1" * 64, 4_000_000) if scheme == "float32" else (("2" if scheme == "int8" else "3") * 64, 1_100_000)
    )
    artifact = make_artifact(sha256=sha256, scheme=scheme, size_bytes=size)
    store.record(run_event.ArtifactReady(run=RUN, artifact=artifact, reused=False, seconds=1))
    medians = p50_ns * random.normal(1, 0.008, ATTEMPTS)
    for number, median in enumerate(medians, 1):
        at = MIDNIGHT + timedelta(seconds=40 * number + 9 * len(scheme))
        latency = (median * random.lognormal(0, 0.03, 300)).astype(int)
        readings = tuple(
            {
                "at_ns": place * 10**9,
                "mono_ns": place * 10**9,
                "temperature_c": 45.0 + number + place / 9,
                "cpu_busy_ns": place * 10**9,
                "cpu_own_ns": place * 95 * 10**7,
                "governor": "performance",
            }
            for place in range(8)
        )
        done = make_measurement(
            latency.tolist(),
            attempt=f"{device}-{scheme}-{number}",
            number=number,
            case=case,
            artifact=sha256,
            started_at=at,
            ended_at=at + timedelta(seconds=9),
            import_ns=40_000_000,
            readings=readings,
        )
        store.record(happened.AttemptEnded(**common, measurement=done))
    noise = {"float32": 0.55, "float16": 0.55, "int8": 0.56}[scheme]
    scores = labels + np.random.default_rng(8).normal(0, noise, labels.shape)
    auc = auc_per_class(labels, scores)
    scored = make_scores(
        scoring=f"{RUN}-{device}-{scheme}",
        scheme=scheme,
        device=device,
        artifact=sha256,
        scores=scores.astype("<f4").tobytes(),
        shape=labels.shape,
        classes=images.classes,
        image_list=images.sha256,
        auc=auc,
        device_auc=auc,
    )
    store.record(happened.Scored(**common, scores=scored))
    profile = make_profile(profile=f"{device}-{scheme}", case=case, artifact=sha256)
    if hostile:
        profile = replace(profile, operators=(replace(profile.operators[0], kind=HOSTILE), *profile.operators[1:]))
    store.record(happened.Profiled(run=RUN, device=device, profile=profile))
    warns = scheme == "float16"
    reason = Reason(
        verdict=Verdict.WARN, code="drift", message=HOSTILE if hostile else "it got slower", advice="cool it"
    )
    result = CaseResult(
        run=RUN,
        case=case,
        artifact=sha256,
        size_bytes=None,
        attempts=ATTEMPTS,
        samples=300 * ATTEMPTS,
        p50_ns=float(np.median(medians)),
        p50_low_ns=float(medians.min()),
        p50_high_ns=float(medians.max()),
        p90_ns=float(np.median(medians)) * 1.04,
        auc_mean=mean_auc(auc),
        verdict=Verdict.WARN if warns else Verdict.VALID,
        reasons=(reason,) if warns else (),
    )
    store.record(happened.CaseJudged(**common, result=result))
