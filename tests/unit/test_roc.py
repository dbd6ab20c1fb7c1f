"""ROC curves."""

from __future__ import annotations

import numpy as np
import pytest

from orchestrator.analysis.auc import auc_per_class
from orchestrator.analysis.roc import roc


def test_the_area_under_the_corners_is_the_auc_with_ties_counted_half():
    random = np.random.default_rng(1)
    positive = random.random(300) < 0.2
    scores = np.round(positive + random.normal(0, 0.8, 300), 1)

    curve = roc(positive, scores)
    area = float(np.trapezoid(curve[:, 1], curve[:, 0]))

    (auc,) = auc_per_class(positive[:, None].astype(np.uint8), scores[:, None])
    assert area == pytest.approx(auc)
    assert curve[0].tolist() == [0, 0]
    assert curve[-1].tolist() == [1, 1]


def test_a_straight_line_has_two_ends_and_nothing_between():
    curve = roc(np.array([True, False] * 50), np.zeros(100))

    assert curve.tolist() == [[0, 0], [1, 1]]


def test_labels_that_are_all_alike_have_no_curve():
    assert roc(np.ones(3, bool), np.arange(3)).shape == (0, 2)
