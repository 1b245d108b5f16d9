"""Tables: everything is there, nothing is wider than 100 columns, and about one page."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kedit.reporting import terminal
from kedit.verification.report import Evaluation, Protocol, Report, ReportProtocol


@pytest.fixture(scope="module")
def evaluation_text(evaluation):
    return terminal.to_text(terminal.render_evaluation(evaluation))


@pytest.fixture(scope="module")
def report_text(report):
    return terminal.to_text(terminal.render_report(report))


@pytest.mark.parametrize("name", ["evaluation_text", "report_text"])
def test_fits_a_page_of_100_columns(name, request):
    lines = request.getfixturevalue(name).splitlines()
    assert max(map(len, lines)) <= 100
    assert len(lines) <= 60


@pytest.mark.parametrize("name", ["evaluation_text", "report_text"])
def test_no_number_is_cut_off(name, request):
    text = request.getfixturevalue(name)
    assert all("…" not in line or "Chad" in line or "strength" in line for line in text.splitlines())


def test_evaluation_shows_every_block(evaluation_text):
    for expected in (
        "hasCapital", "blocks.8.hook_resid_post", "▸ blocks.17.hook_resid_post", "explained variance 0.84", "unseen × unseen",
        "random direction", "never trained", "worst hasCapital → borders", "retention other relations", "KL neutral", "all facts",
        "read-back", "known",
    ):  # fmt: skip
        assert expected in evaluation_text


def test_report_shows_verdict_and_exit_code(report_text):
    assert "✗ FAIL  3 of 4 expectations met · exit code 1" in report_text
    assert "hit capital-to-language versus diff_means" in report_text
    assert "versus trained_vector" in report_text
    assert "equal damage" in report_text
    assert "0.031 [0.020, 0.040]" in report_text
    assert "not measured" in report_text


def test_text_of_users_is_no_markup(report_text):
    assert "[b]N'Djamena" in report_text
    assert "<script>" in report_text


def test_empty_documents_render():
    evaluation = Evaluation(protocol=Protocol(seed=0, strength=None), hook_point="blocks.0.hook_resid_post")
    assert "blocks.0" in terminal.to_text(terminal.render_evaluation(evaluation))
    protocol = ReportProtocol(seed=0, calibrated_strength=None)
    text = terminal.to_text(terminal.render_report(Report(verdict="UNVERIFIED", protocol=protocol)))
    assert "UNVERIFIED" in text
    assert "exit code 1" in text


def test_nan_stands_as_a_dash(evaluation):
    row = evaluation.swap.quadrants["unseen_template_unseen_subject"]
    broken = row.model_copy(update={"hit": None, "ci": (None, None), "exact": None, "stuck": None})
    swap = evaluation.swap.model_copy(update={"quadrants": {"unseen_template_unseen_subject": broken}})
    text = terminal.to_text(terminal.render_evaluation(evaluation.model_copy(update={"swap": swap})))
    assert "nan" not in text.lower()
    assert "–" in text


def test_many_edits_and_relations_stay_on_the_page(report, evaluation):
    edits = [report.edits[0].model_copy(update={"id": f"edit-{i}", "transcripts": (), "curve": ()}) for i in range(4)]
    text = terminal.to_text(terminal.render_report(report.model_copy(update={"edits": tuple(edits)})))
    assert max(map(len, text.splitlines())) <= 100
    assert "edit-3" in text
    pairs = [
        pair.model_copy(update={"source": f"ex:relation{i}", "target": f"ex:relation{i + 1}"})
        for i, pair in enumerate(p for p in evaluation.swap.pairs if p.quadrant == "unseen_template_unseen_subject")
    ]
    swap = evaluation.swap.model_copy(update={"pairs": tuple(pairs)})
    text = terminal.to_text(terminal.render_evaluation(evaluation.model_copy(update={"swap": swap})))
    assert "The worst of 30 pairs" in text
    assert max(map(len, text.splitlines())) <= 100


def test_long_names_do_not_cut_numbers(evaluation):
    long = {f"ex:{'veryLongRelationName' * 2}{i}": row for i, row in enumerate(evaluation.knowledge.values())}
    text = terminal.to_text(terminal.render_evaluation(evaluation.model_copy(update={"knowledge": long})))
    assert max(map(len, text.splitlines())) <= 100
    assert "150   113 130" in text


def test_colours_only_where_asked(evaluation):
    renderable = terminal.render_evaluation(evaluation)
    assert "\x1b" not in terminal.to_text(renderable)
    assert "\x1b" in terminal.to_text(renderable, color=True)


def test_small_documents():
    knowledge = {
        "knowledge": {"ex:a": {"asked": 10, "known": 4}},
        "templates": [{"relation": "ex:a", "template": "[t]", "n": 3, "hit": 0.5}],
    }
    text = terminal.to_text(terminal.render_knowledge(knowledge))
    assert "[t]" in text
    tree = terminal.to_text(
        terminal.render_tree({"edits": [{"id": "one", "strength": None}], "seed": 0, "names": ["a", "b"]}, "Plan")
    )
    assert "one" in tree
    assert "a, b" in tree


def test_no_torch_needed():
    code = (
        "import sys, kedit.reporting.terminal, kedit.reporting.html, kedit.verification.verdict; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
