"""Outcomes: the order of the four, and what a gate that did not fire may not claim."""

from __future__ import annotations

import pytest

from kedit.curriculum.answers import AnswerMatcher
from kedit.verification.outcomes import SwapRow, classify, load_rows, save_rows

LANGUAGES = AnswerMatcher({"fr": ["French"], "de": ["German", "Deutsch"], "paris": ["Parisian"]})
CAPITALS = AnswerMatcher({"paris": ["Paris"], "berlin": ["Berlin"]})


def outcome(text, fired=True, source=CAPITALS):
    return classify(text, target=LANGUAGES, accepted={"fr"}, source=source, old={"paris"}, fired=fired)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" French.", "hit"),
        (" French and Paris", "hit"),
        (" Paris, where French is spoken", "stuck"),
        (" German", "wrong_subject"),
        (" Deutsch, of course", "wrong_subject"),
        (" Berlin", "derailed"),
        (" Frenchman", "derailed"),
        ("", "derailed"),
        ("\nFrench", "derailed"),
    ],
)
def test_order(text, expected):
    assert outcome(text) == expected


def test_hit_before_stuck():
    both = AnswerMatcher({"x": ["Rome"]})
    assert classify("Rome", target=both, accepted={"x"}, source=both, old={"x"}) == "hit"


def test_without_a_source_nothing_is_stuck():
    assert outcome(" Paris", source=None) == "derailed"


def test_a_right_answer_without_the_edit_is_no_hit():
    assert outcome(" French", fired=False) == "derailed"
    assert outcome(" Paris", fired=False) == "stuck"


def row(**changes):
    values = {
        "prompt_id": "p", "subject": "s", "carrier": "c", "source": "a", "target": "b", "quadrant": "q", "strength": 1.0,
        "text": "né\n", "outcome": "hit", "exact": True,
    }  # fmt: skip
    return SwapRow(**values | changes)


def test_rows_survive_json_lines(tmp_path):
    rows = [row(), row(outcome="stuck", behavioural=False, control="noop", known=False)]
    save_rows(tmp_path / "rows.jsonl", rows)
    assert load_rows(tmp_path / "rows.jsonl") == rows


def test_unknown_outcomes_and_keys_are_refused():
    with pytest.raises(ValueError, match="unknown outcome"):
        row(outcome="great")
    with pytest.raises(TypeError):
        SwapRow.from_json({**row().to_json(), "extra": 1})


def test_hit_needs_the_gate():
    assert row().hit
    assert not row(gate=False).hit
