"""Which images are golden, how far apart scores are, and how far they may be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from orchestrator import registry
from orchestrator.analysis import golden
from orchestrator.domain.artifact import Tolerance

STRICT = Tolerance(largest=1e-4, mean=2e-5, times_kernels=10.0)


def test_the_golden_images_are_those_whose_scores_differ_most():
    scores = np.array([[0.5, 0.5], [0.51, 0.5], [1.0, 0.0], [0.99, 0.0], [0.0, 1.0], [0.5, 0.49]], np.float32)

    chosen = golden.choose(scores, 3)

    assert {2, 4} < set(chosen)
    assert 3 not in chosen


def test_no_image_is_golden_twice_and_no_more_are_than_there_are():
    assert sorted(golden.choose(np.full((3, 2), 0.5, np.float32), 8)) == [0, 1, 2]
    assert golden.choose(np.zeros((0, 2), np.float32)) == []


def test_images_to_check_are_over_all_classes_of_a_dataset_that_is_sorted_by_class():
    labels = np.repeat(np.eye(4, dtype=np.uint8), [40, 20, 3, 1], axis=0)

    chosen = golden.choose_checked(labels, np.full((64, 4), 0.5, np.float32), 16)

    assert len(chosen) == len(set(chosen)) == 16
    assert labels[chosen].any(axis=0).all()
    assert labels[chosen][:, 2].sum() >= 2


def test_images_to_check_are_over_the_range_of_scores_where_most_score_alike():
    scores = np.full((64, 1), 0.02, np.float32)
    scores[[31, 50]] = [[0.9], [0.4]]

    chosen = golden.choose_checked(np.zeros((64, 1), np.uint8), scores, 16)

    assert {31, 50} < set(chosen)


def test_fewer_images_than_are_checked_are_all_checked():
    assert golden.choose_checked(np.ones((3, 1)), np.zeros((3, 1), np.float32), 16) == [0, 1, 2]


def test_the_difference_is_the_largest_and_the_mean():
    assert golden.difference([[0.5, 0.0]], [[0.25, 0.0]]) == (0.25, 0.125)


def test_a_score_that_is_no_number_is_infinitely_far_away():
    assert golden.difference([[math.nan, 0.0]], [[0.0, 0.0]]) == (math.inf, math.inf)
    assert golden.difference([[math.inf, 0.0]], [[0.0, 0.0]]) == (math.inf, math.inf)


def test_more_or_fewer_scores_than_expected_are_infinitely_far_away():
    assert golden.difference([[0.0]], [[0.0, 0.0]]) == (math.inf, math.inf)


SCORES = np.array([[0.9, 0.1], [0.1, 0.9], [0.8, 0.3], [0.2, 0.6]], np.float32)


def test_a_model_whose_kernels_agree_is_bound_by_its_scheme_alone_scaled_to_its_scores():
    assert golden.bound(STRICT, SCORES, (1e-6, 1e-7), 1.0) == (1e-4, 2e-5)
    assert golden.bound(STRICT, SCORES, (1e-6, 1e-7), 100.0) == pytest.approx((1e-2, 2e-3))


def test_a_model_that_depends_on_its_kernels_gets_a_wider_bound():
    assert golden.bound(STRICT, SCORES, (1e-3, 1e-4), 1.0) == pytest.approx((1e-2, 1e-3))


def test_however_much_kernels_differ_a_constant_answer_does_not_pass():
    largest, mean = golden.bound(STRICT, SCORES, (0.9, 0.5), 1.0)

    for answer in (0.5, np.median(SCORES, axis=0), SCORES.mean(axis=0)):
        found = golden.difference(np.broadcast_to(answer, SCORES.shape), SCORES)
        assert found[0] > largest
        assert found[1] > mean


@pytest.mark.parametrize("name", registry.names("scheme"))
def test_every_scheme_allows_less_than_the_least_fault_that_was_tried(name):
    # a preprocessing whose mean is off by a tenth moves the scores of tiny-cxr by 0.26 at most and 0.014 on average
    tolerance = registry.find("scheme", name)().tolerance

    assert 0 < tolerance.mean < 0.014 / 2
    assert tolerance.mean < tolerance.largest < 0.26
    assert tolerance.times_kernels >= 1
