"""Leaks and misses with interval and number, the same on the terminal and on the page."""

from __future__ import annotations

import pytest

from kedit.reporting import format as fmt
from kedit.reporting import terminal
from kedit.reporting.html import evaluation_page, report_page
from kedit.reporting.scope import own_prompts_lines, scope_rows, scope_table
from kedit.verification.figures import Fluency, Gate, Locality, OwnPrompts, Rate, Share

LEAK, MISS = Share(value=0.125, ci=(0.02, 0.31), n=40), Share(value=0.0, ci=(0.0, 0.09), n=38)
NOTE = "old and new answer share a text: 2; answer stands in the prompt: 1"


@pytest.fixture
def own():
    return OwnPrompts(
        n=60, scope_leak=LEAK, scope_miss=MISS, subject_leak=MISS, subject_miss=LEAK,
        known=Rate(n=30, subjects=30, hit=0.5, ci=(0.3, 0.7)), informative=Gate(kept=30, dropped=3, note=NOTE),
    )  # fmt: skip


def test_every_figure_stands_with_its_interval_and_number(locality):
    text = terminal.to_text(scope_table(locality))
    assert {line[:28].strip() for line in text.splitlines()} >= {
        "fires, other relations asked", "fires, subjects out of scope", "fires, nothing asked", "fires, where it should",
        "scope by subject", "gate",
    }  # fmt: skip
    assert text.count("[") == sum(bool(share) for _, *shares in scope_rows(locality) for share in shares) == 8
    assert "0.02 [0.00, 0.11] of 99" in text
    assert scope_table(Locality()) is None


@pytest.mark.parametrize("name", ["evaluation", "report", "rich"])
def test_the_page_says_the_same(name, request):
    document = request.getfixturevalue(name)
    page = (evaluation_page if name == "evaluation" else report_page)(document)
    text = terminal.to_text(terminal.render_evaluation(document) if name == "evaluation" else terminal.render_report(document))
    shares = [fmt.counted(share) for _, *both in scope_rows(document.locality) for share in both if share]
    for said in (*shares, "0.013 [0.011, 0.016] of 240"):
        assert said in text
        assert said in page
    assert list(own_prompts_lines("e", OwnPrompts(n=0))) == []


def test_own_prompts_say_where_the_edit_fires_and_what_was_left_out(own, rich):
    edit = rich.edits[0].model_copy(update={"own_prompts": own})
    report = rich.model_copy(update={"edits": (edit,)})
    text = terminal.to_text(terminal.render_report(report))
    page = report_page(report)
    for said in ("0.12 [0.02, 0.31] of 40", "0.00 [0.00, 0.09] of 38"):
        assert said in text
        assert said in page
    assert "scope by subject: leak 0.00 [0.00, 0.09] of 38 · miss 0.12 [0.02, 0.31] of 40" in text
    assert "gate: leak" not in text
    assert "left out 3: " + NOTE in text
    for shown in (text, page):
        assert NOTE in " ".join(shown.split())
    assert max(map(len, text.splitlines())) <= 100


def test_texts_that_end_at_once_are_shown_before_and_after(rich):
    fluency = Fluency(n=0, ended_base=Share(value=0.125, n=48), ended_edited=Share(value=0.875, ci=(0.7, 0.95), n=48))
    report = rich.model_copy(update={"edits": (rich.edits[0].model_copy(update={"fluency": fluency}),)})
    text = " ".join(terminal.to_text(terminal.render_report(report)).split())
    assert "perplexity × –" in text
    assert "ended at once 0.88 (0.12 before)" in text
    page = report_page(report)
    assert "texts that end with the answer" in page
    assert "0.88" in page
