"""The page of a comparison: A, B and B - A within 100 columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from kedit.reporting import terminal
from kedit.reporting.comparison import render_comparison
from kedit.verification.comparing import comparison
from kedit.verification.documents import Source


@pytest.fixture
def shifted(evaluation):
    """The same evaluation, a little worse in everything."""
    data = evaluation.document()
    for row in data["swap"]["quadrants"].values():
        row["hit"], row["ci"] = row["hit"] - 0.5, [end - 0.5 for end in row["ci"]]
    for pair in data["swap"]["pairs"]:
        pair["hit"] *= 0.5
    data["knowledge"]["ex:hasCapital"]["known"] = 3
    data["run"]["ontology_sha256"] = "a" * 64
    return type(evaluation).model_validate(data)


def text(a, b) -> str:
    sides = (Source(Path("runs") / name, document) for name, document in (("one", a), ("other", b)))
    return terminal.to_text(render_comparison(comparison(*sides)))


def test_evaluations(evaluation, shifted):
    shown = text(evaluation, shifted)
    assert max(map(len, shown.splitlines())) <= 100
    for expected in (
        "runs/other", "unpaired", "Made differently", "aaaaaaaaaaaa…", "unseen × unseen", "-0.50", "Pairs that changed most",
        "random direction", "KL neutral forced", "3 of 150", "-110",
    ):  # fmt: skip
        assert expected in shown
    assert "…" not in shown.replace("aaaaaaaaaaaa…", "")


def test_the_same(evaluation):
    shown = text(evaluation, evaluation)
    for expected in ("A and B are the same", "Made alike", "What the model knows is the same, over 6 relations"):
        assert expected in shown
    assert "-0.0" not in shown.replace("[-0.0", "")


def test_reports(report):
    judged = (report.expectations[0].model_copy(update={"verdict": "FAIL", "measured": 0.5}), *report.expectations[2:])
    other = report.model_copy(update={"verdict": "FAIL", "expectations": judged})
    shown = text(report, other)
    assert max(map(len, shown.splitlines())) <= 100
    for expected in ("✗ FAIL 0.50", "changed", "not expected", "capital-to-language: hit"):
        assert expected in shown


def test_text_of_users_is_no_markup(report):
    odd = report.edits[0].model_copy(update={"id": "[red]odd"})
    changed = report.model_copy(update={"recipe": "[b]recipe", "edits": (odd,)})
    shown = text(report, changed)
    assert "[b]recipe" in shown
    assert "only in B: [red]odd" in shown
