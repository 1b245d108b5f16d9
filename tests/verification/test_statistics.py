"""Intervals: golden numbers, coverage under clustering, and what may never happen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedit.intervals import wilson
from kedit.verification.statistics import (
    EMPTY,
    Estimate,
    auroc,
    auroc_of,
    bootstrap_ci,
    bootstrap_statistic,
    paired_difference_ci,
    permutation_p_value,
    quantile_of,
)


def crossed(subjects, carriers):
    a, b = np.meshgrid(np.arange(subjects), np.arange(carriers), indexing="ij")
    return a.ravel(), b.ravel()


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_at_0_and_1_wilson_on_subjects_not_on_rows(value):
    a, b = crossed(12, 50)
    estimate = bootstrap_ci(np.full(600, value), a, b)
    assert (estimate.low, estimate.high) == pytest.approx(wilson(12 * value, 12))
    assert (estimate.n, estimate.subjects) == (600, 12)


@pytest.mark.parametrize("subjects", [5, 29])
def test_exceptions_never_make_an_interval_narrower(subjects):
    a, b = crossed(subjects, 5)
    for value in (0.0, 1.0):
        ends = []
        for exceptions in range(5):
            x = np.full(a.size, value)
            x[:: a.size // 5][:exceptions] = 1 - value
            estimate = bootstrap_ci(x, a, b)
            ends.append(estimate.low if value else 1 - estimate.high)
        assert max(ends) == ends[0]


def test_one_subject_says_next_to_nothing():
    estimate = bootstrap_ci([1, 1, 1, 0] * 25, ["s"] * 100, np.arange(100))
    assert estimate.high - estimate.low > 0.6


def test_empty_and_nan():
    assert bootstrap_ci([], [], []) == EMPTY
    assert str(EMPTY) == "n/a"
    estimate = bootstrap_ci([1.0, float("nan"), 0.0], [1, 2, 3], [1, 1, 1])
    assert math.isnan(estimate.value)
    assert not estimate.usable


def test_prints_itself():
    assert str(Estimate(0.8812, 0.8404, 0.9061, 100, 20)) == "0.88 [0.84, 0.91]"


def test_same_seed_same_interval_whatever_the_order_of_rows():
    rng = np.random.default_rng(0)
    a, b = crossed(20, 4)
    x = (rng.random(80) < 0.7).astype(float)
    order = rng.permutation(80)
    assert bootstrap_ci(x, a, b, seed=3) == bootstrap_ci(x[order], a[order], b[order], seed=3)
    assert bootstrap_ci(x, a, b, seed=3) != bootstrap_ci(x, a, b, seed=4)


def test_repeating_every_row_adds_no_certainty():
    rng = np.random.default_rng(1)
    a, b = crossed(20, 4)
    x = (rng.random(80) < 0.7).astype(float)
    once, often = bootstrap_ci(x, a, b), bootstrap_ci(np.tile(x, 10), np.tile(a, 10), np.tile(b, 10))
    assert (once.low, once.high) == pytest.approx((often.low, often.high))


def test_macro_weighs_groups_alike():
    # 90 items of one pair all right, 10 of the other all wrong: 0.9 over items, 0.5 over pairs.
    x, groups = [1.0] * 90 + [0.0] * 10, ["p"] * 90 + ["q"] * 10
    a = [i % 15 for i in range(100)]
    assert bootstrap_ci(x, a, [0] * 100).value == pytest.approx(0.9)
    assert bootstrap_ci(x, a, [0] * 100, groups=groups).value == pytest.approx(0.5)


@pytest.mark.parametrize(("subject_effect", "carrier_effect"), [(0.0, 0.0), (0.12, 0.0), (0.12, 0.06)])
def test_coverage(subject_effect, carrier_effect):
    rng = np.random.default_rng(7)
    a, b = crossed(30, 8)
    covered = []
    for seed in range(150):
        rate = 0.75 + subject_effect * rng.standard_normal(30)[a] + carrier_effect * rng.standard_normal(8)[b]
        estimate = bootstrap_ci((rng.random(a.size) < np.clip(rate, 0, 1)).astype(float), a, b, n=300, seed=seed)
        covered.append(estimate.low <= 0.75 <= estimate.high)
    # 0.91 is three standard errors of a 0.95 over 150 draws below it; the pigeonhole bootstrap errs to the wide side.
    assert np.mean(covered) >= 0.91


def test_rows_as_clusters_would_be_too_sure():
    """The reason for clustering: with subjects that are all right or all wrong, rows pretend to certainty."""
    a, b = crossed(20, 30)
    x = (a < 15).astype(float)
    clustered, rows = bootstrap_ci(x, a, b), bootstrap_ci(x, np.arange(600), np.zeros(600))
    assert clustered.high - clustered.low > 4 * (rows.high - rows.low)


@given(st.lists(st.booleans(), min_size=2, max_size=40), st.integers(2, 8), st.integers(1, 4))
def test_interval_holds_its_value_and_stays_in_bounds(hits, subjects, carriers):
    index = np.arange(len(hits))
    estimate = bootstrap_ci(np.asarray(hits, float), index % subjects, index % carriers, n=50)
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


def test_paired_difference():
    a, b = crossed(25, 4)
    x = (a % 2 == 0).astype(float)
    same = paired_difference_ci(x, x, a, b)
    assert same.value == 0
    # Nothing ever differed: still no certainty beyond the subjects there are.
    assert (same.low, same.high) == pytest.approx((-wilson(0, 25)[1], wilson(0, 25)[1]))
    better = paired_difference_ci(np.ones(100), x, a, b)
    assert better.value == pytest.approx(0.48)
    assert better.low > 0
    back = paired_difference_ci(x, np.ones(100), a, b)
    assert (back.low, back.high) == pytest.approx((-better.high, -better.low))
    with pytest.raises(ValueError, match="different size"):
        paired_difference_ci([1, 0], [1], [1, 2], [1, 1])


def test_unbounded_values_have_no_wilson():
    assert bootstrap_ci([0.0, 0.0], [1, 2], [1, 1], bounds=None).high == 0
    assert not bootstrap_ci([0.1, 0.2], [1, 1], [1, 1], bounds=None).usable


def test_auroc():
    assert auroc([0.1, 0.4, 0.35, 0.8], [False, False, True, True]) == pytest.approx(0.75)
    assert auroc([1, 1, 1, 1], [True, False, True, False]) == pytest.approx(0.5)
    assert math.isnan(auroc([1.0, 2.0], [True, True]))
    assert math.isnan(auroc([1.0, float("nan")], [True, False]))


def test_permutation_p_value():
    assert permutation_p_value(0.9, np.linspace(0, 0.5, 99)) == pytest.approx(0.01)
    assert permutation_p_value(0.0, np.zeros(99)) == 1
    assert math.isnan(permutation_p_value(float("nan"), [0.1]))


WEIGHTS = st.lists(st.integers(0, 3), min_size=12, max_size=12).filter(any)


@given(WEIGHTS, st.sampled_from([0.0, 0.5, 0.95, 1.0]))
def test_a_weighted_quantile_is_that_of_the_repeated_items(weights, q):
    values = np.random.default_rng(4).gamma(1.0, 1.0, size=12)
    found = quantile_of(values, q)(np.array([weights, [1] * 12], dtype=float))
    assert found == pytest.approx([np.quantile(np.repeat(values, weights), q), np.quantile(values, q)])


@given(WEIGHTS)
def test_a_weighted_auroc_is_that_of_the_repeated_items(weights):
    scores, on = np.round(np.random.default_rng(5).normal(size=12), 1), np.arange(12) % 3 == 0
    (found,) = auroc_of(scores, on)(np.array([weights], dtype=float))
    assert found == pytest.approx(auroc(np.repeat(scores, weights), np.repeat(on, weights)), nan_ok=True)


def test_statistics_that_are_no_means_have_intervals_too():
    rng = np.random.default_rng(6)
    texts = np.repeat(np.arange(40), 10)
    values = rng.gamma(1.0, 1.0, size=400) * np.repeat(rng.gamma(2.0, 1.0, size=40), 10)
    found = bootstrap_statistic(quantile_of(values, 0.95), texts)
    assert found.value == pytest.approx(np.quantile(values, 0.95))
    assert found.low < found.value < found.high
    assert (found.n, found.subjects) == (400, 40)
    alone = bootstrap_statistic(quantile_of(values, 0.95), np.arange(400))
    assert found.high - found.low > 1.5 * (alone.high - alone.low)
    assert not bootstrap_statistic(quantile_of(values, 0.95), np.zeros(400)).usable
    assert bootstrap_statistic(quantile_of([], 0.95), []) == EMPTY
    assert math.isnan(bootstrap_statistic(quantile_of([1.0, float("nan")], 0.95), [0, 1]).value)


def test_a_perfect_auroc_claims_no_more_than_its_subjects_allow():
    on = np.arange(40) % 2 == 0
    found = bootstrap_statistic(auroc_of(on.astype(float), on), np.arange(40) // 2, bounds=(0.0, 1.0))
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(1 - wilson(0, 20)[1])
