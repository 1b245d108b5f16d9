"""Aggregation: the macro rule, gates, strata, paired differences, damage."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from kedit.verification.metrics import (
    control_summary,
    counts,
    drift,
    estimate,
    item_values,
    paired_difference,
    quadrant_summary,
    retained,
    select,
    swap_summary,
)

HEADLINE = "unseen_template_unseen_subject"


def test_macro_over_pairs_with_20_items_of_12_subjects(make_rows):
    good = make_rows("a", "b", ["hit"] * 60)
    bad = make_rows("b", "a", ["stuck"] * 20)
    few_items = make_rows("a", "c", ["stuck"] * 19)
    few_subjects = make_rows("c", "a", ["stuck"] * 40, subjects=11)
    assert [counts(rows) for rows in (good, bad, few_items, few_subjects)] == [True, True, False, False]
    summary = quadrant_summary(good + bad + few_items + few_subjects)
    assert summary.n == 139
    assert summary.hit == pytest.approx(60 / 139)
    assert summary.hit_macro == pytest.approx(0.5)
    assert summary.pairs == 2
    assert (summary.worst.source, summary.worst.target, summary.worst.hit) == ("b", "a", 0.0)
    assert summary.ci[0] <= summary.hit <= summary.ci[1]


def test_no_pair_counts_means_no_macro(make_rows):
    summary = quadrant_summary(make_rows("a", "b", ["hit"] * 10))
    assert summary.hit == 1
    assert summary.hit_macro is None
    assert summary.worst is None
    assert math.isnan(estimate(make_rows("a", "b", ["hit"] * 10), "hit_macro").value)


def test_outcomes_add_up_to_one(make_rows):
    outcomes = ["hit", "stuck", "wrong_subject", "derailed", "hit"] * 6
    summary = quadrant_summary(make_rows("a", "b", outcomes))
    assert summary.hit + summary.stuck + summary.wrong_subject + summary.derailed == pytest.approx(1)


def test_a_gate_that_did_not_fire_is_a_failed_item(make_rows):
    rows = make_rows("a", "b", ["hit"] * 20) + make_rows("a", "b", ["hit"] * 20, gate=False, lenient=True)
    summary = quadrant_summary(rows)
    assert (summary.hit, summary.exact, summary.lenient, summary.derailed, summary.no_gate) == (0.5, 0.5, 0.5, 0.5, 0.5)


def test_unknown_facts_stay_out_of_the_headline_but_not_out_of_sight(make_rows):
    rows = make_rows("a", "b", ["hit"] * 20) + make_rows("a", "b", ["derailed"] * 20, known=False)
    summary = quadrant_summary(rows)
    assert (summary.n, summary.hit) == (20, 1.0)
    assert (summary.all_facts.n, summary.all_facts.hit) == (40, 0.5)


def test_strata(make_rows):
    rows = make_rows("a", "b", ["hit"] * 20, pair_trained=True, answer_seen=True) + make_rows("b", "a", ["stuck"] * 20)
    summary = quadrant_summary(rows)
    assert (summary.trained_pairs.hit, summary.untrained_pairs.hit) == (1, 0)
    assert (summary.answer_seen.hit, summary.answer_unseen.hit) == (1, 0)
    assert quadrant_summary(make_rows("a", "b", ["hit"])).trained_pairs is None


def test_behavioural_hits_need_no_knowledge(make_rows):
    rows = make_rows("a", "b", ["hit"] * 3, behavioural=True) + make_rows("a", "b", ["derailed"], known=False, behavioural=False)
    assert quadrant_summary(rows).behavioural == 0.75


def test_swap_summary_lists_every_pair_with_majority(make_rows):
    rows = make_rows("x:a", "x:b", ["hit"] * 24) + make_rows("x:b", "x:a", ["stuck"] * 6)
    rows += make_rows("x:a", "x:b", ["hit"] * 6 + ["derailed"] * 18, control="majority")
    summary = swap_summary(rows, names=lambda iri: iri.replace("x:", "ex:"))
    assert list(summary.quadrants) == [HEADLINE]
    first, second = summary.pairs
    assert (first.source, first.target, first.majority, first.counts) == ("ex:a", "ex:b", 0.25, True)
    assert (second.hit, second.stuck, second.majority, second.counts) == (0, 1, None, False)


def test_controls_with_paired_difference(make_rows):
    rows = make_rows("a", "b", ["hit"] * 45)
    rows += make_rows("a", "b", ["stuck"] * 45, control="noop") + make_rows("a", "b", ["hit", "derailed"] * 22, control="mine")
    summary = control_summary(rows)
    assert list(summary) == ["noop", "mine"]
    noop = summary["noop"][HEADLINE]
    assert (noop.hit, noop.difference.value, noop.difference.n) == (0, 1, 45)
    assert noop.difference.ci[0] > 0
    assert summary["mine"][HEADLINE].difference.n == 44


def test_edit_against_itself_differs_by_nothing(make_rows):
    rows = make_rows("a", "b", ["hit", "stuck"] * 15)
    assert paired_difference(rows, rows).value == 0
    assert paired_difference(rows, []).n == 0


def test_a_control_that_asks_other_prompts_is_compared_by_subject(make_rows):
    rows = make_rows("a", "b", ["hit"] * 30)
    asked = make_rows("b", "b", ["hit", "derailed"] * 15, control="direct_ask")
    difference = paired_difference(rows, asked)
    assert difference.n == 30
    assert difference.value == pytest.approx(0.5)


def test_paired_macro_difference(make_rows):
    edit = make_rows("a", "b", ["hit"] * 60) + make_rows("b", "a", ["stuck"] * 20) + make_rows("b", "c", ["hit"] * 3)
    none = [dataclasses.replace(row, outcome="stuck", control="noop") for row in edit]
    assert paired_difference(edit, none, "hit_macro").value == pytest.approx(0.5)


def test_worst_pair_estimate(make_rows):
    rows = make_rows("a", "b", ["hit"] * 60) + make_rows("b", "a", ["hit", "stuck"] * 12) + make_rows("b", "c", ["stuck"] * 5)
    worst = estimate(rows, "hit_worst_pair")
    assert (worst.value, worst.n) == (0.5, 24)


def test_select(make_rows):
    rows = make_rows("a", "b", ["hit"]) + make_rows("a", "b", ["hit"], known=False) + make_rows("a", "b", ["hit"], control="noop")
    assert len(select(rows)) == 1
    assert len(select(rows, known=None)) == 2
    assert len(select(rows, control="noop", quadrant="other")) == 0
    assert item_values([], "hit").size == 0


def test_drift():
    kl = np.linspace(0, 1, 101)
    result = drift(kl, [f"t{i % 9}" for i in range(101)])
    assert result.mean == pytest.approx(0.5)
    assert result.p95 == pytest.approx(0.95)
    assert result.ci[0] <= 0.5 <= result.ci[1]
    assert result.p95_ci[0] < 0.95 < result.p95_ci[1]
    assert drift([]).mean is None
    assert drift([0.1, float("nan")]).mean is None
    assert drift([0.1, float("nan")]).p95 is None


def test_retained():
    kept = retained([1, 1, 0, 1], ["a", "b", "c", "d"], ["x"] * 4)
    assert (kept.value, kept.subjects) == (0.75, 4)
