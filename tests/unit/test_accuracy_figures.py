"""Figures of a finding, against scikit-learn and against counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, roc_curve

from orchestrator.analysis.accuracy import calibration, findings
from orchestrator.analysis.accuracy.intervals import auc_estimates, change_estimates
from orchestrator.analysis.accuracy.operating_point import average_precision, sensitivity_at, specificity_at
from tests.lab.scorings import a_rare_finding, make_scored

SCORED = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])), min_size=2, max_size=40)
BOTH = SCORED.filter(lambda pairs: len({label for label, _ in pairs}) == 2)


def arrays(pairs):
    return np.array([label for label, _ in pairs]), np.array([score for _, score in pairs], np.float32)


@given(BOTH)
def test_average_precision_is_that_of_scikit_learn(pairs):
    positive, scores = arrays(pairs)

    assert average_precision(positive, scores) == pytest.approx(average_precision_score(positive, scores), abs=1e-9)


@given(BOTH, st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0]))
def test_sensitivity_at_a_specificity_and_back_are_points_of_scikit_learns_curve(pairs, share):
    positive, scores = arrays(pairs)
    alarms, found, _ = roc_curve(positive, scores, drop_intermediate=False)

    assert sensitivity_at(positive, scores, share) == pytest.approx(found[1 - alarms >= share - 1e-12].max(), abs=1e-9)
    assert specificity_at(positive, scores, share) == pytest.approx(
        (1 - alarms)[found >= share - 1e-12].max(), abs=1e-9
    )


@given(BOTH)
def test_the_brier_score_is_that_of_scikit_learn(pairs):
    positive, scores = arrays(pairs)

    assert calibration.brier(positive, scores) == pytest.approx(
        brier_score_loss(positive, scores.astype(np.float64)), abs=1e-9
    )


def test_the_calibration_error_is_the_weighted_distance_over_bins():
    random = np.random.default_rng(0)
    scores = random.random(500).astype(np.float32)
    positive = random.random(500) < scores**2
    expected = 0.0
    for number in range(calibration.BINS):
        inside = [row for row in range(500) if min(int(float(scores[row]) * calibration.BINS), 14) == number]
        if inside:
            apart = abs(np.mean(positive[inside]) - np.mean(scores[inside].astype(np.float64)))
            expected += len(inside) / 500 * apart

    assert calibration.expected_calibration_error(positive, scores) == pytest.approx(expected, abs=1e-9)


def test_logits_have_no_calibration_and_a_finding_with_one_label_no_figure_that_takes_two():
    positive, scores = np.array([True, False]), np.array([-2.0, 3.0])

    assert calibration.brier(positive, scores) is None
    assert calibration.expected_calibration_error(positive, scores) is None
    for same in (np.array([True, True]), np.array([False, False])):
        assert average_precision(same, scores) is None
        assert sensitivity_at(same, scores, 0.9) is None
        assert specificity_at(same, scores, 0.9) is None


def test_a_finding_that_changed_is_called_so_for_all_findings_together():
    good, worse = a_rare_finding()

    found = findings.accuracy(worse, auc_estimates(worse), change_estimates(good, worse))

    nodule, mass, hernia, edema = found.findings
    assert (nodule.changed, mass.changed, hernia.changed, edema.changed) == (True, False, False, False)
    assert nodule.adjusted_p == pytest.approx(
        nodule.change.p_value * 2
    )  # of two findings with a p value the smaller one
    assert (hernia.positives, hernia.positive_patients, hernia.adjusted_p) == (1, 1, None)
    assert (edema.auc, edema.figures.auprc) == (None, None)
    assert found.over == ("Nodule", "Mass")
    assert found.loss.words == "loses more than 0.01 (95 %)"
    assert found.mean.auprc == pytest.approx(np.mean([each.figures.auprc for each in found.findings[:3]]))


def test_one_of_n_has_the_share_of_images_whose_highest_score_is_right():
    labels = np.eye(3, dtype=int)[[0, 1, 2, 0, 1, 2, 0, 1]]
    scores = np.full((8, 3), 0.1)
    scores[np.arange(8), [0, 1, 2, 0, 1, 2, 1, 0]] = 0.8
    of = make_scored(labels, scores, task="one-of-n")

    found = findings.accuracy(of, auc_estimates(of), None)

    assert found.top1 == 0.75
    assert found.top1_ece == pytest.approx(0.05)
    assert found.loss is None
