"""What the scores of a case say of each finding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.analysis.accuracy.calibration import are_probabilities, brier, expected_calibration_error
from orchestrator.analysis.accuracy.intervals import Estimate, Estimates, patients_of_classes
from orchestrator.analysis.accuracy.margin import MARGIN, Loss, loss
from orchestrator.analysis.accuracy.operating_point import average_precision, sensitivity_at, specificity_at
from orchestrator.analysis.distributions import corrected

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.analysis.accuracy.scored import Scored

#: Which sensitivity is reported, and the other way round, unless the user names others.
SPECIFICITY, SENSITIVITY = 0.9, 0.9
#: Changes of a table are called so at this share of false ones among them (Benjamini & Hochberg).
FALSE_DISCOVERIES = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures of one finding, or their means over findings; ``None`` where one has no sense."""

    auprc: float | None
    #: Sensitivity at the specificity that was asked for, and the other way round.
    sensitivity: float | None
    specificity: float | None
    brier: float | None
    #: Expected calibration error.
    ece: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding of a case."""

    name: str
    #: Images that show it, and the patients of those.
    positives: int
    positive_patients: int
    #: ``None`` where no image shows it, or every one.
    auc: Estimate | None
    #: The change of AUC against float32.
    change: Estimate | None
    #: p value of the change, adjusted for all findings of the table.
    adjusted_p: float | None
    figures: Figures

    @property
    def changed(self) -> bool:
        """Whether the change is more than chance, for all findings together."""
        return self.adjusted_p is not None and self.adjusted_p <= FALSE_DISCOVERIES


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """The accuracy of a case, finding by finding."""

    task: str
    images: int
    patients: int
    #: How intervals were made.
    method: str
    findings: tuple[Finding, ...]
    #: Over the findings that ``over`` names.
    auc: Estimate | None
    over: tuple[str, ...]
    #: Over the findings that have the figure.
    mean: Figures
    #: The change of the mean AUC against float32, and what it comes to; ``None`` without float32.
    change: Estimate | None
    loss: Loss | None
    #: One-of-n: the share of images whose highest score is that of their class, and the calibration error of that score.
    top1: float | None
    top1_ece: float | None


def accuracy(
    of: Scored,
    auc: Estimates,
    change: Estimates | None,
    *,
    specificity: float = SPECIFICITY,
    sensitivity: float = SENSITIVITY,
    margin: float = MARGIN,
) -> Accuracy:
    """Return what scores say, with their estimates; ``change`` is ``None`` where there is no float32 to compare with."""
    adjusted = _adjusted([each.p_value if each else None for each in change.classes] if change else [])
    patients = patients_of_classes(of)
    names = of.images.classes
    findings = []
    for column, name in enumerate(names):
        positive, scores = of.labels[:, column] > 0, of.scores[:, column]
        findings.append(
            Finding(
                name=name,
                positives=int(positive.sum()),
                positive_patients=patients[column][0],
                auc=auc.classes[column],
                change=change.classes[column] if change else None,
                adjusted_p=adjusted[column] if change else None,
                figures=Figures(
                    auprc=average_precision(positive, scores),
                    sensitivity=sensitivity_at(positive, scores, specificity),
                    specificity=specificity_at(positive, scores, sensitivity),
                    brier=brier(positive, scores),
                    ece=expected_calibration_error(positive, scores),
                ),
            )
        )
    top1 = _top1(of) if of.images.task == "one-of-n" else (None, None)
    return Accuracy(
        task=of.images.task,
        images=len(of.images.names),
        patients=of.images.patient_count,
        method=auc.method,
        findings=tuple(findings),
        auc=auc.mean,
        over=tuple(names[column] for column in auc.over),
        mean=_mean([finding.figures for finding in findings]),
        change=change.mean if change else None,
        loss=loss(change.mean, len(of.images.names), margin) if change else None,
        top1=top1[0],
        top1_ece=top1[1],
    )


def _adjusted(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p values adjusted by Benjamini and Hochberg's rule; those that are missing stay so and do not count."""
    known = [value for value in p_values if value is not None]
    if not known:
        return list(p_values)
    adjusted = iter(corrected(known))
    return [None if value is None else float(next(adjusted)) for value in p_values]


def _mean(figures: Sequence[Figures]) -> Figures:
    def of(name: str) -> float | None:
        values = [value for each in figures if (value := getattr(each, name)) is not None]
        return float(np.mean(values)) if values else None

    return Figures(**{name: of(name) for name in ("auprc", "sensitivity", "specificity", "brier", "ece")})


def _top1(of: Scored) -> tuple[float, float | None]:
    chosen = of.scores.argmax(axis=1)
    right = of.labels[np.arange(len(chosen)), chosen] > 0
    highest = of.scores.max(axis=1)
    return float(right.mean()), expected_calibration_error(right, highest) if are_probabilities(of.scores) else None
