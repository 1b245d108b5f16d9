"""Two measurements side by side: 0 where they are the same, paired where the prompts are, and plain about what differs."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kedit.errors import InputError
from kedit.verification.changes import change
from kedit.verification.comparing import compare
from kedit.verification.metrics import control_summary, paired_difference, swap_summary
from kedit.verification.outcomes import SwapRow, save_rows
from kedit.verification.report import EditResult, Evaluation, JudgedExpectation, Protocol, Report, ReportProtocol, RunInfo

HEADLINE = "unseen_template_unseen_subject"
RATES = st.floats(0, 1)


@pytest.fixture
def save(make_rows, tmp_path):
    """`save("a", hits, ...)`: a run with this many hits of 45 items; `report=True`: the report of a recipe instead."""

    def make(name: str, hits: int, *, report: bool = False, keep_rows: bool = True, source: str = "ex:a", **run: Any) -> Path:
        rows = make_rows(source, "ex:b", ["hit"] * hits + ["stuck"] * (45 - hits), edit="e" if report else "")
        rows += make_rows(source, "ex:b", ["stuck"] * 45, control="noop", edit="e" if report else "")
        folder = tmp_path / name
        protocol = Protocol(seed=0, strength=1.0)
        about = RunInfo(name=name, ontology="o.ttl", **run)
        swap, controls = swap_summary(rows), control_summary(rows)
        if report:
            edit = {
                "id": "e",
                "op": "swap",
                "from": source,
                "to": "ex:b",
                "hook_point": "blocks.1.hook_resid_post",
                "strength": 1,
            }
            fields = {"quadrants": swap.quadrants, "pairs": swap.pairs, "controls": controls}
            verdict = "PASS" if hits > 20 else "FAIL"
            judged = JudgedExpectation(
                metric="hit", edit="e", required=">= 0.4", measured=hits / 45, ci=(0.3, 0.6), verdict=verdict
            )
            protocol = ReportProtocol(seed=0, calibrated_strength=1.0)
            Report(
                recipe="r", verdict=verdict, protocol=protocol, run=about, expectations=(judged,),
                edits=(EditResult.model_validate(edit | fields),),
            ).save(folder / "report.json")  # fmt: skip
        else:
            knowledge = {"ex:b": {"asked": 15, "known": 15, "direct_ask": hits / 45}}
            Evaluation.model_validate(
                {
                    "protocol": protocol, "run": about, "hook_point": "blocks.1.hook_resid_post", "swap": swap,
                    "controls": controls, "knowledge": knowledge,
                    "binding": {"quadrants": {HEADLINE: {"n": 45, "accuracy": 0.9, "ci": [0.8, 1]}}, "false_positive_rate": 0.01},
                    "locality": {
                        "retention": {"other_relations": {"scoped": {"value": hits / 45, "ci": [0, 1], "n": 45}}},
                        "scope_leak": {
                            "negatives": {"value": hits / 90, "ci": [0, 0.5], "n": 90},
                            "other_subjects": {"value": 0, "ci": [0, 0.1], "n": hits},
                        },
                        "subject_miss": {"value": 0, "ci": [0, 0.1], "n": hits},
                        "read_back": {"value": hits / 20, "ci": [1, 2], "n": 45},
                        "drift_kl": {"neutral": {"forced": {"mean": 1.5, "p95": 3.0, "ci": [1.2, 1.8], "n": 100}}},
                    },
                }
            ).save(folder / "evaluation.json")  # fmt: skip
        if keep_rows:
            save_rows(folder / "rows.jsonl", rows)
        return folder

    return make


def differences(value: Any) -> Iterator[float | None]:
    """Every `difference` of a document."""
    if isinstance(value, dict):
        if "difference" in value:
            yield value["difference"]
        for inner in value.values():
            yield from differences(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from differences(inner)


@pytest.mark.parametrize("report", [False, True])
@pytest.mark.parametrize("keep_rows", [False, True])
def test_the_same_has_no_differences(save, report, keep_rows):
    a = save("a", 30, report=report, keep_rows=keep_rows)
    found = compare(a, a)
    assert found.identical
    assert found.differs == ()
    assert {value for value in differences(found.document()) if value is not None} == {0.0}
    assert not any(item.changed for item in found.expectations)


def test_the_same_prompts_are_paired(save):
    found = compare(save("a", 20), save("b", 30))
    hit = found.parts[0].quadrants[HEADLINE].hit
    assert (hit.method, hit.n, hit.difference) == ("paired", 45, pytest.approx(10 / 45))
    assert found.pairing.startswith("paired")
    (pair,) = found.parts[0].pairs
    assert (pair.source, pair.hit.method, pair.hit.difference) == ("ex:a", "paired", hit.difference)
    assert found.parts[0].controls["noop"].difference == 0
    assert found.knowledge["ex:b"].direct_ask.difference == pytest.approx(10 / 45)
    assert found.damage["retention other_relations scoped"].method == "unpaired"
    assert found.damage["drift_kl neutral forced"].difference == 0
    leak = found.damage["scope_leak negatives"]
    assert (leak.difference, leak.n_a, leak.method) == (pytest.approx(10 / 90), 90, "unpaired")
    assert found.damage["subject_miss"].ci_b == (0, 0.1)
    assert found.damage["read_back"].difference == 0.5
    assert "gate_leak" not in found.damage


def test_a_paired_interval_is_that_of_the_bootstrap(save, make_rows):
    found = compare(save("a", 20), save("b", 30)).parts[0].quadrants[HEADLINE].hit
    left = make_rows("ex:a", "ex:b", ["hit"] * 20 + ["stuck"] * 25)
    right = make_rows("ex:a", "ex:b", ["hit"] * 30 + ["stuck"] * 15)
    wanted = paired_difference(right, left)
    assert found.ci == (wanted.low, wanted.high)


def test_the_order_of_the_sides_turns_the_sign(save):
    a, b = save("a", 20), save("b", 30)
    there, back = (compare(*sides).parts[0].quadrants[HEADLINE].hit for sides in ((a, b), (b, a)))
    assert there.difference == -(back.difference or 0.0)
    assert there.ci == pytest.approx([-end for end in reversed(back.ci)])


@pytest.mark.parametrize("change_rows", ["none", "other prompts", "other measurement"])
def test_else_they_are_not_and_it_says_why(save, make_rows, change_rows):
    a, b = save("a", 20), save("b", 30, keep_rows=change_rows != "none")
    if change_rows == "other prompts":
        rows = make_rows("ex:a", "ex:b", ["hit"] * 30 + ["stuck"] * 15)
        save_rows(b / "rows.jsonl", [SwapRow.from_json(row.to_json() | {"prompt_id": f"{row.prompt_id}!"}) for row in rows])
    elif change_rows == "other measurement":
        save_rows(b / "rows.jsonl", make_rows("ex:a", "ex:b", ["hit"] * 3))
    found = compare(a, b)
    hit = found.parts[0].quadrants[HEADLINE].hit
    assert (hit.method, hit.difference) == ("unpaired", pytest.approx(10 / 45))
    reason = {"none": "no rows.jsonl", "other prompts": "few prompts", "other measurement": "of another measurement"}
    assert reason[change_rows] in found.pairing
    assert "half widths" in found.pairing


@given(a=RATES, b=RATES, h_a=st.floats(0, 0.5), h_b=st.floats(0, 0.5))
def test_unpaired_intervals_combine_half_widths(a: float, b: float, h_a: float, h_b: float) -> None:
    made = change(a, b, (a - h_a, a + h_a), (b - h_b, b + h_b), bounds=None)
    assert made.difference == b - a
    low, high = made.ci
    assert low is not None
    assert high is not None
    assert math.isclose((high - low) / 2, math.hypot(h_a, h_b), abs_tol=1e-9)
    assert made.excludes_zero == (low > 0 or high < 0)
    bounded = change(a, b, (a - h_a, a + h_a), (b - h_b, b + h_b)).ci
    assert all(end is not None and -1 <= end <= 1 for end in bounded)


def test_what_is_missing_has_no_difference():
    assert change(None, 0.5).method == "none"
    assert change(0.4, 0.5).ci == (None, None)
    assert not change(0.4, 0.5).excludes_zero


def test_what_was_made_differently_is_said_not_refused(save):
    a, b = save("a", 20), save("b", 30, fingerprint="f" * 64, ontology_sha256="0" * 64)
    differs = {item.what: (item.a, item.b) for item in compare(a, b).differs}
    assert differs == {"run.fingerprint": ("", "f" * 64), "run.ontology_sha256": ("", "0" * 64)}


def test_verdicts_that_changed(save):
    found = compare(save("a", 20, report=True), save("b", 30, report=True) / "report.json")
    (item,) = found.expectations
    assert (item.verdict_a, item.verdict_b, item.changed) == ("FAIL", "PASS", True)
    assert (found.a.verdict, found.b.verdict, found.kind) == ("FAIL", "PASS", "report")


def test_edits_that_only_one_side_has(save):
    a, b = save("a", 20, report=True), save("b", 30, report=True)
    data = json.loads((b / "report.json").read_text())
    data["edits"][0]["id"] = "other"
    (b / "report.json").write_text(json.dumps(data))
    found = compare(a, b)
    assert (found.only_in_a, found.only_in_b, found.parts) == (("e",), ("other",), ())


def test_a_run_is_not_compared_to_a_report(save):
    with pytest.raises(InputError, match="is the report of a recipe") as caught:
        compare(save("a", 20), save("b", 30, report=True))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "there is no run or report"),
        (lambda path: path.mkdir(), "neither evaluation.json nor report.json"),
        (lambda path: (path.mkdir(), (path / "run.json").write_text("{}")), "is not finished"),
        (lambda path: path.write_text("{}"), "unknown schema None"),
        (lambda path: path.write_text("[]"), "unknown schema None"),
        (lambda path: path.write_text("no json"), "is not a JSON document"),
        (lambda path: path.write_text('{"schema": "kedit.report/1", "verdict": "MAYBE"}'), "verdict"),
    ],
    ids=["nothing", "empty", "unfinished", "other", "list", "damaged", "invalid"],
)
def test_what_cannot_be_compared_is_an_input_error(save, tmp_path, make, said):
    a, b = save("a", 20), tmp_path / "b"
    make(b)
    with pytest.raises(InputError) as caught:
        compare(a, b)
    assert said in str(caught.value)


def test_damaged_rows_are_an_input_error(save):
    a = save("a", 20)
    (a / "rows.jsonl").write_text('{"prompt_id": 1}\n')
    with pytest.raises(InputError, match="is damaged") as caught:
        compare(a, a)
    assert "rows.jsonl" in str(caught.value)


def test_a_near_miss_of_a_path_is_advised(save):
    a = save("countries", 20)
    with pytest.raises(InputError) as caught:
        compare(a, a.with_name("contries"))
    assert "countries" in (caught.value.advice or "")
