"""Binding: strongest firing slot, ancestors, negatives."""

from __future__ import annotations

import numpy as np
import pytest

from kedit.verification.binding import (
    Readings,
    accuracy,
    binding_summary,
    confusion,
    false_positives,
    relation_auroc,
    worst_auroc,
)

HEADLINE = "unseen_template_unseen_subject"
LABELS = ("ex:a", "ex:b", "ex:c")


def readings(asked, values, active=None, on=None, quadrants=None):
    asked, values = np.asarray(asked), np.asarray(values, dtype=float)
    n = len(asked)
    quadrants = quadrants or ["" if index < 0 else HEADLINE for index in asked]
    active = values > 0.5 if active is None else np.asarray(active)
    return Readings(
        LABELS, asked, values, active, quadrants, [f"s{i % 20}" for i in range(n)], [f"c{i % 3}" for i in range(n)], on
    )


def test_perfect_reading():
    asked = np.tile([-1, 0, 1, 2], 20)
    summary = binding_summary(readings(asked, asked[:, None] == np.arange(3)))
    quadrant = summary.quadrants[HEADLINE]
    assert (quadrant.n, quadrant.accuracy, summary.false_positive_rate, summary.negatives) == (60, 1.0, 0.0, 20)
    assert quadrant.ci[0] < 1
    assert summary.auroc == {"ex:a": 1.0, "ex:b": 1.0, "ex:c": 1.0}
    assert summary.confusion.labels[-1] == "(none)"
    assert np.array_equal(np.asarray(summary.confusion.counts), 20 * np.eye(4))


def test_the_strongest_firing_slot_decides_and_silence_is_a_miss():
    made = readings([0, 0, 1], [[0.9, 0.8, 0], [0.7, 0.9, 0], [0, 0.4, 0]])
    assert made.predicted.tolist() == [0, 1, -1]
    assert accuracy(made).value == pytest.approx(1 / 3)
    assert np.asarray(confusion(made).counts).tolist() == [[1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]]


def test_an_ancestor_does_not_compete_with_the_relation_asked():
    values, on = [[0.9, 1.1, 0.0]], np.asarray([[True, True, False]])
    assert readings([0], values).predicted.tolist() == [1]
    made = readings([0], values, on=on)
    assert made.predicted.tolist() == [0]
    assert made.expected.tolist() == [[True, True, False]]


def test_false_positives():
    made = readings([-1, -1, -1, 0], [[0, 0, 0], [0.9, 0, 0], [0, 0, 0], [1, 1, 1]])
    assert false_positives(made).value == pytest.approx(1 / 3)
    assert false_positives(readings([0], [[1, 0, 0]])).n == 0


def test_other_quadrants_do_not_mix():
    made = readings([0, 1], [[1, 0, 0], [1, 0, 0]], quadrants=[HEADLINE, "seen_template_seen_subject"])
    assert accuracy(made).value == 1
    assert accuracy(made, "seen_template_seen_subject").value == 0
    assert np.asarray(confusion(made).counts).sum() == 1


def test_nan_readings_are_no_accuracy():
    made = readings([0, 1], [[1, 0, 0], [np.nan, 0, 0]])
    assert np.isnan(accuracy(made).value)
    assert np.isnan(relation_auroc(made)["ex:a"])
    assert binding_summary(made).quadrants[HEADLINE].accuracy is None


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="shape"):
        readings([0, 1], [[1, 0], [0, 1]])


def test_the_worst_auroc_has_an_interval_over_subjects():
    rng = np.random.default_rng(0)
    asked = np.tile([-1, 0, 1, 2], 30)
    values = (asked[:, None] == np.arange(3)) + rng.normal(size=(120, 3)) * [0.01, 0.01, 0.8]
    found = worst_auroc(readings(asked, values))
    assert found.value == min(relation_auroc(readings(asked, values)).values())
    assert found.low < found.value < found.high < 1
    assert found.n == 120
    assert worst_auroc(readings(asked, asked[:, None] == np.arange(3))).low < 0.9
    assert not worst_auroc(readings([0, 1], [[1, 0, 0], [0, 1, 0]])).usable  # nobody asks for the third


def test_a_bound_on_an_auroc_compares_the_end_of_its_interval():
    from kedit.editing.recipe import Expectation
    from kedit.verification.verdict import Measured, judge_one

    asked = np.tile([-1, 0, 1, 2], 10)
    found = Measured("auroc", worst_auroc(readings(asked, asked[:, None] == np.arange(3))))
    assert judge_one(Expectation(metric="auroc", at_least=0.99), found).verdict == "FAIL"
    assert judge_one(Expectation(metric="auroc", at_least=0.99, bound="point"), found).verdict == "PASS"
