"""Whether the device computes what it should."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from orchestrator.analysis.auc import mean_auc
from orchestrator.analysis.verdicts.reasons import invalid, warn
from orchestrator.domain.result import Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestrator.analysis.accuracy.intervals import Estimates
    from orchestrator.domain.artifact import Golden
    from orchestrator.domain.case import Case
    from orchestrator.domain.result import Measurement, Reason, Scores
from orchestrator.runtimes.catalogue import BASELINES, has_scores

#: The device computes in float64 too; more than this apart is another set of labels, or a bug.
AUC_TOLERANCE = 1e-6
#: The AUC-ROC of guessing.
CHANCE = 0.5
#: Of what float32 has above chance: who loses more has lost the accuracy.
COLLAPSE = 0.5
#: Findings in a message.
MOST_NAMED = 5


def of_the_accuracy(
    case: Case,
    scores: Scores | None,
    auc: Estimates | None = None,
    change: Estimates | None = None,
    labels_of: str | None = None,
) -> Iterator[Reason]:
    """Judge the scores of the evaluation images; ``change`` is from float32 of the same setting, ``labels_of`` the dataset whose labels are not here."""
    if not has_scores(case.runtime):
        return
    if scores is None and labels_of is not None:
        yield warn(
            "no-labels",
            f"accuracy is not known: scores need the labels of {labels_of}, which this project does not have",
            "run a suite that scores this dataset here, then: farm collect",
        )
    elif scores is None:
        yield invalid("no-accuracy", "accuracy was never checked", "farm run --resume does what is missing")
    elif scores.error is not None:
        yield invalid(
            "accuracy-failed", f"scoring failed: {scores.error}", "that is the worker's last output on the device"
        )
    else:
        constant = tuple(_of_constant_scores(scores, is_baseline=case.scheme in BASELINES))
        yield from _of_the_auc(scores, auc)
        yield from constant
        if not any(
            reason.verdict is Verdict.INVALID for reason in constant
        ):  # then it is known why the accuracy is lost
            yield from _of_the_change(auc, change)


def _of_constant_scores(scores: Scores, *, is_baseline: bool) -> Iterator[Reason]:
    """Judge scores that are the same for every image."""
    images, classes = scores.shape
    values = np.frombuffer(scores.scores, "<f4")
    if images < 2 or len(values) != images * classes:
        return
    stuck = np.flatnonzero(np.ptp(values.reshape(scores.shape), axis=0) == 0)
    if len(stuck) == classes:
        yield invalid(
            "constant-scores",
            f"all {images} images get the same score{'s' if classes > 1 else ''}",
            "the artifact is of no use, whatever its speed: "
            + (
                "is the model trained, and are the numbers of its `preprocess:` those of the training?"
                if is_baseline
                else "calibrate it on images like those it is evaluated on, or another scheme"
            ),
        )
    elif len(stuck):
        names = [scores.classes[column] if column < len(scores.classes) else f"column {column}" for column in stuck]
        yield warn(
            "constant-scores",
            f"all {images} images get the same score for {', '.join(names[:MOST_NAMED])}"
            + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""),
            "the artifact can't find them: see farm results accuracy CASE, and try another scheme",
        )


def _of_the_change(auc: Estimates | None, change: Estimates | None) -> Iterator[Reason]:
    """Judge whether the AUC collapsed: most of what float32 has above chance is gone, and not by chance."""
    if auc is None or auc.mean is None or change is None or change.mean is None or change.mean.interval is None:
        return
    before, loses = auc.mean.value - change.mean.value, -change.mean.interval.high
    if before > CHANCE and loses > COLLAPSE * (before - CHANCE):
        yield invalid(
            "accuracy-lost",
            f"the mean AUC-ROC is {auc.mean.value:.4f}, that of float32 on the same images {before:.4f}: with 95 % at least "
            f"{loses:.4f} is lost, more than half of what float32 has above chance",
            "calibrate it on images like those it is evaluated on, or another scheme; farm results accuracy CASE has each finding",
        )


def _of_the_auc(scores: Scores, auc: Estimates | None) -> Iterator[Reason]:
    if not _agree(scores.device_auc, scores.auc):
        yield invalid(
            "auc-differs",
            "device and controller computed different AUCs from the same scores",
            "please report this with the output of farm results show CASE",
        )
    mean = auc.mean.value if auc and auc.mean else mean_auc(scores.auc)
    if mean is None:
        yield warn("no-auc", "no class has both labels in the evaluation part", "evaluate on more images")
    elif mean < CHANCE:
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
