from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from orchestrator.analysis import auc


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

    (value,) = auc.auc_per_class(positive[:, None].astype(np.uint8), scores[:, None])

    expected = by_counting_pairs(positive, scores)
    assert value == (None if expected is None else pytest.approx(expected))


def test_a_class_with_one_label_has_no_auc_and_is_left_out_of_the_mean():
    labels = np.array([[0, 1], [0, 0], [0, 1]], np.uint8)
    scores = np.array([[0.1, 0.9], [0.2, 0.1], [0.3, 0.8]], np.float32)

    per_class = auc.auc_per_class(labels, scores)

    assert per_class == (None, 1.0)
    assert auc.mean_auc(per_class) == 1.0
    assert auc.mean_auc((None, None)) is None


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match="images, classes"):
        auc.auc_per_class(np.zeros((3, 2)), np.zeros((3, 1)))


def delong_error(positive, a, b):
    """The standard error by the formulas of the paper (DeLong et al. 1988, equations 4 to 8), over all pairs of images."""

    def psi(scores):
        mine, theirs = scores[positive][:, None], scores[~positive][None, :]
        return (mine > theirs) + 0.5 * (mine == theirs)

    of_a, of_b = psi(a), psi(b)
    with_label = np.cov(of_a.mean(axis=1), of_b.mean(axis=1), ddof=1) / of_a.shape[0]
    without = np.cov(of_a.mean(axis=0), of_b.mean(axis=0), ddof=1) / of_a.shape[1]
    together = with_label + without
    return np.sqrt(together[0, 0] + together[1, 1] - 2 * together[0, 1])


def test_the_error_of_an_auc_difference_is_delongs():
    random = np.random.default_rng(5)
    positive = random.random(80) < 0.3
    a = np.round(random.normal(positive, 1), 1)
    b = np.round(a + random.normal(0, 0.5, 80), 1)

    found = auc.auc_difference(positive[:, None], a[:, None], b[:, None])

    assert found.difference == pytest.approx(by_counting_pairs(positive, b) - by_counting_pairs(positive, a))
    assert found.error == pytest.approx(delong_error(positive, a, b))
    assert found.interval[0] < found.difference < found.interval[1]


def test_the_error_of_a_mean_over_classes_is_that_of_drawing_images_again():
    random = np.random.default_rng(6)
    labels = random.random((300, 3)) < 0.4
    a = random.normal(labels, 1.0) + random.normal(size=(300, 1))  # classes of one image go together
    b = a + random.normal(0, 0.7, (300, 3))
    drawn = []
    for _ in range(400):
        rows = random.integers(0, 300, 300)
        drawn.append(
            auc.mean_auc(auc.auc_per_class(labels[rows], b[rows]))
            - auc.mean_auc(auc.auc_per_class(labels[rows], a[rows]))
        )

    found = auc.auc_difference(labels, a, b)

    assert found.error == pytest.approx(np.std(drawn), rel=0.15)


def test_the_error_of_one_mean_auc_is_delongs_for_one_class_and_that_of_drawing_images_again_for_several():
    random = np.random.default_rng(7)
    labels = random.random((300, 3)) < 0.4
    scores = random.normal(labels, 1.0) + random.normal(size=(300, 1))
    drawn = []
    for _ in range(400):
        rows = random.integers(0, 300, 300)
        drawn.append(auc.mean_auc(auc.auc_per_class(labels[rows], scores[rows])))

    alone = auc.mean_auc_error(labels[:, :1], scores[:, :1])
    together = auc.mean_auc_error(labels, scores)

    assert alone == pytest.approx(delong_error(labels[:, 0], scores[:, 0], np.zeros(300)))
    assert together == pytest.approx(np.std(drawn), rel=0.15)
    assert auc.auc_interval(0.9, 0.1) == (pytest.approx(0.704, abs=1e-3), 1.0)


def test_a_mean_auc_without_a_mistake_or_with_one_image_of_a_kind_has_no_error():
    labels = np.array([[0], [0], [1], [1]])
    scores = np.array([[0.1], [0.6], [0.5], [0.9]])

    assert auc.mean_auc_error(labels, scores) > 0
    assert auc.mean_auc_error(labels, np.sort(scores, axis=0)) is None
    assert auc.mean_auc_error(labels, np.ones((4, 1))) is None
    assert auc.mean_auc_error(np.array([[0], [0], [0], [1]]), scores) is None
    with pytest.raises(ValueError, match="images, classes"):
        auc.mean_auc_error(labels, scores[:2])


def test_equal_scores_differ_by_nothing_an_equal_order_by_what_so_many_images_may_hide():
    labels = np.array([[0], [0], [1], [1]])
    scores = np.array([[0.1], [0.6], [0.5], [0.9]])

    same, ordered = auc.auc_difference(labels, scores, scores), auc.auc_difference(labels, scores, scores * 2)
    of_one_patient = auc.auc_difference(
        np.tile(labels, (2, 1)), np.tile(scores, (2, 1)), np.tile(scores, (2, 1)) * 2, np.tile(np.arange(4), 2)
    )

    assert (same.difference, same.error) == (0, 0)
    assert ordered.difference == 0
    assert ordered.interval == (-ordered.interval[1], pytest.approx(1 - auc.rank_interval(1.0, 2, 2)[0]))
    assert of_one_patient.interval == ordered.interval


def test_one_image_of_a_kind_tells_nothing():
    labels = np.array([[0], [0], [1], [1]])
    scores = np.array([[0.1], [0.6], [0.5], [0.9]])

    assert auc.auc_difference(np.array([[0], [0], [0], [1]]), scores, scores) is None
    assert auc.auc_difference(np.zeros((4, 1)), scores, scores) is None
    with pytest.raises(ValueError, match="images, classes"):
        auc.auc_difference(labels, scores, scores[:2])


def test_the_error_of_a_difference_by_patient_is_that_of_drawing_patients_again():
    random = np.random.default_rng(8)
    owner = np.repeat(np.arange(120), 4)
    labels = random.random((480, 2)) < 0.4
    a = random.normal(labels, 1.0)
    b = a + np.repeat(random.normal(0, 1.0, (120, 2)), 4, axis=0) * (
        2 * labels - 1
    )  # patients are all hard, or all easy
    drawn = []
    for _ in range(400):
        rows = (random.integers(0, 120, 120)[:, None] * 4 + np.arange(4)).ravel()
        means = [auc.mean_auc(auc.auc_per_class(labels[rows], each[rows])) for each in (a, b)]
        drawn.append(means[1] - means[0])

    by_patient, by_image = auc.auc_difference(labels, a, b, owner), auc.auc_difference(labels, a, b)

    assert by_patient.error == pytest.approx(np.std(drawn), rel=0.15)
    assert by_patient.error > 1.1 * by_image.error


def test_a_class_with_one_image_of_a_kind_erases_no_other_ones_interval():
    random = np.random.default_rng(9)
    labels = np.stack([np.arange(40) % 2, np.arange(40) == 7], axis=1)
    a, b = random.random((2, 40, 2))

    assert auc.auc_difference(labels, a, b) == auc.auc_difference(labels[:, :1], a[:, :1], b[:, :1])
    assert auc.mean_auc_error(labels, a) == auc.mean_auc_error(labels[:, :1], a[:, :1])
