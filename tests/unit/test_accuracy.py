"""AUC with its intervals and changes, against references that count pairs and draw patients one by one."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit, logit
from scipy.stats import norm, t
from sklearn.metrics import roc_auc_score
from sqlalchemy import event

from orchestrator.analysis.accuracy import intervals, margin, resampling
from orchestrator.analysis.accuracy.intervals import Estimate, Spread, auc_estimates, change_estimates
from orchestrator.analysis.accuracy.reader import AccuracyReader
from orchestrator.analysis.accuracy.scored import Scored
from orchestrator.analysis.judge import judge
from orchestrator.analysis.stats import Interval, tails
from orchestrator.domain import event as happened
from orchestrator.store.store import Store
from orchestrator.testing import make_case, make_scores, make_suite
from tests.lab.scorings import make_scored, tell_scores
from tests.lab.telling import RUN, tell

REPLICATES = 40


def random_pair(*, images=240, classes=4, patients=80, seed=1):
    """Two sets of scores of the same images, with ties; images of a patient resemble each other."""
    random = np.random.default_rng(seed)
    owner = random.integers(0, patients, images)
    labels = random.random((images, classes)) < [0.5, 0.3, 0.8, 0.06][:classes]
    a = random.normal(labels, 1.0) + random.normal(0, 1, (patients, 1))[owner]
    b = np.round(a + random.normal(0, 0.3, a.shape), 1)
    return make_scored(labels, a, owner), make_scored(labels, b, owner)


def by_counting_pairs(positive, scores):
    above = (scores[positive][:, None] > scores[~positive][None, :]).sum()
    ties = (scores[positive][:, None] == scores[~positive][None, :]).sum()
    pairs = positive.sum() * (~positive).sum()
    return (above + ties / 2) / pairs if pairs else np.nan


def drawn_one_by_one(of, seed=0, replicates=REPLICATES):
    """The cluster bootstrap as a textbook has it: patients drawn one by one, with all their images."""
    count = of.images.patient_count
    drawn = np.random.default_rng(seed).integers(0, count, (replicates, count))
    images_of = [np.flatnonzero(of.patients == patient) for patient in range(count)]
    found = []
    for patients in drawn:
        rows = np.concatenate([images_of[patient] for patient in patients])
        found.append(
            [
                by_counting_pairs(of.labels[rows, column] > 0, of.scores[rows, column])
                for column in range(of.labels.shape[1])
            ]
        )
    return np.array(found)


def test_patients_drawn_again_give_what_drawing_them_one_by_one_gives():
    a, b = random_pair()

    for of in (a, b):
        found = Spread.of(of, replicates=REPLICATES).values
        np.testing.assert_allclose(found, drawn_one_by_one(of), atol=1e-9, rtol=0)


def test_patients_drawn_again_give_what_scikit_learn_gives_with_weights():
    a, _ = random_pair(seed=2)
    weights = resampling.patient_weights(a.images.patient_count, REPLICATES, 5)

    found = resampling.auc_replicates(a.labels, a.scores, a.patients, weights)

    for replicate in range(REPLICATES):
        weight = weights[a.patients, replicate]
        for column in range(3):
            expected = roc_auc_score(a.labels[:, column], a.scores[:, column], sample_weight=weight)
            assert found[replicate, column] == pytest.approx(expected, abs=1e-9)


def test_the_benchmark_finds_no_difference_from_independent_implementations_on_a_small_set(capsys):
    check = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "accuracy.py"))["check"]

    apart = check(1500, 160)

    assert apart < 1e-9
    assert len(capsys.readouterr().out.splitlines()) == 5


def test_memory_in_small_parts_changes_no_figure(monkeypatch):
    a, _ = random_pair()
    whole = Spread.of(a, replicates=REPLICATES).values
    monkeypatch.setattr(resampling, "CHUNK_BYTES", 1)

    np.testing.assert_array_equal(Spread.of(a, replicates=REPLICATES).values, whole)


def test_the_interval_by_patient_is_that_of_the_quantiles_of_what_was_drawn():
    a, b = random_pair()
    alone, change = auc_estimates(a), change_estimates(a, b)
    drawn, other = (drawn_one_by_one(of, replicates=resampling.REPLICATES // 10) for of in (a, b))

    short = auc_estimates(a, Spread.of(a, replicates=resampling.REPLICATES // 10))
    paired = change_estimates(a, b, tuple(Spread.of(of, replicates=resampling.REPLICATES // 10) for of in (a, b)))

    assert alone.method == change.method == intervals.BOOTSTRAP
    counts = intervals.patients_of_classes(a)
    for column in range(4):
        fewest = min(counts[column])
        values = drawn[:, column][~np.isnan(drawn[:, column])]
        low, high = np.quantile(values, tails(fewest - 1, fewest))
        if fewest < intervals.FEW:
            of_ranks = by_wilson(short.classes[column].value, *counts[column])
            low, high = min(low, of_ranks[0]), max(high, of_ranks[1])
        assert short.classes[column].interval.low == pytest.approx(low, abs=1e-9)
        assert short.classes[column].interval.high == pytest.approx(high, abs=1e-9)
    fewest = max(min(each) for each in counts)
    low, high = np.quantile(np.nanmean(other - drawn, axis=1), tails(fewest - 1, fewest))
    assert paired.mean.interval.low == pytest.approx(low, abs=1e-9)
    assert paired.mean.interval.high == pytest.approx(high, abs=1e-9)


def delong(positive, scores):
    """Covariance of several AUCs on the same images by the formulas of the paper (equations 4 to 8), over all pairs."""
    placements = [
        (s[positive][:, None] > s[~positive][None, :]) + 0.5 * (s[positive][:, None] == s[~positive][None, :])
        for s in scores
    ]
    ten = np.cov([each.mean(axis=1) for each in placements], ddof=1) / positive.sum()
    one = np.cov([each.mean(axis=0) for each in placements], ddof=1) / (~positive).sum()
    return ten + one


def by_wilson(value, positives, negatives):
    """The ends of Newcombe's interval as roots of its equation, by scipy."""

    def beyond(true):
        more = (positives + negatives) / 2 - 1
        variance = true * (1 - true) * (1 + more * ((1 - true) / (2 - true) + true / (1 + true)))
        return (value - true) ** 2 - 1.959963984540054**2 * variance / (positives * negatives)

    low = brentq(beyond, 1e-9, value - 1e-9, xtol=1e-12) if value else 0.0
    return low, (brentq(beyond, value + 1e-9, 1 - 1e-9, xtol=1e-12) if value < 1 else 1.0)


def test_with_one_image_a_patient_intervals_are_delongs_paired_and_alone():
    a, b = random_pair()
    a, b = (make_scored(each.labels, each.scores) for each in (a, b))

    alone, change = auc_estimates(a), change_estimates(a, b)

    assert alone.method == change.method == intervals.DELONG
    for column in range(4):
        positive = a.labels[:, column] > 0
        student = t(min(positive.sum(), (~positive).sum()) - 1)
        half = student.ppf(0.975)
        both = delong(positive, [a.scores[:, column], b.scores[:, column]])
        error, of_change = np.sqrt(both[0, 0]), np.sqrt(both[0, 0] + both[1, 1] - 2 * both[0, 1])
        assert alone.classes[column].value == pytest.approx(roc_auc_score(positive, a.scores[:, column]), abs=1e-9)
        value = alone.classes[column].value
        low, high = expit(logit(value) + norm.ppf([0.025, 0.975]) * error / (value * (1 - value)))
        of_ranks = by_wilson(value, positive.sum(), (~positive).sum())
        assert alone.classes[column].interval.low == pytest.approx(min(low, of_ranks[0]), abs=1e-9)
        assert alone.classes[column].interval.high == pytest.approx(max(high, of_ranks[1]), abs=1e-9)
        assert change.classes[column].value + half * of_change == pytest.approx(
            change.classes[column].interval.high, abs=1e-9
        )
        z = change.classes[column].value / of_change
        assert change.classes[column].p_value == pytest.approx(2 * student.sf(abs(z)), abs=1e-9)


@pytest.mark.parametrize(("positives", "true"), [(3, 0.76), (3, 0.97), (15, 0.97)])
def test_an_interval_of_few_patients_holds_what_it_promises_without_drawing(positives, true):
    random = np.random.default_rng(5)
    labels = (np.arange(100 + positives) < positives).astype(np.uint8)[:, None]
    apart = norm.ppf(true) * np.sqrt(2)
    found = [auc_estimates(make_scored(labels, random.normal(labels * apart, 1.0))).mean.interval for _ in range(200)]

    # 0.90, 0.83 and 0.82 by DeLong's error with Student's t
    assert np.mean([each.low <= true <= each.high for each in found]) >= 0.93


@pytest.mark.parametrize("positives", [2, 4])
def test_an_interval_of_few_patients_holds_what_it_promises_by_drawing(positives):
    random = np.random.default_rng(6)
    owner = np.repeat(np.arange(40), 3)
    labels = (owner < positives).astype(np.uint8)[:, None]
    true, changed = norm.cdf(1.0), norm.cdf(2 / np.sqrt(4.5)) - norm.cdf(1.0)
    held = []
    for _ in range(100):
        a = random.normal(2 * labels, 1.0) + random.normal(0, 1, (40, 1))[owner]
        pair = make_scored(labels, a, owner), make_scored(labels, a + random.normal(0, 0.5, (40, 1))[owner], owner)
        spreads = tuple(Spread.of(each, replicates=300) for each in pair)
        found = auc_estimates(pair[0], spreads[0]).mean.interval, change_estimates(*pair, spreads).mean.interval
        held.append([each.low <= value <= each.high for each, value in zip(found, (true, changed), strict=True)])

    # of two patients 0.76 and 0.82 by quantiles of what was drawn
    assert (np.mean(held, axis=0) >= 0.93).all()


@pytest.mark.parametrize(("patients", "has"), [(2, False), (3, False), (4, True)])
def test_so_few_patients_that_drawing_them_again_shows_nothing_have_no_interval(patients, has):
    random = np.random.default_rng(1)
    labels = random.integers(0, 2, (60, 1))

    found = auc_estimates(make_scored(labels, random.normal(labels, 1.0), np.arange(60) % patients))

    assert (found.mean.interval is not None) == has


def test_images_of_the_same_patients_make_the_interval_wider_than_as_many_of_other_patients():
    random = np.random.default_rng(3)
    owner = np.repeat(np.arange(60), 10)
    labels = np.repeat(random.random((60, 1)) < 0.5, 10, axis=0)
    scores = random.normal(labels, 1.0) + np.repeat(random.normal(0, 2, (60, 1)), 10, axis=0)

    by_patient, by_image = auc_estimates(make_scored(labels, scores, owner)), auc_estimates(make_scored(labels, scores))

    widths = [each.mean.interval.high - each.mean.interval.low for each in (by_patient, by_image)]
    assert widths[0] > 2 * widths[1]


def test_intervals_by_patient_hold_what_they_promise():
    random = np.random.default_rng(4)
    held = 0
    for _ in range(60):
        owner = np.repeat(np.arange(100), 3)
        labels = random.random((300, 1)) < 0.4
        scores = random.normal(labels, 1.0) + np.repeat(random.normal(0, 1, (100, 1)), 3, axis=0)
        found = auc_estimates(
            make_scored(labels, scores, owner),
            Spread.of(make_scored(labels, scores, owner), replicates=300),
        )
        truth = norm.cdf(1 / 2)  # two scores differ by a normal number with the mean 1 and the variance 4
        held += found.mean.interval.low <= truth <= found.mean.interval.high

    assert 52 <= held <= 60


def test_equal_seeds_draw_equally():
    a, _ = random_pair()

    assert auc_estimates(a) == auc_estimates(a)
    assert auc_estimates(a, Spread.of(a, seed=1)) != auc_estimates(a)


def test_one_rare_class_has_no_interval_and_takes_nobody_elses():
    random = np.random.default_rng(5)
    labels = random.random((54, 3)) < 0.4
    labels[:, 2] = np.arange(54) == 7
    scores = random.normal(labels, 1.0)

    found = auc_estimates(make_scored(labels, scores))

    assert found.classes[2].interval is None
    assert found.classes[0].interval is not None
    assert found.over == (0, 1)
    assert found.mean.value == pytest.approx(np.mean([each.value for each in found.classes[:2]]))
    assert found.mean.interval is not None


def test_two_images_of_the_only_patient_with_a_finding_are_no_two_patients():
    labels = np.zeros((40, 2), int)
    labels[::2, 0] = 1
    labels[[4, 5], 1] = 1
    owner = np.arange(40) // 2

    found = auc_estimates(make_scored(labels, np.random.default_rng(0).random((40, 2)), owner))

    assert found.classes[1].interval is None
    assert found.over == (0,)


def test_a_class_without_both_labels_is_absent_and_not_one_half():
    labels = np.array([[0, 1], [0, 0], [0, 1], [0, 0]])

    found = auc_estimates(make_scored(labels, np.random.default_rng(0).random((4, 2))))

    assert found.classes[0] is None
    assert found.over == (1,)
    assert auc_estimates(make_scored(labels[:, :1], np.zeros((4, 1)))).mean is None


@pytest.mark.parametrize("owner", [None, np.arange(60) // 3])
def test_an_auc_without_a_mistake_is_as_sure_as_its_patients_are_many(owner):
    labels = np.arange(60)[:, None] < 24
    patients = (24, 36) if owner is None else (8, 12)

    right, wrong, equal = (
        auc_estimates(make_scored(labels, scores, owner)).mean for scores in (labels, ~labels, labels * 0)
    )

    low, _ = by_wilson(1.0, *patients)
    assert (right.value, right.interval.high) == (1, 1)
    assert right.interval.low == pytest.approx(low, abs=1e-9)
    assert (wrong.value, wrong.interval.low) == (0, 0)
    assert wrong.interval.high == pytest.approx(1 - low, abs=1e-9)
    assert (equal.interval.low, equal.interval.high) == pytest.approx(by_wilson(0.5, *patients), abs=1e-9)


@pytest.mark.parametrize("owner", [None, np.arange(240) // 3])
def test_a_change_is_0_without_doubt_for_equal_scores_alone_not_for_an_equal_order(owner):
    a, _ = random_pair()
    a = make_scored(a.labels, a.scores, owner)

    equal, ordered = (change_estimates(a, make_scored(a.labels, scores, owner)) for scores in (a.scores, a.scores * 2))

    assert (equal.mean.value, equal.mean.interval, equal.mean.p_value) == (0, Interval(low=0, high=0), 1)
    most = max(intervals.patients_of_classes(a), key=min)
    half = 1 - by_wilson(1.0, *most)[0]
    assert (ordered.mean.value, ordered.mean.p_value) == (0, 1)
    assert (ordered.mean.interval.low, ordered.mean.interval.high) == pytest.approx((-half, half), abs=1e-9)


@pytest.mark.parametrize("owner", [None, np.arange(60) // 3])
@pytest.mark.parametrize(("after", "lost"), [(1.0, -1.0), (0.0, -0.5)], ids=["turned round", "constant"])
def test_an_auc_of_1_that_is_lost_whole_is_no_chance_and_no_more_than_all(owner, after, lost):
    labels = np.arange(60)[:, None] < 24
    perfect, lossy = (make_scored(labels, scores, owner) for scores in (labels, after * ~labels))

    change = change_estimates(perfect, lossy).mean

    assert change.value == lost
    assert -1 <= change.interval.low < change.interval.high < 0
    assert change.p_value < 0.01


def test_two_sides_without_a_mistake_on_54_images_are_not_called_equal():
    labels = np.arange(54)[:, None] < 20
    random = np.random.default_rng(0)
    perfect, other = (make_scored(labels, labels + random.uniform(0, 0.4, (54, 1))) for _ in range(2))

    found = change_estimates(perfect, other)

    assert found.mean.value == 0
    assert found.mean.interval.low < -0.05
    assert margin.loss(found.mean, 54).words.startswith("can't tell with 54 images; about ")


def test_scores_of_different_images_are_not_compared():
    a, b = random_pair()

    with pytest.raises(ValueError, match="different images"):
        change_estimates(a, make_scored(b.labels, b.scores))


def change(value, reach):
    return Estimate(value=value, interval=Interval(low=value - reach, high=value + reach))


@pytest.mark.parametrize(
    ("estimate", "words"),
    [
        (change(-0.002, 0.005), "within 0.01 of float32 (95 %)"),
        (change(0.05, 0.02), "within 0.01 of float32 (95 %)"),
        (change(-0.04, 0.01), "loses more than 0.01 (95 %)"),
        (change(-0.004, 0.0354), "can't tell with 54 images; about 1,900 would"),
        (change(-0.016, 0.0354), "can't tell with 54 images; about 1,900 would"),
        (change(-0.01, 0.02), "can't tell with 54 images"),
        (Estimate(value=0.0, interval=None), "can't tell with 54 images"),
        (None, "can't tell with 54 images"),
    ],
)
def test_a_loss_is_within_the_margin_or_more_or_it_says_how_many_images_would_tell(estimate, words):
    assert margin.loss(estimate, 54).words == words


def test_another_margin_is_another_answer():
    assert margin.loss(change(-0.02, 0.005), 54, 0.03).verdict == margin.WITHIN


@pytest.fixture
def store(tmp_path):
    """A run in which int8 and float32 scored the images of `random_pair`, and float16 those of another list."""
    a, b = random_pair()
    other = make_scored(a.labels, a.scores)
    sides = {"float32": a, "int8": b, "float16": other}
    with Store.open(f"sqlite:///{tmp_path / 'farm.db'}") as opened:
        for scheme, of in sides.items():
            tell_scores(opened, of, scheme=scheme)
        yield opened, sides


def test_stored_scores_are_compared_with_float32_of_the_same_setting(store):
    opened, sides = store
    reader = AccuracyReader(opened)

    found = reader.change(RUN, make_case(scheme="int8", threads=4))

    assert found == change_estimates(sides["float32"], sides["int8"])
    assert reader.estimates(RUN, make_case(scheme="int8")) == auc_estimates(sides["int8"])
    assert reader.change(RUN, make_case(scheme="float32")) is None
    assert reader.change(RUN, make_case(scheme="int8", batch=4)) is None


def test_cases_that_differ_in_threads_are_read_once_with_or_without_scores(store):
    opened, _ = store
    queries = []
    event.listen(opened._engine, "before_cursor_execute", lambda *asked: queries.append(asked[2]))
    reader = AccuracyReader(opened)
    cases = [make_case(scheme=scheme, threads=threads) for threads in (1, 2, 3) for scheme in ("int8", "never-scored")]
    for case in cases[:2]:
        reader.change(RUN, case)
    count = len(queries)

    for case in cases[2:]:
        reader.change(RUN, case)

    assert len(queries) == count > 0


def test_scores_of_other_images_have_no_change(store):
    assert AccuracyReader(store[0]).change(RUN, make_case(scheme="float16")) is None


def test_scores_of_an_older_farm_without_images_have_neither(store):
    opened, _ = store
    tell(opened, happened.Scored(run=RUN, device="local", scores=make_scores(scoring="old", scheme="dynamic")))
    reader = AccuracyReader(opened)

    assert reader.estimates(RUN, make_case(scheme="dynamic")) is None
    assert reader.change(RUN, make_case(scheme="dynamic")) is None


def test_a_stored_case_whose_accuracy_collapsed_is_judged_so(store):
    opened, sides = store
    random = np.random.default_rng(0)
    for scheme, scores in (("dynamic", np.zeros((240, 4))), ("float8", random.random((240, 4)))):
        tell_scores(opened, Scored(images=sides["float32"].images, scores=scores.astype(np.float32)), scheme=scheme)

    constant, collapsed, fine = (
        judge(opened, RUN, make_suite(), make_case(scheme=scheme)) for scheme in ("dynamic", "float8", "int8")
    )

    codes = [{reason.code for reason in each.reasons} for each in (constant, collapsed, fine)]
    assert "constant-scores" in codes[0]
    assert "accuracy-lost" in codes[1]
    assert not codes[2] & {"constant-scores", "accuracy-lost"}
    assert constant.auc_mean == 0.5
    assert collapsed.auc_change_high < 0
    assert fine.auc_change_low < fine.auc_change_high
    assert (fine.auc_findings, fine.auc_findings_left_out) == (4, 0)
