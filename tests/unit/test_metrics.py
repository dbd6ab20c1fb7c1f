from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from orchestrator import metrics


def by_counting_pairs(positive, scores):
    wins = [1.0 if a > b else 0.5 if a == b else 0.0 for a in scores[positive] for b in scores[~positive]]
    return sum(wins) / len(wins) if wins else None


@given(
    st.integers(1, 40).flatmap(
        lambda n: st.tuples(hnp.arrays(bool, n), hnp.arrays(np.float32, n, elements=st.integers(0, 5)))
    )
)
def test_auc_is_the_share_of_pairs_in_the_right_order_with_ties_counted_half(drawn):
    positive, scores = drawn

    (auc,) = metrics.auc_per_class(positive[:, None].astype(np.uint8), scores[:, None])

    expected = by_counting_pairs(positive, scores)
    assert auc == (None if expected is None else pytest.approx(expected))


def test_a_class_with_one_label_has_no_auc_and_is_left_out_of_the_mean():
    labels = np.array([[0, 1], [0, 0], [0, 1]], np.uint8)
    scores = np.array([[0.1, 0.9], [0.2, 0.1], [0.3, 0.8]], np.float32)

    per_class = metrics.auc_per_class(labels, scores)

    assert per_class == (None, 1.0)
    assert metrics.mean_auc(per_class) == 1.0
    assert metrics.mean_auc((None, None)) is None


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match="images, classes"):
        metrics.auc_per_class(np.zeros((3, 2)), np.zeros((3, 1)))
