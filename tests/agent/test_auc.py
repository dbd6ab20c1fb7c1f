from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.auc import auc_per_class

SCORED = st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.5, 0.5000001, 1.0])), min_size=1, max_size=60)


def by_counting_pairs(pairs):
    positive = [np.float32(score) for label, score in pairs if label]
    negative = [np.float32(score) for label, score in pairs if not label]
    if not positive or not negative:
        return None
    won = sum((p > n) + 0.5 * (p == n) for p in positive for n in negative)
    return won / (len(positive) * len(negative))


@given(SCORED)
def test_it_is_the_share_of_pairs_in_the_right_order_with_ties_counted_half(pairs):
    labels = np.array([[label] for label, _ in pairs], np.uint8)
    scores = np.array([[score] for _, score in pairs], np.float32)

    (found,) = auc_per_class(labels, scores)

    assert found == pytest.approx(by_counting_pairs(pairs), abs=1e-12)


def test_a_class_without_both_labels_has_none():
    labels = np.array([[1, 0, 0], [1, 0, 1]], np.uint8)
    scores = np.array([[0.1, 0.2, 0.3], [0.2, 0.1, 0.4]], np.float32)

    assert auc_per_class(labels, scores) == (None, None, 1.0)


def test_many_images_lose_no_precision():
    scores = np.arange(200_000, dtype=np.float32).reshape(-1, 1)
    labels = (np.arange(200_000) % 2).astype(np.uint8).reshape(-1, 1)

    assert auc_per_class(labels, scores)[0] == pytest.approx(0.500005, abs=1e-12)
