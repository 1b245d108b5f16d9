"""Verdicts, as a sceptic would try them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedit.editing.metric_names import METRICS
from kedit.editing.recipe import Expectation
from kedit.verification.statistics import EMPTY, Estimate
from kedit.verification.verdict import Measured, Measurements, Verdict, judge, judge_one

NAN = float("nan")


def expect(metric="hit", **fields):
    return Expectation.model_validate({"metric": metric, **({} if "at_most" in fields else {"at_least": 0.5})} | fields)


def measured(value=0.9, low=0.8, high=0.95, n=100, metric="hit"):
    return Measured(metric, Estimate(value, low, high, n, 20))


def test_the_unfavourable_end_decides():
    assert judge_one(expect(at_least=0.8), measured()).verdict == "PASS"
    failed = judge_one(expect(at_least=0.85), measured())
    assert failed.verdict == "FAIL"
    assert "interval" in failed.reason
    assert judge_one(expect(at_least=0.85, bound="point"), measured()).verdict == "PASS"
    assert judge_one(expect("stuck", at_most=0.9), measured(metric="stuck")).verdict == "FAIL"
    assert judge_one(expect("stuck", at_most=0.95), measured(metric="stuck")).verdict == "PASS"


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (None, "not measured"),
        (Measured("hit", EMPTY), "no items"),
        (measured(value=NAN), "not a number"),
        (measured(low=NAN), "not a number"),
        (measured(high=math.inf), "not a number"),
        (measured(n=29), "29 items, needs 30"),
    ],
)
@pytest.mark.parametrize("bound", ["interval", "point"])
def test_what_is_no_number_or_too_few_is_inconclusive(number, reason, bound):
    for item in (expect(at_least=0.0, bound=bound), expect(at_most=1.0, bound=bound)):
        judged = judge_one(item, number)
        assert (judged.verdict, judged.reason) == ("INCONCLUSIVE", reason)


@pytest.mark.parametrize("metric", METRICS)
@given(value=st.sampled_from([NAN, math.inf, -math.inf]), at_most=st.booleans())
def test_nan_never_passes_whatever_the_metric(metric, value, at_most):
    item = expect(metric, **({"at_most": 1.0} if at_most else {"at_least": 0.0}))
    assert judge_one(item, Measured(metric, Estimate(value, value, value, 1000, 100))).verdict == "INCONCLUSIVE"


def test_a_bound_that_is_nan_never_passes():
    item = expect(at_least=0.5).model_copy(update={"at_least": NAN})
    assert judge_one(item, measured()).verdict == "FAIL"
    assert judge_one(item.model_copy(update={"at_least": None}), measured()).verdict == "INCONCLUSIVE"


def overall(*verdicts, severities=None, allow=False):
    severities = severities or ["error"] * len(verdicts)
    numbers = {"PASS": measured(1, 1, 1), "FAIL": measured(0, 0, 0), "INCONCLUSIVE": None}
    judged = tuple(
        judge_one(expect(severity=severity), numbers[verdict]) for verdict, severity in zip(verdicts, severities, strict=True)
    )
    assert tuple(item.verdict for item in judged) == verdicts
    verdict = Verdict(judged, allow)
    return verdict.verdict, verdict.exit_code


def test_overall_verdict_and_exit_code():
    assert overall("PASS", "PASS") == ("PASS", 0)
    assert overall("PASS", "FAIL", "INCONCLUSIVE") == ("FAIL", 1)
    assert overall("PASS", "INCONCLUSIVE") == ("INCONCLUSIVE", 1)
    assert overall() == ("UNVERIFIED", 1)
    assert overall(allow=True) == ("UNVERIFIED", 0)


def test_warnings_do_not_fail_and_do_not_verify():
    assert overall("PASS", "FAIL", severities=["error", "warn"]) == ("PASS", 0)
    assert overall("FAIL", severities=["warn"]) == ("UNVERIFIED", 1)
    assert overall("PASS", severities=["warn"]) == ("UNVERIFIED", 1)


def test_an_expectation_without_edit_holds_for_every_edit(make_rows):
    rows = {"good": make_rows("a", "b", ["hit"] * 60), "bad": make_rows("a", "c", ["stuck"] * 60)}
    verdict = judge([expect(), expect(edit="good")], Measurements(rows=rows))
    assert [(item.edit, item.verdict) for item in verdict.expectations] == [("bad", "FAIL"), ("good", "PASS")]
    assert verdict.exit_code == 1


def test_an_edit_without_items_is_not_covered_by_the_others(make_rows):
    verdict = judge([expect()], Measurements(rows={"good": make_rows("a", "b", ["hit"] * 60), "empty": []}))
    assert (verdict.verdict, verdict.expectations[0].edit) == ("INCONCLUSIVE", "empty")


def test_an_edit_that_was_not_measured_is_inconclusive(make_rows):
    assert judge([expect(edit="other")], Measurements(rows={"good": make_rows("a", "b", ["hit"] * 60)})).verdict == "INCONCLUSIVE"
    assert judge([expect()], Measurements()).verdict == "INCONCLUSIVE"


def test_unknown_facts_and_seen_quadrants_do_not_help(make_rows):
    rows = make_rows("a", "b", ["stuck"] * 40)
    rows += make_rows("a", "b", ["hit"] * 400, quadrant="seen_template_seen_subject") + make_rows(
        "a", "b", ["hit"] * 400, known=False
    )
    assert judge([expect()], Measurements(rows={"e": rows})).verdict == "FAIL"
    assert judge([expect(on="seen_template_seen_subject")], Measurements(rows={"e": rows})).verdict == "PASS"


def test_versus_is_a_paired_difference(make_rows):
    rows = make_rows("a", "b", ["hit"] * 60) + make_rows("a", "b", ["hit", "stuck"] * 30, control="diff_means")
    verdict = judge([expect(versus="diff_means", at_least=0.2), expect(versus="noop")], Measurements(rows={"e": rows}))
    first, second = verdict.expectations
    assert first.verdict == "PASS"
    assert first.measured == pytest.approx(0.5)
    assert (second.verdict, second.reason) == ("INCONCLUSIVE", "no items")


def test_equal_damage_is_another_standpoint_than_its_own_best(make_rows):
    rows = make_rows("a", "b", ["hit"] * 60) + make_rows("a", "b", ["hit"] * 60, control="reft_r1")
    fair = make_rows("a", "b", ["hit", "stuck"] * 30, control="reft_r1@equal_damage")
    asked = [expect(versus="reft_r1", at_least=0.2), expect(versus="reft_r1", at="equal_damage", at_least=0.2)]
    own, equal = judge(asked, Measurements(rows={"e": rows + fair})).expectations
    assert (own.verdict, own.measured, own.at) == ("FAIL", 0.0, "own_best")
    assert (equal.verdict, equal.measured, equal.at) == ("PASS", pytest.approx(0.5), "equal_damage")


def test_a_competitor_that_even_at_its_weakest_costs_more_decides_nothing(make_rows):
    rows = make_rows("a", "b", ["hit"] * 60) + make_rows("a", "b", ["stuck"] * 60, control="reft_r1")
    verdict = judge([expect(versus="reft_r1", at="equal_damage", at_least=0.0)], Measurements(rows={"e": rows}))
    assert verdict.exit_code == 1
    (item,) = verdict.expectations
    assert (item.verdict, item.reason) == ("INCONCLUSIVE", "reft_r1 was not measured at equal damage")


def test_direct_ask_comes_from_its_rows(make_rows):
    rows = make_rows("a", "b", ["stuck"] * 60) + make_rows("b", "b", ["hit"] * 60, control="direct_ask")
    judged = judge([expect("direct_ask")], Measurements(rows={"e": rows})).expectations[0]
    assert (judged.measured, judged.verdict) == (1.0, "PASS")


def test_locality_takes_the_worst_corpus_and_respects_forced():
    def number(value, on, forced=False):
        return Measured("drift_kl", Estimate(value, value, value, 500, 50), on=on, forced=forced)

    numbers = [number(0.001, "neutral"), number(0.5, "neutral", forced=True), number(0.05, "other_relations")]
    measurements = Measurements(numbers=numbers)

    def verdict(**fields):
        return judge([expect("drift_kl", at_most=0.02, **fields)], measurements).expectations[0]

    assert verdict(on="neutral").verdict == "PASS"
    assert verdict(on="neutral", forced=True).verdict == "FAIL"
    assert (verdict().on, verdict().verdict) == ("other_relations", "FAIL")
    assert verdict(on="other_subjects").verdict == "INCONCLUSIVE"


def test_binding_is_about_unseen_prompts_unless_it_says_otherwise():
    good, bad = Estimate(1, 0.97, 1, 90, 90), Estimate(0.2, 0.1, 0.3, 90, 90)
    numbers = [
        Measured("binding_accuracy", good, on="seen_template_seen_subject"),
        Measured("binding_accuracy", bad, on="unseen_template_unseen_subject"),
    ]
    judged = judge(
        [expect("binding_accuracy"), expect("binding_accuracy", on="seen_template_seen_subject")], Measurements(numbers=numbers)
    )
    assert [item.verdict for item in judged.expectations] == ["FAIL", "PASS"]


def test_what_is_required_is_said():
    assert judge_one(expect(at_least=0.7), measured()).required == ">= 0.7"
    assert judge_one(expect(at_least=0.7, at_most=0.9), measured()).required == ">= 0.7 and <= 0.9"
