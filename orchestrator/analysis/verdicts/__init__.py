"""What a number is worth: pure functions of recorded facts, so that the store alone can say it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.analysis.auc import auc_interval, mean_auc
from orchestrator.analysis.verdicts.accuracy import of_the_accuracy, of_the_artifact, of_the_golden_check
from orchestrator.analysis.verdicts.attempts import of_the_attempts, of_the_latency
from orchestrator.analysis.verdicts.device import of_the_device
from orchestrator.analysis.verdicts.figures import figures_of
from orchestrator.analysis.verdicts.settings import of_the_settings
from orchestrator.domain.result import CaseResult, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from orchestrator.analysis.accuracy.intervals import Estimates
    from orchestrator.domain.artifact import Golden
    from orchestrator.domain.case import Case
    from orchestrator.domain.effort import Effort
    from orchestrator.domain.machine import Predecessor
    from orchestrator.domain.result import Measurement, Reason, Scores


def judge(
    *,
    run: str,
    case: Case,
    measurements: Sequence[Measurement],
    scores: Scores | None,
    facts: Mapping[str, Any],
    effort: Effort,
    predecessor: Predecessor | None = None,
    golden: Golden | None = None,
    auc: Estimates | None = None,
    auc_change: Estimates | None = None,
    sticky: Sequence[Reason] = (),
    scored: bool = True,
    labels_of: str | None = None,
) -> CaseResult:
    """Return a case's figures, over all samples of its successful attempts, and its verdict with reasons.

    ``predecessor`` is the other machine that the device's name led to before, ``golden``
    what the golden check of the attempts is judged by. ``auc`` are the figures of ``scores`` where their images are known,
    ``auc_change`` what float32 of the same setting says of the same images. ``sticky`` are reasons that were recorded when they were seen.
    Where the accuracy was not asked for, the case is not ``scored``; ``labels_of`` is the dataset without whose labels it can't be.
    """
    good = [attempt for attempt in measurements if attempt.error is None]
    # what could not be loaded could not be scored: one reason is enough
    unscorable = (scores is None or scores.error is not None) and any(attempt.unloadable for attempt in measurements)
    reasons = (
        *of_the_attempts(measurements, effort),
        *of_the_latency(good),
        *of_the_settings(case, good, facts),
        *of_the_device(good, facts, predecessor),
        *(() if unscorable or not (scored or scores) else of_the_accuracy(case, scores, auc, auc_change, labels_of)),
        *of_the_golden_check(good, golden),
        *of_the_artifact(measurements, scores),
        *sticky,
    )
    verdict = Verdict.VALID
    for reason in reasons:
        verdict = verdict.worst(reason.verdict)
    artifacts = [attempt.artifact for attempt in measurements] or ([scores.artifact] if scores else [])
    return CaseResult(
        run=run,
        case=case,
        artifact=artifacts[0] if artifacts else None,
        size_bytes=None,
        attempts=len(good),
        samples=sum(len(attempt.latency_ns) for attempt in good),
        **figures_of(case, good),
        **_accuracy(scores, auc, auc_change),
        verdict=verdict,
        reasons=reasons,
    )


def _accuracy(scores: Scores | None, auc: Estimates | None, auc_change: Estimates | None) -> dict[str, float | None]:
    """Return the mean AUC with its interval, and that of its change, as far as there are any."""
    if auc is not None and auc.mean is not None:
        own, change = auc.mean.interval, auc_change.mean.interval if auc_change and auc_change.mean else None
        left_out = sum(each is not None for each in auc.classes) - len(auc.over)
        return {
            "auc_mean": auc.mean.value,
            "auc_low": own.low if own else None,
            "auc_high": own.high if own else None,
            "auc_change_low": change.low if change else None,
            "auc_change_high": change.high if change else None,
            "auc_findings": len(auc.over),
            "auc_findings_left_out": left_out,
        }
    # an older farm did not store which images were scored
    mean = mean_auc(scores.auc) if scores and scores.error is None else None
    if scores is None or mean is None or scores.auc_error is None:
        return {"auc_mean": mean}
    low, high = auc_interval(mean, scores.auc_error)
    return {"auc_mean": mean, "auc_low": low, "auc_high": high}
