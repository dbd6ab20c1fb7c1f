"""Whether the device computes what it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.analysis.auc import mean_auc
from orchestrator.analysis.verdicts.reasons import invalid, warn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.domain.artifact import Golden
    from orchestrator.domain.case import Case
    from orchestrator.domain.result import Measurement, Reason, Scores
from orchestrator.runtimes.catalogue import has_scores

#: The device computes in float64 too; more than this apart is another set of labels, or a bug.
AUC_TOLERANCE = 1e-6


def of_the_accuracy(case: Case, scores: Scores | None) -> Iterator[Reason]:
    """Judge the scores of the evaluation images."""
    if not has_scores(case.runtime):
        return
    if scores is None:
        yield invalid("no-accuracy", "accuracy was never checked", "farm run --resume does what is missing")
    elif scores.error is not None:
        yield invalid(
            "accuracy-failed", f"scoring failed: {scores.error}", "that is the worker's last output on the device"
        )
    else:
        yield from _of_the_auc(scores)


def _of_the_auc(scores: Scores) -> Iterator[Reason]:
    if not _agree(scores.device_auc, scores.auc):
        yield invalid(
            "auc-differs",
            "device and controller computed different AUCs from the same scores",
            "please report this with the output of farm results show",
        )
    mean = mean_auc(scores.auc)
    if mean is None:
        yield warn("no-auc", "no class has both labels in the evaluation part", "evaluate on more images")
    elif mean < 0.5:
        yield warn(
            "auc-below-half",
            f"the mean AUC-ROC of {mean:.3f} is worse than chance (0.5)",
            "is the positive class the right one (`positive:` of a folder, the model's last output)?",
        )


def of_the_golden_check(good: Sequence[Measurement], golden: Golden | None) -> Iterator[Reason]:
    """Judge how far the attempts were from the known scores of a few images."""
    if golden is None:
        return
    differences = [
        (attempt.golden_max_difference, attempt.golden_mean_difference)
        for attempt in good
        if attempt.golden_max_difference is not None and attempt.golden_mean_difference is not None
    ]
    failed = [(largest, mean) for largest, mean in differences if largest > golden.largest or mean > golden.mean]
    if failed:
        largest, mean = (max(worst) for worst in zip(*failed, strict=True))
        yield invalid(
            "golden-check-failed",
            f"{len(failed)} of {len(good)} attempts did not reproduce the known scores of {len(golden.scores)} images: they "
            f"differ by up to {largest:.2g} and by {mean:.2g} on average (at most {golden.largest:.2g} and {golden.mean:.2g} "
            "are explained by other kernels)",
            "the device does not compute what the artifact specifies: try another version of the runtime, or another runtime",
        )


def of_the_artifact(measurements: Sequence[Measurement], scores: Scores | None) -> Iterator[Reason]:
    """Judge whether all was done with one artifact."""
    found = {attempt.artifact for attempt in measurements} | ({scores.artifact} if scores else set())
    if len(found) > 1:
        yield invalid(
            "artifact-changed",
            f"its attempts and scores come from {len(found)} different artifacts",
            "the model, its images or TensorFlow changed before the run was resumed; start a new one: farm run",
        )


def _agree(one: Sequence[float | None], other: Sequence[float | None]) -> bool:
    if len(one) != len(other):
        return False
    return all(
        (a is None and b is None) or (a is not None and b is not None and abs(a - b) <= AUC_TOLERANCE)
        for a, b in zip(one, other, strict=True)
    )
